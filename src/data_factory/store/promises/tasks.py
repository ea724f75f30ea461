"""What a store promises of custom tasks, and the workers that ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from data_factory.model.records import TaskPollRecord, TaskRecord
from data_factory.store.promises.parts import Pair, Slice


class TaskReads(Protocol):
    """What can be asked of custom tasks, and the workers that ask for them."""

    async def tasks_by_id(self, ids: Iterable[str]) -> list[TaskRecord]:
        """These tasks; the deleted ones too, for executions that still need them."""
        ...

    async def tasks_by_key(self, account_id: str, keys: Iterable[str]) -> list[TaskRecord]: ...

    async def tasks_named(self, pairs: Iterable[Pair]) -> list[TaskRecord]:
        """These tasks, without those that are deleted: `pairs` of account id and key."""
        ...

    async def tasks_of_account(self, account_id: str, part: Slice) -> list[TaskRecord]: ...

    async def task_polls(self, task_ids: Iterable[str]) -> list[TaskPollRecord]:
        """When a worker last asked for each of these tasks, as far as one has."""
        ...


class TaskWrites(Protocol):
    """What can be done of custom tasks, and the workers that ask for them."""

    async def insert_task(self, task: TaskRecord) -> None: ...

    async def update_task(self, task: TaskRecord) -> None:
        """Change a task that is not deleted.

        Raises:
            StaleWrite: it was deleted in between.
        """
        ...

    async def note_polls(self, polls: Sequence[TaskPollRecord]) -> None:
        """Workers have asked for these tasks, which come in the order of their ids."""
        ...
