"""The verbs of custom tasks, and the workers that ask for them, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from data_factory.model.records import TaskPollRecord, TaskRecord
from data_factory.store.postgresql.session import Session, WritingSession, as_dict, columns, texts
from data_factory.store.promises import Pair, Slice
from data_factory.store.promises.failures import expect

_by_key = attrgetter("account_id", "key")


class TaskReads(Session):
    """What can be asked of custom tasks, and the workers that ask for them."""

    async def tasks_by_id(self, ids: Iterable[str]) -> list[TaskRecord]:
        return await self._all(TaskRecord, "tasks_by_id", ids=texts(ids))

    async def tasks_by_key(self, account_id: str, keys: Iterable[str]) -> list[TaskRecord]:
        return await self._all(TaskRecord, "tasks_by_key", account_id=account_id, keys=texts(keys))

    async def tasks_named(self, pairs: Iterable[Pair]) -> list[TaskRecord]:
        account_ids, keys = columns(pairs, 2)
        return await self._all(TaskRecord, "tasks_named", account_ids=account_ids, keys=keys)

    async def tasks_of_account(self, account_id: str, part: Slice) -> list[TaskRecord]:
        return await self._listed(TaskRecord, "tasks_of_account", part, account_id=account_id)

    async def task_polls(self, task_ids: Iterable[str]) -> list[TaskPollRecord]:
        return await self._all(TaskPollRecord, "task_polls", task_ids=texts(task_ids))


class TaskWrites(TaskReads, WritingSession):
    """What can be done with custom tasks, and the workers that ask for them."""

    async def tasks_by_key(self, account_id: str, keys: Iterable[str]) -> list[TaskRecord]:
        return await self._all(TaskRecord, "hold_tasks_by_key", account_id=account_id, keys=texts(keys))

    async def insert_task(self, task: TaskRecord) -> None:
        await self._execute("insert_task", **as_dict(task))

    async def update_task(self, task: TaskRecord) -> None:
        expect(1, await self._execute("update_task", **as_dict(task)))

    async def note_polls(self, polls: Sequence[TaskPollRecord]) -> None:
        await self._insert_all("note_polls", polls)
