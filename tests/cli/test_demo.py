from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from data_factory.cli import demo, demo_task
from tests.cli.conftest import CommandLine, interrupt
from tests.docs.page import ROOT
from tests.running import until

EXAMPLE = ROOT / "examples/power"


@pytest.fixture
def user(tmp_path: Path) -> CommandLine:
    """A user who has settings of their own, which are not for the demo."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / ".env").write_text("DATA_FACTORY_LOG_FORMAT=json\nDATA_FACTORY_HOST=nowhere.invalid\n")
    return CommandLine(
        tmp_path,
        TMPDIR=str(tmp_path / "temporary"),
        API_BASE_PATH="http://127.0.0.1:9",
        API_ACCESS_TOKEN="a-key-for-another-server",
        TASK_DEFINITION_ID="0" * 24,
        DATA_FACTORY_PORT="9",
        DATA_FACTORY_API_KEY="short",
    )


def assert_nothing_is_left(user: CommandLine) -> None:
    assert sorted(path.name for path in user.folder.iterdir()) == [".env", "temporary"]
    assert list((user.folder / "temporary").iterdir()) == []
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(user.folder) not in listed


@pytest.mark.parametrize(("words", "result"), [([], 1024), (["--power", "19"], 524288), (["--power", "100"], 2**100)])
def test_the_demo_ends_with_the_finished_job_execution(user: CommandLine, words: list[str], result: int) -> None:
    shown = user("demo", *words)
    execution = shown.json
    assert (execution["object"], execution["status"]) == ("job_execution", "COMPLETED")
    assert execution["output"] == {"result": result}
    assert [line.split()[0] for line in shown.err.splitlines()] == [
        *("server", "task", "job", "worker", "launched", "completed"),
    ]
    assert_nothing_is_left(user)


def test_the_demo_is_the_example() -> None:
    assert Path(demo_task.__file__).read_text() == (EXAMPLE / "power.py").read_text()
    assert json.loads((EXAMPLE / "job/job.json").read_text()) == demo.JOB


def test_it_can_be_kept_and_tried(user: CommandLine) -> None:
    with user.start("demo", "--keep") as process:
        assert process.stderr and process.stdout
        exports: dict[str, Any] = {}
        for line in process.stderr:
            if found := re.match(r" +export (\w+)=(\S+)$", line):
                exports[found[1]] = found[2]
            if "/docs" in line:
                break
        said = user("run", "run-task", "--input", "power=19", "--wait", **exports)
        assert said.json == {"result": 524288}
        assert httpx.get(f"{exports['API_BASE_PATH']}/docs").is_success
        interrupt(process)
        out, err = process.communicate(timeout=90)
    assert (process.returncode, "Traceback" in err) == (0, False)
    assert json.loads(out)["output"] == {"result": 1024}
    assert_nothing_is_left(user)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_nothing_behind(user: CommandLine, number: signal.Signals, code: int) -> None:
    with user.start("demo", "--keep") as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("worker"):
                break
        process.send_signal(number)
        _, err = process.communicate(timeout=90)
    assert (process.returncode, "Traceback" in err) == (code, False)
    assert_nothing_is_left(user)


def test_a_failure_shows_the_log(user: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        failed = user("demo", "--port", str(taken.getsockname()[1]), code=1)
    assert failed.out == ""
    assert "Error: The demo failed: The server did not start." in failed.err
    assert "Address already in use" in failed.err
    assert_nothing_is_left(user)


def test_a_server_that_dies_ends_it(user: CommandLine) -> None:
    with user.start("demo", "--keep") as process:
        assert process.stderr
        for line in process.stderr:
            if "/docs" in line:
                break
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        server = next(pid for pid in children if b"\0server\0" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(int(server), signal.SIGKILL)
        _, err = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "Error: The demo failed: the server has ended." in err
    assert "-- the log of the worker:" in err
    until(lambda: not Path(f"/proc/{server}").exists(), "it is gone")
    assert_nothing_is_left(user)


@pytest.mark.parametrize("words", [["--power", "-1"], ["--power", "10001"], ["--power", "x"], ["extra"]])
def test_wrong_use(user: CommandLine, words: list[str]) -> None:
    user("demo", *words, code=2)
    assert_nothing_is_left(user)
