"""`data-factory task`: the custom tasks that workers run."""

from __future__ import annotations

from typing import Annotated, Any, Final, get_args

import typer
from rich.table import Table

from data_factory.cli.asking import Yes, ask_first
from data_factory.cli.connection import connected
from data_factory.cli.names import task_named
from data_factory.cli.options import Url, for_typer
from data_factory.cli.plain import note
from data_factory.cli.rendering import Json, card, console, moment, show, show_json, show_list, table, when
from data_factory.cli.replay import replay_task
from data_factory.client import calls
from data_factory.model.definitions import RetryLogic, TimeoutPolicy
from data_factory.model.resources import Task

TaskName = Annotated[str, typer.Argument(metavar="TASK", help="The key or the id of the task.", show_default=False)]

app: Final = typer.Typer(name="task", help="Create, show and delete custom tasks.", no_args_is_help=True)

app.command("replay")(for_typer(replay_task))

NO_LIMIT: Final = "no limit"


def _words(choice: Any) -> str:
    return ", ".join(get_args(choice))


@app.command("create")
def create_task(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Letters, digits, `_` and `-`.", show_default=False)],
    description: Annotated[str, typer.Option(help="What it does, for people.")] = "",
    retry_count: Annotated[
        int | None, typer.Option(metavar="N", help="How often a failure is tried again.  [0]")
    ] = None,
    retry_logic: Annotated[
        RetryLogic | None, typer.Option(metavar="WORD", help=f"How the pauses grow: {_words(RetryLogic)}.  [FIXED]")
    ] = None,
    retry_delay_seconds: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="The pause before a retry.  [60]")
    ] = None,
    backoff_scale_factor: Annotated[
        int | None, typer.Option(metavar="N", help="By what LINEAR_BACKOFF grows.  [1]")
    ] = None,
    timeout_seconds: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="How long an attempt may run.  [no limit]")
    ] = None,
    timeout_policy: Annotated[
        TimeoutPolicy | None,
        typer.Option(metavar="WORD", help=f"What a timeout does: {_words(TimeoutPolicy)}.  [TIME_OUT_WF]"),
    ] = None,
    response_timeout_seconds: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="How long a worker may be silent.  [3600]")
    ] = None,
    poll_timeout_seconds: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="How long it may wait for a worker.  [no limit]")
    ] = None,
    concurrent_exec_limit: Annotated[
        int | None, typer.Option(metavar="N", help="How many may run at a time.  [no limit]")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Declare a custom task, for workers to run and for jobs to name as ${account}/KEY.

    \b
    Example:
      data-factory task create example-task --description "2 to the power" --retry-count 3
    """
    settings = {
        "retryCount": retry_count or 0,
        "retryLogic": retry_logic,
        "retryDelaySeconds": retry_delay_seconds,
        "backoffScaleFactor": backoff_scale_factor,
        "timeoutSeconds": timeout_seconds,
        "timeoutPolicy": timeout_policy,
        "responseTimeoutSeconds": response_timeout_seconds,
        "pollTimeoutSeconds": poll_timeout_seconds,
        "concurrentExecLimit": concurrent_exec_limit,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    body: dict[str, Any] = {"key": key, "description": description, **given, "inputKeys": [], "outputKeys": []}
    with connected(url) as connection:
        made = connection.ask(calls.create_task(body))
        if as_json:
            show_json(made.json)
        else:
            console().print(f"Created the task {made.value.key}: {made.value.id}")
            note(f'A worker implements it with @task("{key}"); a job names it as ${{account}}/{key}.')


@app.command("list")
def list_tasks(url: Url = None, as_json: Json = False) -> None:
    """List the custom tasks, newest first.

    \b
    Example:
      data-factory task list
    """
    with connected(url) as connection:
        found = list(connection.read(calls.list_tasks()))
        hint = f"There are no tasks yet: `{connection.command('task create KEY')}` makes one."
        show_list(as_json, [task.json for task in found], lambda: _tasks([task.value for task in found]), hint)


@app.command("get")
def get_task(task: TaskName, url: Url = None, as_json: Json = False) -> None:
    """Show a custom task: how it is retried and timed.

    \b
    Example:
      data-factory task get example-task
    """
    with connected(url) as connection:
        found = task_named(connection, task)
        show(as_json, found.json, lambda: _task(found.value))


@app.command("delete")
def delete_task(task: TaskName, yes: Yes = False, url: Url = None, as_json: Json = False) -> None:
    """Delete a custom task that no job names. On a terminal, asks first.

    \b
    Example:
      data-factory task delete example-task
    """
    with connected(url) as connection:
        found = task_named(connection, task).value
        ask_first(yes, f"Delete the task {found.key}?")
        deleted = connection.ask(calls.delete_task(found.id))
        if as_json:
            show_json(deleted.json)
        else:
            console().print(f"Deleted the task {deleted.value.key}: {deleted.value.id}")


def _tasks(tasks: list[Task]) -> Table:
    rows = [(task.key, task.id, str(task.retry_count), when(task.updated_at), task.description) for task in tasks]
    return table(["KEY", "ID", "RETRIES", "UPDATED", "DESCRIPTION"], rows)


def _task(task: Task) -> Table:
    growing = "" if task.retry_logic == "FIXED" else f", {task.retry_logic} by {task.backoff_scale_factor}"
    return card(
        {
            "key": task.key,
            "id": task.id,
            "description": task.description or None,
            "retries": f"{task.retry_count}, after {task.retry_delay_seconds} s{growing}" if task.retry_count else "0",
            "time to run": f"{task.timeout_seconds} s, then {task.timeout_policy}"
            if task.timeout_seconds
            else NO_LIMIT,
            "time to answer": f"{task.response_timeout_seconds} s",
            "time to wait": f"{task.poll_timeout_seconds} s" if task.poll_timeout_seconds else NO_LIMIT,
            "at a time": str(task.concurrent_exec_limit or NO_LIMIT),
            "created": moment(task.created_at),
            "updated": moment(task.updated_at),
        }
    )
