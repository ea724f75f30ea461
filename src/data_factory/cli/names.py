"""Tasks and jobs as users name them: by key, or by id."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import typer

from data_factory.cli.connection import Answer, Connection
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.client import calls
from data_factory.client.call import Call, Pages
from data_factory.client.errors import NotFound
from data_factory.model.ids import is_id
from data_factory.model.resources import Job, Task

T = TypeVar("T", Task, Job)


def filled(text: str) -> str:
    """A name that is given, and not an empty variable of the shell."""
    if not text:
        raise typer.BadParameter("it is empty")
    return text


def job_named(connection: Connection, name: str) -> Answer[Job]:
    """The job with this key or id; ends the command if there is none."""
    return _named(connection, "job", name, calls.get_job, calls.list_jobs(key=name))


def task_named(connection: Connection, name: str) -> Answer[Task]:
    """The task with this key or id; ends the command if there is none."""
    return _named(connection, "task", name, calls.get_task, calls.list_tasks(key=name))


def _named(
    connection: Connection, kind: str, name: str, get: Callable[[str], Call[T]], with_key: Pages[T]
) -> Answer[T]:
    if is_id(name):
        try:
            return connection.ask(get(name))
        except NotFound:
            pass
    for answer in connection.read(with_key):
        if answer.value.key == name:
            return answer
    listing = connection.command(f"{kind} list")
    raise Stop(
        ExitCode.USAGE, f"There is no {kind} {name!r} at {connection.url}. `{listing}` shows those that there are."
    )
