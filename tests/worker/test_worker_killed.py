"""A worker is killed, in the hardest way there is, in the middle of a run: another takes over after the lease, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from data_factory.client import Client
from tests.running import until
from tests.standin.ours import KEY
from tests.worker.conftest import Desk

PROGRAM = """
import fcntl, os
from data_factory import TaskContext, Worker, task

@task({key!r})
def work(ctx: TaskContext):
    with open("alone", "w") as alone:
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note("beside another")
        note(f"begun {{os.getpid()}} {{ctx.attempt}}")
        open("gate").read()
        note(f"ended {{os.getpid()}} {{ctx.attempt}}")
    return {{"by": os.getpid()}}

def note(line):
    ledger = os.open("ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, line.encode() + b"\\n")
    os.close(ledger)

if __name__ == "__main__":
    Worker([work], lease_seconds=5).run()
"""


@contextmanager
def worker_program(folder: Path, server: str) -> Iterator[subprocess.Popen[bytes]]:
    settings = {"API_BASE_PATH": server, "API_ACCESS_TOKEN": KEY, "HOME": str(folder), "PATH": os.environ["PATH"]}
    process = subprocess.Popen([sys.executable, "program.py"], cwd=folder, env=settings, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_another_worker_takes_over_after_the_lease_once(tmp_path: Path, server: str, api: Client) -> None:
    desk = Desk(api, retryCount=3, retryDelaySeconds=0)
    (tmp_path / "program.py").write_text(PROGRAM.format(key=desk.key))
    os.mkfifo(tmp_path / "gate")
    ledger = tmp_path / "ledger"

    def lines() -> list[list[str]]:
        return [line.split() for line in ledger.read_text().splitlines()] if ledger.exists() else []

    execution_id = desk.launch()
    with ExitStack() as stack:
        workers = {
            process.pid: process for process in (stack.enter_context(worker_program(tmp_path, server)) for _ in "ab")
        }
        until(lambda: len(lines()) == 1, "one of them has begun")
        victim = workers.pop(int(lines()[0][1]))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        assert desk.task_execution(execution_id).status == "IN_PROGRESS", "nobody knows yet"
        until(lambda: len(lines()) == 2, "the other has begun", seconds=60)
        (tmp_path / "gate").write_text("open")
        done = api.job_executions.get(execution_id, wait=20)
    (other,) = workers
    assert (done.status, done.output) == ("COMPLETED", {"by": other})
    assert lines() == [
        ["begun", str(victim.pid), "1"],
        ["begun", str(other), "2"],
        ["ended", str(other), "2"],
    ]
    statuses = [(one.attempt, one.status) for one in api.job_executions.task_executions(execution_id)]
    assert statuses[-1] == (2, "COMPLETED")
    assert len(statuses) == 2
