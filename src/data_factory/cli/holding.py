"""`data-factory execution pause`, `resume` and `skip`."""

from __future__ import annotations

from typing import Annotated

import typer

from data_factory.cli.connection import Connection, connected
from data_factory.cli.documents import read_pairs
from data_factory.cli.executions import ExecutionId
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.options import Url
from data_factory.cli.rendering import Json, console, printable, show_json, status
from data_factory.client import calls

Reason = Annotated[str, typer.Option(help="Why, for whoever looks at it later.")]


def pause_execution(execution: ExecutionId, reason: Reason = "", url: Url = None, as_json: Json = False) -> None:
    """Pause a job execution: nothing of it is started until it is resumed. What workers hold goes on.

    \b
    Example:
      data-factory execution pause 01a2b3c4d5e6f708192a3b4c --reason "the supplier is down"
    """
    with connected(url) as connection:
        paused = connection.ask(calls.pause_job_execution(execution, reason=reason))
        if as_json:
            show_json(paused.json)
        else:
            console().print(printable(f"Paused {paused.value.id}: ") + status(paused.value.status))


def resume_execution(execution: ExecutionId, url: Url = None, as_json: Json = False) -> None:
    """Let a paused job execution go on.

    \b
    Example:
      data-factory execution resume 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
        resumed = connection.ask(calls.resume_job_execution(execution))
        if as_json:
            show_json(resumed.json)
        else:
            console().print(printable(f"Resumed {resumed.value.id}: ") + status(resumed.value.status))


def skip_task(
    execution: ExecutionId,
    task: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which task, if more than one waits.", show_default=False)
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="One value of its output; as often as needed.", show_default=False),
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Skip a task that a job execution waits for: it goes on as if the task had COMPLETED with this output.

    \b
    Example:
      data-factory execution skip 01a2b3c4d5e6f708192a3b4c --task review --output approved=true
    """
    given = read_pairs(output or [], "--output")
    with connected(url) as connection:
        skipped = connection.ask(calls.skip_task_execution(_what_waits(connection, execution, task), given))
        if as_json:
            show_json(skipped.json)
        else:
            console().print(printable(f"{skipped.value.task_reference_name}: ") + status(skipped.value.status))


def _what_waits(connection: Connection, execution: str, task: str | None) -> str:
    """The id of the task execution that waits: the only one, or the latest of a task."""
    waiting: dict[str, str] = {}
    for one in connection.client.job_executions.task_executions(execution):
        if one.task_reference_name == task or (task is None and _waits(one.status, one.type)):
            waiting[one.task_reference_name] = one.id
    if not waiting:
        what = "No task of it waits" if task is None else f"There is no task {task}"
        raise Stop(ExitCode.USAGE, f"{what}: {execution}.")
    if len(waiting) > 1:
        raise Stop(ExitCode.USAGE, f"More than one waits: --task {' or --task '.join(sorted(waiting))}.")
    return next(iter(waiting.values()))


def _waits(status: str, type: str) -> bool:
    return status == "SCHEDULED" or (status == "IN_PROGRESS" and type in ("HUMAN", "WAIT"))
