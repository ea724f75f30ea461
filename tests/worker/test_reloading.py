"""`--reload`: the worker begins anew when its code changes, and nothing is lost by it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from data_factory.cli.reloading import Sources
from data_factory.client import Client
from tests.worker.conftest import Desk
from tests.worker.test_process import end, read_line, settings, worker_process

__all__ = ["settings"]

FIRST = """
import threading
from data_factory import task

@task({key!r})
def work():
    print("begun", flush=True)
    threading.Event().wait()
"""

THEN = """
from data_factory import task

@task({key!r})
def work():
    return {{"mended": True}}
"""


def test_what_ran_is_run_by_the_new_code_as_the_same_attempt(
    tmp_path: Path, settings: dict[str, str], api: Client, desk: Desk
) -> None:
    execution_id = desk.launch()
    program = FIRST.format(key=desk.key)
    with worker_process(tmp_path, program, "--reload", "--grace", "0", **settings) as process:
        read_line(process.stdout, "begun")
        (tmp_path / "tasks.py").write_text(THEN.format(key=desk.key))
        read_line(process.stderr, "is handed back")
        read_line(process.stderr, "tasks.py changed: starting anew.")
        done = api.job_executions.get(execution_id, wait=20)
        assert (done.status, done.output) == ("COMPLETED", {"mended": True})
        process.send_signal(signal.SIGTERM)
        code, said = end(process)
    assert code == 0, said
    assert desk.task_execution(execution_id).attempt == 1


@pytest.mark.parametrize(
    ("broken", "said"), [("def", "SyntaxError"), ("", "has no task"), ("raise ValueError('at import')", "at import")]
)
def test_what_is_wrong_is_said_and_waits_to_be_mended(
    tmp_path: Path, settings: dict[str, str], desk: Desk, broken: str, said: str
) -> None:
    with worker_process(tmp_path, broken, "--reload", **settings) as process:
        read_line(process.stderr, said)
        read_line(process.stderr, "Waiting for a change of the code.")
        (tmp_path / "tasks.py").write_text(THEN.format(key=desk.key))
        read_line(process.stderr, f"running {desk.key}")
        process.send_signal(signal.SIGINT)
        assert end(process)[0] == 0


def test_a_task_that_is_not_there_waits_too_and_ctrl_c_ends_it(
    tmp_path: Path, settings: dict[str, str], desk: Desk
) -> None:
    with worker_process(tmp_path, THEN.format(key=f"{desk.key}-x"), "--reload", **settings) as process:
        read_line(process.stderr, "no task has the key")
        read_line(process.stderr, "Waiting for a change of the code.")
        process.send_signal(signal.SIGINT)
        assert end(process) == (0, "")


def test_a_refused_key_is_not_waited_for(tmp_path: Path, settings: dict[str, str], desk: Desk) -> None:
    wrong = settings | {"API_ACCESS_TOKEN": "wrong"}
    with worker_process(tmp_path, THEN.format(key=desk.key), "--reload", **wrong) as process:
        assert end(process)[0] == 3


def test_files_that_are_new_gone_or_different_are_found_and_no_others(tmp_path: Path) -> None:
    for name in ("a.py", "b.py", "deep/c.py", ".hidden/d.py", "venv/lib/e.py", "__pycache__/f.py", "data.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    (tmp_path / "venv/pyvenv.cfg").touch()
    sources = Sources(tmp_path, tmp_path / "deep")
    assert sources.changed() == []
    for name in (".hidden/d.py", "venv/lib/e.py", "__pycache__/f.py", "data.csv"):
        (tmp_path / name).write_text("22")
    assert sources.changed() == []
    (tmp_path / "a.py").unlink()
    os.utime(tmp_path / "b.py", ns=(1, 1))
    (tmp_path / "deep/new.py").touch()
    assert sources.wait() == [tmp_path / "a.py", tmp_path / "b.py", tmp_path / "deep/new.py"]
