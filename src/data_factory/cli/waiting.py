"""Waiting for the end of a job execution, with its progress shown."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from data_factory.cli.connection import Answer, Connection
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.plain import note
from data_factory.cli.progress import progress
from data_factory.cli.rendering import duration, explained
from data_factory.cli.watching import watch
from data_factory.model.resources import JobExecution

Timeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", min=0, help="How long to wait; the job execution goes on after it.  [no limit]"),
]

_ENDED_WELL: Final = "COMPLETED"


def wait_for(connection: Connection, execution_id: str, timeout: float | None) -> Answer[JobExecution]:
    """A job execution once it has ended; ends the command if it has not after the timeout, or on Ctrl-C."""
    try:
        with progress() as shown:
            for sight in watch(connection, execution_id, timeout):
                shown.show(sight)
    except KeyboardInterrupt:
        note(_how_to_go_on(connection, execution_id))
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if not sight.has_ended:
        raise Stop(
            ExitCode.UNFINISHED,
            f"The job execution is {sight.execution.value.status} after {duration(timeout or 0)}.",
            _how_to_go_on(connection, execution_id).splitlines(),
        )
    return sight.execution


def end_with(execution: JobExecution) -> None:
    """End the command with what the job execution ended with."""
    if execution.status == _ENDED_WELL:
        return
    why = f" {explained(execution.failure)}" if execution.failure else ""
    raise Stop(ExitCode.FAILED, f"The job execution {execution.id} is {execution.status}.{why}")


def _how_to_go_on(connection: Connection, execution_id: str) -> str:
    return (
        "The job execution goes on.\n"
        f"Watch it:  {connection.command(f'execution get {execution_id} --wait')}\n"
        f"Cancel it: {connection.command(f'execution cancel {execution_id}')}"
    )
