"""`data-factory execution rerun` and `retry`: job executions run again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from data_factory.cli.connection import connected
from data_factory.cli.executions import ExecutionId
from data_factory.cli.options import Url
from data_factory.cli.rendering import Json, console, printable, show, show_json, status, table
from data_factory.cli.waiting import Timeout, end_with, wait_for
from data_factory.client import calls
from data_factory.client.call import Call
from data_factory.model.requests import VersionChoice
from data_factory.model.resources import JobExecution, RetryPlan, RetryStep

Latest = Annotated[bool, typer.Option("--latest", help="In the newest version of the job, not in the one that it had.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it has ended; the exit code says how.")]


def rerun_execution(
    execution: ExecutionId,
    latest: Latest = False,
    wait: Wait = False,
    timeout: Timeout = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Run a job again with the input of a job execution, from its beginning, as a new one.

    \b
    Example:
      data-factory execution rerun 01a2b3c4d5e6f708192a3b4c --latest --wait
    """
    _run_again(calls.rerun_job_execution(execution, version=_version(latest)), wait, timeout, url, as_json)


def retry_execution(
    execution: ExecutionId,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be reused, and what would run again.")
    ] = False,
    latest: Latest = False,
    wait: Wait = False,
    timeout: Timeout = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Go on where a job execution failed, as a new one that reuses what has completed.

    \b
    Examples:
      data-factory execution retry 01a2b3c4d5e6f708192a3b4c --dry-run
      data-factory execution retry 01a2b3c4d5e6f708192a3b4c --wait
    """
    if dry_run:
        with connected(url) as connection:
            plan = connection.ask(calls.plan_retry(execution, version=_version(latest)))
            show(as_json, plan.json, lambda: _plan(plan.value))
        return
    _run_again(calls.retry_job_execution(execution, version=_version(latest)), wait, timeout, url, as_json)


def _version(latest: bool) -> VersionChoice:
    return "latest" if latest else "same"


def _run_again(call: Call[JobExecution], wait: bool, timeout: float | None, url: str | None, as_json: bool) -> None:
    with connected(url) as connection:
        made = connection.ask(call)
        if wait:
            made = wait_for(connection, made.value.id, timeout)
        if as_json:
            show_json(made.json)
        else:
            console().print(printable(f"Runs again as {made.value.id}: ") + status(made.value.status))
        if wait:
            end_with(made.value)


def _plan(plan: RetryPlan) -> RenderableType:
    rows = [
        *(_row("reused", step) for step in plan.reused),
        *(_row("goes on", step) for step in plan.continued),
        *(_row("runs again", step) for step in plan.again),
    ]
    parts: list[RenderableType] = [printable(plan.message)]
    if rows:
        parts += ["", table(["", "TASK", "STATUS"], rows)]
    if plan.reused_count + plan.continued_count + plan.again_count > len(rows):
        parts.append(Text("… and more", "dim"))
    return Group(*parts)


def _row(what: str, step: RetryStep) -> tuple[str, str, Text]:
    return what, step.task_reference_name, status(step.status)
