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
from data_factory.model.resources import Job, SharedJob, Task

T = TypeVar("T", Task, Job)


def filled(text: str) -> str:
    """A name that is given, and not an empty variable of the shell."""
    if not text:
        raise typer.BadParameter("it is empty")
    return text


def job_named(connection: Connection, name: str) -> Answer[Job]:
    """The job with this key or id; ends the command if there is none, or only one that another account shares."""
    found = _found(connection, name, calls.get_job, calls.list_jobs(key=name))
    if found is not None:
        return found
    if any(name in (one.value.id, one.value.key) for one in shared_jobs(connection)):
        shown = connection.command("job shared")
        whose = f"The job {name!r} is another account's, which lets you run it, and no more"
        raise Stop(ExitCode.USAGE, f"{whose}: `{shown}` shows what it asks for.")
    raise _missing(connection, "job", name)


def launchable_named(connection: Connection, name: str) -> Answer[Job] | Answer[SharedJob]:
    """The job with this key or id that may be launched: one's own, or else one that another account shares; ends the
    command if there is none, or if more than one account shares a job with this key."""
    own = _found(connection, name, calls.get_job, calls.list_jobs(key=name))
    if own is not None:
        return own
    shared = [one for one in shared_jobs(connection) if name in (one.value.id, one.value.key)]
    if len(shared) > 1:
        ids = ", ".join(f"{one.value.id} of the account {one.value.account_id}" for one in shared)
        raise Stop(ExitCode.USAGE, f"More than one account shares a job {name!r}: name it by its id. They are {ids}.")
    if not shared:
        raise _missing(connection, "job", name)
    return shared[0]


def shared_jobs(connection: Connection) -> list[Answer[SharedJob]]:
    """The jobs that other accounts share; none at the hosted platform, which does not tell."""
    try:
        return list(connection.read(calls.list_shared_jobs()))
    except NotFound:
        return []


def task_named(connection: Connection, name: str) -> Answer[Task]:
    """The task with this key or id; ends the command if there is none."""
    found = _found(connection, name, calls.get_task, calls.list_tasks(key=name))
    if found is None:
        raise _missing(connection, "task", name)
    return found


def _found(connection: Connection, name: str, get: Callable[[str], Call[T]], with_key: Pages[T]) -> Answer[T] | None:
    if is_id(name):
        try:
            return connection.ask(get(name))
        except NotFound:
            pass
    for answer in connection.read(with_key):
        if answer.value.key == name:
            return answer
    return None


def _missing(connection: Connection, kind: str, name: str) -> Stop:
    listing = connection.command(f"{kind} list")
    return Stop(
        ExitCode.USAGE, f"There is no {kind} {name!r} at {connection.url}. `{listing}` shows those that there are."
    )
