"""The worker as a process: signals, exit codes, and tasks that do not end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from data_factory.client import Client
from tests.standin.ours import KEY
from tests.worker.conftest import Desk

PROGRAM = """
import asyncio, threading, time
from data_factory import TaskContext, task

@task({key!r})
def work(input, ctx: TaskContext):
    print("begun", ctx.workdir, flush=True)
    if input.get("hang"):
        threading.Event().wait()
    return {{"done": True}}
"""

ASYNC_PROGRAM = """
import asyncio
from data_factory import task

@task({key!r})
async def work(input):
    print("begun", flush=True)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
"""


@contextmanager
def worker_process(folder: Path, program: str, *options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    (folder / "tasks.py").write_text(program)
    command = [sys.executable, "-m", "data_factory.cli", "worker", "tasks", *options]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("API_", "TASK_", "DATA_FACTORY"))}
    home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=kept | home | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def settings(server: str) -> dict[str, str]:
    return {"API_BASE_PATH": f"{server}/", "API_ACCESS_TOKEN": KEY}


def read_line(stream: Any, wanted: str) -> str:
    for line in stream:
        if wanted in line:
            return str(line)
    raise AssertionError(f"{wanted!r} never came")


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=90)
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_an_idle_worker_in_good_order(
    tmp_path: Path, settings: dict[str, str], desk: Desk, number: signal.Signals
) -> None:
    with worker_process(tmp_path, PROGRAM.format(key=desk.key), **settings) as process:
        read_line(process.stderr, "running")
        process.send_signal(number)
        code, said = end(process)
    assert code == 0
    assert "Traceback" not in said
    assert said.count("\n") == 2, said


def test_a_thread_that_never_ends_is_handed_back_and_does_not_keep_the_process(
    tmp_path: Path, settings: dict[str, str], desk: Desk
) -> None:
    execution_id = desk.launch(hang=True)
    with worker_process(tmp_path, PROGRAM.format(key=desk.key), "--grace", "0", **settings) as process:
        workdir = Path(read_line(process.stdout, "begun").split()[1])
        process.send_signal(signal.SIGTERM)
        code, said = end(process)
    assert code == 0
    assert "is handed back" in said
    assert (desk.task_execution(execution_id).status, desk.task_execution(execution_id).attempt) == ("SCHEDULED", 1)
    assert not workdir.parent.exists()


def test_an_async_task_that_ignores_its_cancellation_does_not_keep_the_process(
    tmp_path: Path, settings: dict[str, str], desk: Desk
) -> None:
    execution_id = desk.launch()
    with worker_process(tmp_path, ASYNC_PROGRAM.format(key=desk.key), "--grace", "0", **settings) as process:
        read_line(process.stdout, "begun")
        process.send_signal(signal.SIGTERM)
        code, _ = end(process)
    assert code == 0
    assert desk.task_execution(execution_id).status == "SCHEDULED"


def test_a_second_signal_stops_at_once(tmp_path: Path, settings: dict[str, str], desk: Desk) -> None:
    execution_id = desk.launch(hang=True)
    with worker_process(tmp_path, PROGRAM.format(key=desk.key), **settings) as process:
        workdir = Path(read_line(process.stdout, "begun").split()[1])
        process.send_signal(signal.SIGINT)
        read_line(process.stderr, "once more stops at once")
        process.send_signal(signal.SIGINT)
        code, said = end(process)
    assert code == 130
    assert "stopping at once" in said
    assert desk.task_execution(execution_id).status == "IN_PROGRESS"
    assert not workdir.parent.exists()


def test_a_refused_key_ends_it_with_one_line(tmp_path: Path, settings: dict[str, str], desk: Desk) -> None:
    with worker_process(tmp_path, PROGRAM.format(key=desk.key), **settings | {"API_ACCESS_TOKEN": "wrong"}) as process:
        code, said = end(process)
    assert code == 3
    assert said.count("\n") == 1
    assert "refuses the API key" in said


def test_an_unknown_task_ends_it_with_one_line(tmp_path: Path, settings: dict[str, str], desk: Desk) -> None:
    with worker_process(tmp_path, PROGRAM.format(key=f"{desk.key}-x"), **settings) as process:
        code, said = end(process)
    assert code == 2
    assert said.count("\n") == 1
    assert f"no task has the key {desk.key}-x" in said
    assert f"its tasks are {desk.key}" in said, "the one that was meant comes first"


def test_a_module_that_cannot_be_imported_is_shown_without_what_is_ours(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    (tmp_path / "other.py").write_text("def divide():\n    return 1 / 0\n")
    with worker_process(tmp_path, "import other\nother.divide()\n", **settings) as process:
        code, said = end(process)
    assert code == 2
    assert said.endswith("Error: tasks cannot be imported: ZeroDivisionError: division by zero\n")
    assert [line.split(",")[0].rpartition("/")[2] for line in said.splitlines() if line.startswith("  File")] == [
        'tasks.py"', 'other.py"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "settings_", "message"),
    [
        ([], {}, "there is no API key"),
        ([], {"API_BASE_PATH": "localhost:8080"}, "is not the address of a server"),
        (["--concurrency", "0"], {}, "--concurrency"),
    ],
)
def test_wrong_settings_end_it_with_what_is_wrong(
    tmp_path: Path, options: list[str], settings_: dict[str, str], message: str
) -> None:
    with worker_process(tmp_path, PROGRAM.format(key="x"), *options, **settings_) as process:
        code, said = end(process)
    assert code == 2
    assert message in said
    assert "Traceback" not in said


def test_settings_are_read_from_dotenv(tmp_path: Path, settings: dict[str, str], api: Client, desk: Desk) -> None:
    lines = {**settings, "TASK_DEFINITION_ID": desk.task_id}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    with worker_process(tmp_path, PROGRAM.replace("@task({key!r})", "@task()").format()) as process:
        execution_id = desk.launch()
        assert api.job_executions.get(execution_id, wait=20).output == {"done": True}
        process.send_signal(signal.SIGTERM)
        code, _ = end(process)
    assert code == 0


def test_the_log_can_be_json(tmp_path: Path, settings: dict[str, str], api: Client, desk: Desk) -> None:
    execution_id = desk.launch()
    with worker_process(tmp_path, PROGRAM.format(key=desk.key), "--log-format", "json", **settings) as process:
        api.job_executions.get(execution_id, wait=20)
        process.send_signal(signal.SIGTERM)
        _, said = end(process)
    records = [json.loads(line) for line in said.splitlines()]
    completed = next(record for record in records if record.get("event") == "task_execution.completed")
    assert completed["job_execution_id"] == execution_id
    assert completed["level"] == "info"
