"""The harness that runs ours and the peers side by side: here with ours alone, since nothing is fetched in tests."""

from __future__ import annotations

import math
import os
import sys
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from benchmarks.figures import Figure
from benchmarks.peers.measures import Seconds
from benchmarks.peers.ours import OURS
from benchmarks.peers.page import ORDER, tables
from benchmarks.peers.peer import Peer, System
from benchmarks.peers.rounds import Round, Rounds
from benchmarks.peers.stage import Failed, Stage, set_up
from benchmarks.peers.tools import NotInstalled, Tools
from benchmarks.place import Place
from benchmarks.report import Results, page
from tests.running import until

MOMENT = Seconds(sweep=0.05, throughput=0.05, latency=0.2, chain=0.05)

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, "ready", flush=True)
time.sleep(600)
"""


def rounds(place: Place) -> Rounds:
    return Rounds(place, MOMENT, Console(file=StringIO()))


def only_on_sqlite(peer: Peer) -> Peer:
    systems = [msgspec.structs.replace(system, in_flight=(4,)) for system in peer.systems if system.store == "sqlite"]
    return msgspec.structs.replace(peer, systems=systems)


def never(stage: Stage) -> None:
    raise AssertionError("it is not installed")


def test_ours_is_measured_in_every_way_and_leaves_nothing_behind(sqlite: Place) -> None:
    found = rounds(sqlite)
    peer = only_on_sqlite(OURS)
    (one,) = found.run([peer], 1)
    assert found.failures == {}
    assert len(peer.systems) == 2
    for system in peer.systems:
        assert one[system.name].keys() == {"throughput", "latency", "chain"}
        figures = [figure for measured in one[system.name].values() for figure in measured]
        assert {"jobs", "server", "p50", "p99", "a step"} <= {figure.name for figure in figures}
        assert all(math.isfinite(figure.value) and figure.value >= 0 for figure in figures)
        assert all(figure.system == system.name for figure in figures)
    assert not list(sqlite.where.glob("data-*"))


def test_a_peer_that_cannot_be_installed_is_told_of_and_the_others_go_on(sqlite: Place) -> None:
    def no_network(tools: Tools) -> None:
        raise NotInstalled("no network")

    absent = Peer(
        "absent",
        "1.0",
        no_network,
        [System("Absent", never, (1,), "a job"), System("Absent, too", never, (1,), "a job")],
    )
    found = rounds(sqlite)
    ours = msgspec.structs.replace(OURS, systems=only_on_sqlite(OURS).systems[:1])
    (one,) = found.run([absent, ours], 1)
    assert found.failures == {"Absent": "no network", "Absent, too": "no network"}
    assert one.keys() == {system.name for system in ours.systems}


def test_what_pip_cannot_install_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.peers.tools.REQUIREMENTS", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "absent.txt").write_text(f"absent==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(NotInstalled, match=r"^ERROR: .*absent==1.0") as refused:
        Tools(tmp_path / "peers").environment("absent")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "peers" / "absent" / "installed").exists(), "it is tried again"


def test_a_program_that_does_not_start_is_told_of_with_its_last_words(sqlite: Place) -> None:
    with (
        set_up(sqlite, Tools(sqlite.where)) as stage,
        pytest.raises(Failed, match="has ended with 1: ValueError: no such option"),
    ):
        stage.start("server", [sys.executable, "-c", "raise ValueError('no such option')"])


def test_a_load_that_says_nothing_is_given_up(sqlite: Place) -> None:
    with set_up(sqlite, Tools(sqlite.where)) as stage:
        stage.drive([sys.executable, "-c", "print('1', flush=True); input(); input()"])
        assert stage.driver is not None
        with pytest.raises(Failed, match="nothing came back"):
            stage.driver.ask("throughput", patience_s=0.1)


def test_all_that_a_program_has_started_ends_with_the_stage(sqlite: Place) -> None:
    with set_up(sqlite, Tools(sqlite.where)) as stage:
        stage.start("server", [sys.executable, "-c", PARENT])
        (log,) = stage.directory.glob("*.log")
        child = int(log.read_text().split()[0])
        assert stage.cpu()["server"] >= 0
        os.kill(child, 0)
    until(lambda: not Path(f"/proc/{child}").exists() or is_dead(child), "the child has ended")


def is_dead(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_ours_is_held_against_the_fastest_durable_peer_with_a_worker_outside(tmp_path: Path) -> None:
    ours = System("Ours", never, (1,), "a job", store="sqlite", outside=True, ours=True)
    outside = System("Theirs", never, (1,), "a call", "no leases", outside=True)
    in_process = System("In process", never, (1,), "a call")
    broken = System("Broken", never, (1,), "a call")
    jobs = {"Ours": 600.0, "Theirs": 100.0, "In process": 900.0}
    p50 = {"Ours": 2.0, "Theirs": 3.0, "In process": 1.0}
    one: Round = {
        name: {
            "throughput": [Figure("jobs", jobs[name], "/s", system=name)],
            "latency": [Figure("p50", p50[name], "ms", system=name)],
        }
        for name in jobs
    }
    taken = tables(
        [one],
        [ours, outside, in_process, broken],
        {"Broken": "no network"},
        command="make bench-peers",
        at="2026-11-25T12:00:00",
        machine=[("CPU", "one of the tests")],
    )
    results = Results(tmp_path)
    results.keep("peers", taken, order=ORDER)
    text = page(results)
    assert "| Ours | jobs, times the best peer's | 6 |  | x | ≥ 5 ✓ |" in text
    assert (
        "| Ours | p50 of create to worker, times better than the best peer's | 0.5 |  | x | > 1 ✗ **not reached** |"
        in text
    )
    assert "| Theirs | 100 | 6 |" in text
    assert "- **Theirs**: a call. Left out: no leases." in text
    assert "- **Broken**: a call. **Did not run: no network**" in text
    assert "chain" not in text, "nothing was measured of it"
