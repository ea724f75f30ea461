"""`data-factory demo`: the example, through a real server and a real worker, in a folder that is removed afterwards."""

from __future__ import annotations

import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final

import typer

from data_factory.cli.background import Background, NotSaid, running
from data_factory.cli.connection import Answer, Connection
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.rendering import console, duration, explained, printable, show_json
from data_factory.client import calls
from data_factory.client.blocking import Client
from data_factory.client.errors import ApiError
from data_factory.model.resources import JobExecution
from data_factory.model.status import JOB_EXECUTION_ENDED

TASK: Final = {"key": "example-task", "description": "2 to the power of the input", "inputKeys": [], "outputKeys": []}
JOB: Final[dict[str, Any]] = {
    "schema": "1.0",
    "key": "run-task",
    "title": "Run my task",
    "tasks": [
        {
            "name": "${account}/example-task",
            "taskReferenceName": "task",
            "description": "Process my data",
            "optional": False,
            "type": "SUB_WORKFLOW",
            "inputParameters": {},
        }
    ],
}
WORKER_MODULE: Final = "data_factory.cli.demo_task"

MAX_POWER: Final = 10_000

_PATIENCE_S: Final = 30.0
_LOOK_S: Final = 1.0


class DemoFailed(Exception):
    """The demo did not come to its end; the message says how."""


def demo(
    power: Annotated[int, typer.Option(metavar="N", min=0, max=MAX_POWER, help="Which power of 2 to compute.")] = 10,
    keep: Annotated[bool, typer.Option("--keep", help="Leave server and worker running until Ctrl-C.")] = False,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="The server's port; 0 takes a free one.")
    ] = 0,
) -> None:
    """See it all at work: a server, a task, a job and a worker, from nothing to a result.

    Everything is real, and lives in a temporary folder: it starts a server, declares the task `example-task`,
    publishes the job `run-task`, starts a worker, runs the job, and prints the job execution as JSON. Then all of it
    is stopped and removed.

    \b
    Examples:
      data-factory demo
      data-factory demo --power 19
      data-factory demo --keep
    """
    programs: list[Background] = []
    with _ending_on_signals(), tempfile.TemporaryDirectory(prefix="data-factory-demo-") as folder:
        try:
            _play(Path(folder), programs, power, port, keep)
        except (DemoFailed, NotSaid, ApiError) as error:
            raise Stop(ExitCode.FAILED, f"The demo failed: {error}", _logs(programs)) from error


def _play(folder: Path, programs: list[Background], power: int, port: int, keep: bool) -> None:
    key = f"demo-{secrets.token_urlsafe(24)}"
    with ExitStack() as stack:
        arguments = ["server", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder / "data")]
        server = stack.enter_context(running("server", arguments, folder, {"DATA_FACTORY_API_KEY": key}))
        programs.append(server)
        listens = server.wait_for("listens on", _PATIENCE_S)
        url = listens.partition("listens on ")[2].partition(",")[0]
        _say("server", f"{url}, its data in a temporary folder")
        connection = Connection(stack.enter_context(Client(url, key)), None)
        task = connection.ask(calls.create_task(TASK)).value
        _say("task", f"{task.key} ({task.id})")
        job = connection.ask(calls.create_job(JOB)).value
        _say("job", f"{job.key} ({job.id})")
        settings = {"API_BASE_PATH": url, "API_ACCESS_TOKEN": key}
        worker = stack.enter_context(running("worker", ["worker", WORKER_MODULE], folder, settings))
        programs.append(worker)
        _say("worker", f"data-factory worker {WORKER_MODULE}")
        launched = connection.ask(calls.launch_job(job.id, {"power": power}))
        _say("launched", f'{launched.value.id} with {{"power": {power}}}')
        ended = _ended(connection, launched, programs)
        execution = ended.value
        if execution.status != "COMPLETED":
            why = explained(execution.failure) if execution.failure else ""
            raise DemoFailed(f"the job execution is {execution.status}. {why}")
        _say("completed", f"after {duration(_seconds(execution))}")
        show_json(ended.json)
        if keep:
            sys.stdout.flush()
            _keep(programs, url, key)


def _ended(connection: Connection, execution: Answer[JobExecution], programs: list[Background]) -> Answer[JobExecution]:
    """The job execution once it has ended."""
    deadline = time.monotonic() + _PATIENCE_S
    while execution.value.status not in JOB_EXECUTION_ENDED:
        if time.monotonic() > deadline:
            raise DemoFailed(f"the job execution is still {execution.value.status} after {_PATIENCE_S:.0f} s.")
        _check(programs)
        execution = connection.ask(calls.get_job_execution(execution.value.id, wait=_LOOK_S))
    return execution


def _keep(programs: list[Background], url: str, key: str) -> None:
    """Print what to try next, and wait for Ctrl-C."""
    _print(
        f"""
It runs until you press Ctrl-C. In another terminal:

    export API_BASE_PATH={url}
    export API_ACCESS_TOKEN={key}
    data-factory run run-task --input power=19 --wait
    data-factory execution list

The API, to read and to try: {url}/docs
"""
    )
    try:
        while True:
            _check(programs)
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        _print("\nStopping; all of it is removed.")


def _check(programs: list[Background]) -> None:
    for program in programs:
        if program.has_ended:
            raise DemoFailed(f"the {program.name} has ended.")


def _seconds(execution: JobExecution) -> float:
    ended = execution.ended_at or execution.created_at
    return (ended - execution.created_at).total_seconds()


def _say(step: str, what: str) -> None:
    console(stderr=True).print(printable(f"{step:<10}", "green"), printable(what), soft_wrap=True)


def _print(text: str) -> None:
    console(stderr=True).print(printable(text), soft_wrap=True)


def _logs(programs: list[Background]) -> Iterator[str]:
    for program in programs:
        yield f"-- the log of the {program.name}:"
        yield from program.printed.splitlines()


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the command as Ctrl-C does: with everything stopped and removed."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
