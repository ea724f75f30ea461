"""The calls of custom tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_factory.client.call import Call, Listing, Pages, Steps
from data_factory.client.calls.parts import create_one, find_one, given, path_of, prefer, update_one
from data_factory.model.definitions import TaskDefinition
from data_factory.model.resources import Task, TaskExecution

TaskLike = TaskDefinition | Mapping[str, Any]


def create_task(definition: TaskLike, *, idempotency_key: str | None = None) -> Call[Task]:
    """Declare a custom task.

    >>> client.tasks.create({"key": "example-task", "retryCount": 3})  # doctest: +SKIP
    """
    return create_one("tasks", definition, Task, idempotency_key)


def get_task(task_id: str) -> Call[Task]:
    """The task with this id."""
    return Call(method="GET", path=path_of("tasks", task_id), result=Task)


def update_task(task_id: str, definition: TaskLike) -> Call[Task]:
    """Replace the definition of a task; what is left out gets its default."""
    return update_one("tasks", task_id, definition, Task)


def delete_task(task_id: str) -> Call[Task]:
    """Delete a task that no job uses; gives back what it was."""
    return Call(method="DELETE", path=path_of("tasks", task_id), result=Task, repeat="unsent")


def list_tasks(*, key: str | None = None, size: int = 100) -> Pages[Task]:
    """The tasks of the account, newest first, read `size` at a time."""
    return Pages(path=path_of("tasks"), result=Listing[Task], params=given(key=key), size=size)


def find_task(key: str) -> Steps[Task | None]:
    """The task with this key, or None."""
    return find_one(list_tasks(key=key), key)


def poll_task(task_id: str, *, wait: float = 0) -> Call[TaskExecution]:
    """Claim the oldest waiting execution of one task; `NotFound` if none waits (after `wait` seconds)."""
    return Call(
        method="GET",
        path=path_of("tasks", task_id, "poll"),
        result=TaskExecution,
        headers=prefer(wait),
        wait=wait,
        repeat="unsent",
    )
