"""Finds the tasks that a worker is to run on the server, and says what is wrong if they are not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from msgspec.structs import replace

from data_factory.client import calls
from data_factory.client.call import Call, Listing, Steps
from data_factory.client.errors import ApiError, NotFound
from data_factory.model.ids import is_id
from data_factory.model.resources import Task
from data_factory.worker.errors import UsageError
from data_factory.worker.handler import Handler
from data_factory.worker.line import Line
from data_factory.worker.task import Declaration

ID_VARIABLE = "TASK_DEFINITION_ID"
_MOST_TASKS = 100
_NAMED = 20


def assign_ids(declarations: Sequence[Declaration], environment: Mapping[str, str]) -> list[Declaration]:
    """The declarations, each with a key or an id: a single task may have its id from `TASK_DEFINITION_ID`.

    Raises `UsageError` if it is not clear which task a function implements, or if two implement the same.
    """
    if not declarations:
        raise UsageError("there is no task to run: decorate a function with @task(…)")
    if len(declarations) > _MOST_TASKS:
        raise UsageError(f"one worker runs up to {_MOST_TASKS} tasks, not {len(declarations)}: start several workers")
    given = environment.get(ID_VARIABLE)
    if given is not None and len(declarations) == 1 and declarations[0].id is None:
        if not is_id(given):
            raise UsageError(f"{ID_VARIABLE} is not the id of a task: an id has 24 hexadecimal digits")
        return [replace(declarations[0], id=given)]
    seen: dict[str, str] = {}
    for declaration in declarations:
        name = declaration.key or declaration.id
        if name is None:
            hint = f"set {ID_VARIABLE}" if len(declarations) == 1 else f"{ID_VARIABLE} is for a worker with one task"
            raise UsageError(f'{declaration.name}: which task is it? Write @task("its-key"), or @task(id=…); {hint}')
        if name in seen:
            raise UsageError(f"{seen[name]} and {declaration.name} are both the task {name!r}")
        seen[name] = declaration.name
    return list(declarations)


async def find_tasks(line: Line, handlers: Sequence[Handler]) -> dict[str, tuple[Task, Handler]]:
    """The task of each handler, by its id. Waits for a server that cannot be reached."""
    keys = {key for handler in handlers if handler.declaration.id is None and (key := handler.declaration.key)}
    by_key = await _by_key(line, keys) if keys else {}
    found: dict[str, tuple[Task, Handler]] = {}
    for handler in handlers:
        declared = handler.declaration
        task = by_key[declared.key or ""] if declared.id is None else await _by_id(line, declared)
        if task.id in found:
            raise UsageError(f"{found[task.id][1].name} and {handler.name} are both the task {task.key!r}")
        handler.task_key = task.key
        found[task.id] = task, handler
    return found


async def _by_key(line: Line, keys: set[str]) -> dict[str, Task]:
    try:
        found = await line.ask(lambda: _read_tasks(keys, next(iter(keys)) if len(keys) == 1 else None))
        if missing := sorted(keys - found.keys()):
            found |= await line.ask(lambda: _read_tasks(keys, None))
    except ApiError as error:
        raise UsageError(f"cannot look up the tasks at {line.client.base_url}: {error}") from error
    if missing:
        alike = sorted(found, key=lambda key: (-SequenceMatcher(None, key, missing[0]).ratio(), key))
        raise UsageError(_unknown(line, f"no task has the key {', '.join(missing)}", alike))
    return found


async def _by_id(line: Line, declared: Declaration) -> Task:
    task_id = declared.id or ""
    try:
        task = await line.ask(lambda: calls.get_task(task_id))
    except NotFound as error:
        found = await line.ask(lambda: _read_tasks({""}, None))
        known = [f"{one.key} ({one.id})" for one in found.values()]
        raise UsageError(_unknown(line, f"no task has the id {task_id}", known)) from error
    except ApiError as error:
        raise UsageError(f"cannot look up the task {task_id} at {line.client.base_url}: {error}") from error
    if declared.key is not None and task.key != declared.key:
        raise UsageError(
            f"{declared.name} is declared as {declared.key!r}, but {ID_VARIABLE} names the task {task.key!r}: "
            "remove one of the two"
        )
    return task


def _unknown(line: Line, what: str, known: Sequence[str]) -> str:
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    there = f"its tasks are {', '.join(known[:_NAMED])}{more}" if known else "it has no tasks yet"
    return f"{what} in this account at {line.client.base_url} ({there}): create it, or correct its name"


def _read_tasks(wanted: set[str], key: str | None) -> Steps[dict[str, Task]]:
    """The tasks by key, read until all that are wanted were seen."""
    pages = calls.list_tasks(key=key)
    found: dict[str, Task] = {}
    call: Call[Listing[Task]] | None = pages.first()
    while call is not None and not wanted <= found.keys():
        listing = yield from call
        for task in listing.data:
            found.setdefault(task.key, task)
        call = pages.after(call, listing)
    return found
