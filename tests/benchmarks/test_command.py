"""`make bench`, as one types it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.figures import Figure
from benchmarks.measures import MEASURES
from benchmarks.measuring import Scale
from benchmarks.place import Place
from benchmarks.report import Results
from tests.running import until


def test_the_command_measures_prints_keeps_and_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["latency", "--quick", "--runs", "2", "--store", "sqlite", "--where", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *asked])
    command.main()
    assert "create to worker, p50" in capsys.readouterr().out
    (kept,) = Results(tmp_path / "quick" / "results").read("sqlite")
    assert len(kept.runs) == 2
    text = (tmp_path / "quick" / "benchmarks.md").read_text(encoding="utf-8")
    assert f'By `make bench ARGS="{" ".join(asked)}"`' in text
    assert "### Latency" in text


def test_a_measure_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "speed"])
    with pytest.raises(SystemExit):
        command.main()
    assert "there is no measure speed" in capsys.readouterr().err


def test_a_bench_that_is_told_to_end_leaves_nothing_behind(tmp_path: Path) -> None:
    arguments = ["latency", "--store", "sqlite", "--where", str(tmp_path)]
    bench = subprocess.Popen([sys.executable, "-m", "benchmarks", *arguments], stderr=subprocess.DEVNULL)
    until(lambda: any(tmp_path.glob("data-*/data-factory.sqlite")), "a server has begun", seconds=60)
    bench.send_signal(signal.SIGTERM)
    assert bench.wait(timeout=60) == 128 + signal.SIGTERM
    assert not [*tmp_path.glob("data-*")], "its server has ended, and its data is removed"


def test_a_measure_that_fails_is_told_and_the_others_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(place: Place, scale: Scale) -> list[Figure]:
        """It fails."""
        raise RuntimeError("the server did not start")

    monkeypatch.setitem(MEASURES, "latency", fails)
    monkeypatch.setitem(MEASURES, "chain", _one_figure)
    asked = ["latency", "chain", "--quick", "--runs", "1", "--store", "sqlite", "--where", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *asked])
    with pytest.raises(SystemExit, match="failed: latency on sqlite"):
        command.main()
    assert "the server did not start" in capsys.readouterr().err
    assert [one.name for one in Results(tmp_path / "quick" / "results").read("sqlite")] == ["chain"]


def _one_figure(place: Place, scale: Scale) -> list[Figure]:
    """It gives a figure."""
    return [Figure("jobs", 1, "/s")]
