"""`data-factory execution`: the runs of jobs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from data_factory.cli.connection import Connection, connected
from data_factory.cli.documents import read_pairs
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.names import filled, launchable_named, shared_jobs
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rendering import (
    Json,
    card,
    console,
    elapsed,
    excerpt,
    explained,
    moment,
    printable,
    show,
    show_json,
    show_list,
    status,
    table,
    when,
)
from data_factory.cli.waiting import Timeout, end_with, wait_for
from data_factory.client import calls
from data_factory.client.errors import NotFound
from data_factory.model.resources import JobExecution, Log, TaskExecution
from data_factory.model.status import Severity

ExecutionId = Annotated[
    str, typer.Argument(metavar="ID", help="The id of the job execution.", show_default=False, callback=filled)
]

MOST_TASKS: Final = 100


class Wanted(StrEnum):
    """The status of a job execution."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    USER_ERROR = "USER_ERROR"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"
    TIMEDOUT = "TIMEDOUT"


Statuses = Annotated[
    list[Wanted] | None,
    typer.Option("--status", help="Only those with it; as often as needed.", case_sensitive=False, show_default=False),
]


class Least(StrEnum):
    """How bad it must be to be shown."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


app: Final = typer.Typer(name="execution", help="Show and cancel job executions.", no_args_is_help=True)


@app.command("list")
def list_executions(
    job: Annotated[str | None, typer.Option(metavar="JOB", help="Only those of this job, by key or id.")] = None,
    wanted: Statuses = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the job executions, newest first.

    \b
    Examples:
      data-factory execution list --job run-task --limit 5
      data-factory execution list --status FAILED --status TIMEDOUT
    """
    with connected(url) as connection:
        job_id = launchable_named(connection, job).value.id if job else None
        statuses = ",".join(wanted) if wanted else None
        found, more = connection.some(calls.list_job_executions(job_id=job_id, status=statuses), limit)
        executions = [execution.value for execution in found]
        hint = f"There are no job executions: `{connection.command('run JOB')}` makes one."
        if statuses:
            hint = f"There are no such job executions{f' of {job}' if job else ''}."
        show_list(as_json, [item.json for item in found], lambda: _executions(connection, executions), hint)
        if more:
            note(f"There are more: --limit {limit * 5}")


@app.command("get")
def get_execution(
    execution: ExecutionId,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended, and show its progress.")] = False,
    timeout: Timeout = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show a job execution: input, output, why it failed, and every attempt at its tasks.

    With --wait the exit code says how it ended, as for `data-factory run --wait`.

    \b
    Example:
      data-factory execution get 01a2b3c4d5e6f708192a3b4c --wait
    """
    with connected(url) as connection:
        look = calls.get_job_execution(execution)
        found = wait_for(connection, execution, timeout) if wait else connection.ask(look)
        show(as_json, found.json, lambda: _execution(connection, found.value))
        if wait:
            end_with(found.value)


@app.command("why")
def explain_execution(execution: ExecutionId, url: Url = None, as_json: Json = False) -> None:
    """Say why a job execution stands where it does: what it waits for, or who is at work on it.

    \b
    Example:
      data-factory execution why 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
        found = connection.ask(calls.explain_job_execution(execution))
        reasons = [printable(reason.message) for reason in found.value.reasons]
        show(as_json, found.json, lambda: Group(status(found.value.status), *reasons))


@app.command("cancel")
def cancel_execution(
    execution: ExecutionId,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks at it later.")] = "",
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Cancel a job execution: it is TERMINATED, and its workers are told to stop.

    \b
    Example:
      data-factory execution cancel 01a2b3c4d5e6f708192a3b4c --reason "wrong input"
    """
    with connected(url) as connection:
        canceled = connection.ask(calls.cancel_job_execution(execution, reason=reason))
        if as_json:
            show_json(canceled.json)
        else:
            console().print(printable(f"Canceled {canceled.value.id}: ") + status(canceled.value.status))


@app.command("complete")
def complete_task(
    execution: ExecutionId,
    task: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which HUMAN task, if more than one waits.", show_default=False)
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="One value of its output; as often as needed.", show_default=False),
    ] = None,
    fail: Annotated[str | None, typer.Option(metavar="MESSAGE", help="It has failed, and why.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Answer a HUMAN task that a job execution waits for: with its output, or that it has failed.

    A value that is JSON is taken as JSON, anything else as text, as for `data-factory run --input`.

    \b
    Examples:
      data-factory execution complete 01a2b3c4d5e6f708192a3b4c --output approved=true
      data-factory execution complete 01a2b3c4d5e6f708192a3b4c --task review --fail "the picture is blurred"
    """
    given = read_pairs(output or [], "--output")
    if given and fail is not None:
        raise Stop(ExitCode.USAGE, "Give either --output or --fail: what has failed has no output.")
    with connected(url) as connection:
        id = _who_waits(connection, execution, task)
        answer = calls.complete_task_execution(id, given) if fail is None else calls.fail_task_execution(id, fail)
        answered = connection.ask(answer)
        if as_json:
            show_json(answered.json)
        else:
            console().print(printable(f"{answered.value.task_reference_name}: ") + status(answered.value.status))


def _who_waits(connection: Connection, execution: str, task: str | None) -> str:
    """The id of the task execution that waits for a person: the only one, or that of a task."""
    reasons = connection.ask(calls.explain_job_execution(execution)).value.reasons
    waiting = {
        str(reason.task_reference_name): str(reason.task_execution_id)
        for reason in reasons
        if reason.code == "waiting_for_person"
    }
    if task is None and len(waiting) > 1:
        raise Stop(ExitCode.USAGE, f"More than one waits for a person: --task {' or --task '.join(sorted(waiting))}.")
    found = next(iter(waiting.values()), None) if task is None else waiting.get(task)
    if found is None:
        which = f"The task {task} of {execution}" if task else f"No task of {execution}"
        raise Stop(ExitCode.USAGE, f"{which} {'does not wait' if task else 'waits'} for a person.")
    return found


@app.command("logs")
def list_logs(
    execution: ExecutionId,
    severity: Annotated[
        Least, typer.Option(help="Only what is as bad as this, or worse.", case_sensitive=False)
    ] = Least.INFO,
    limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 1_000,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show what its tasks have told of a job execution, oldest first.

    \b
    Example:
      data-factory execution logs 01a2b3c4d5e6f708192a3b4c --severity warning
    """
    with connected(url) as connection:
        least: Severity = severity.value
        found, more = connection.some(calls.list_logs(execution, severity=least), limit)
        logs = [log.value for log in found]
        hint = f"Nothing was told of {execution}."
        show_list(as_json, [log.json for log in found], lambda: Group(*map(_told, logs)), hint)
        if more:
            note(f"There are more: --limit {limit * 5}")


def _told(log: Log) -> Text:
    style = {"info": "", "warning": "yellow", "error": "red"}[log.severity]
    head = f"{moment(log.logged_at)}  {log.severity:7}  "
    return Text.assemble((head, "dim"), printable(f"{log.emitter_name}: {log.message}", style))


def _executions(connection: Connection, executions: list[JobExecution]) -> Table:
    keys = _job_keys(connection, {execution.job_id for execution in executions})
    rows = [
        (
            execution.id,
            keys.get(execution.job_id, execution.job_id),
            status(execution.status),
            when(execution.created_at),
            elapsed(execution),
        )
        for execution in executions
    ]
    return table(["ID", "JOB", "STATUS", "CREATED", "TIME"], rows)


def _job_keys(connection: Connection, ids: set[str]) -> dict[str, str]:
    """The keys of these jobs, by id: of those that are one's own, or still shared."""
    keys: dict[str, str] = {}
    for job in connection.client.jobs.list():
        keys[job.id] = job.key
        if ids <= keys.keys():
            return keys
    return keys | {one.value.id: one.value.key for one in shared_jobs(connection)}


def _job_key(connection: Connection, id: str) -> str:
    """The key of a job; its id if it is another account's that does not share it any more."""
    try:
        return connection.ask(calls.get_job(id)).value.key
    except NotFound:
        return next((one.value.key for one in shared_jobs(connection) if one.value.id == id), id)


def _execution(connection: Connection, execution: JobExecution) -> RenderableType:
    key = _job_key(connection, execution.job_id)
    version = f", version {execution.job_version}" if execution.job_version else ""
    tasks, more = _task_executions(connection, execution.id)
    given = {name: value for name, value in execution.input.items() if name != "context"}
    parts: list[RenderableType] = [
        card(
            {
                "id": execution.id,
                "title": execution.info.title,
                "job": f"{key}{version}",
                "status": status(execution.status),
                "paused": _paused(execution),
                "runs again": execution.retry_of or execution.rerun_of,
                "again as": ", ".join(execution.run_again_as) or None,
                "within": execution.parent.job_execution_id if execution.parent else None,
                "starts": moment(execution.start_at) if execution.start_at else None,
                "failure": explained(execution.failure) if execution.failure else None,
                "created": moment(execution.created_at),
                "started": moment(execution.started_at),
                "ended": moment(execution.ended_at),
                "time": elapsed(execution) or None,
                "input": excerpt(given),
                "output": excerpt(execution.output),
            }
        ),
    ]
    if tasks:
        parts += ["", table(["TASK", "ATTEMPT", "STATUS", "TIME", "WORKER", ""], map(_row, tasks))]
    if more:
        parts.append(Text(f"… and more than these {MOST_TASKS}", "dim"))
    return Group(*parts)


def _paused(execution: JobExecution) -> str | None:
    if (paused := execution.paused) is None:
        return None
    return f"since {moment(paused.since)}{f': {paused.reason}' if paused.reason else ''}"


def _task_executions(connection: Connection, execution_id: str) -> tuple[list[TaskExecution], bool]:
    """The first task executions, and whether there are more; none from the hosted platform, which does not tell."""
    try:
        found, more = connection.some(calls.list_task_executions(execution_id), MOST_TASKS)
    except NotFound:
        return [], False
    return [task.value for task in found], more


def _row(task: TaskExecution) -> tuple[Any, ...]:
    problem = task.failure or task.warning
    return (
        task.task_reference_name,
        str(task.attempt),
        status(task.status),
        elapsed(task),
        task.worker_id or "",
        explained(problem) if problem else "",
    )
