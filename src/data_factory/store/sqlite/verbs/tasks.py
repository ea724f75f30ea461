"""The verbs of custom tasks, and the workers that ask for them, on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_factory.model.records import TaskPollRecord, TaskRecord
from data_factory.store.promises import Pair, Slice
from data_factory.store.promises.failures import expect
from data_factory.store.sqlite.session import Session, array, as_dict


class Tasks(Session):
    """The verbs of custom tasks, and the workers that ask for them."""

    async def tasks_by_id(self, ids: Iterable[str]) -> list[TaskRecord]:
        return self._all(TaskRecord, "tasks_by_id", ids=array(ids))

    async def tasks_by_key(self, account_id: str, keys: Iterable[str]) -> list[TaskRecord]:
        return self._all(TaskRecord, "tasks_by_key", account_id=account_id, keys=array(keys))

    async def tasks_named(self, pairs: Iterable[Pair]) -> list[TaskRecord]:
        return self._all(TaskRecord, "tasks_named", pairs=array(pairs))

    async def tasks_of_account(self, account_id: str, part: Slice) -> list[TaskRecord]:
        return self._listed(TaskRecord, "tasks_of_account", part, account_id=account_id)

    async def insert_task(self, task: TaskRecord) -> None:
        self._execute("insert_task", **as_dict(task))

    async def update_task(self, task: TaskRecord) -> None:
        expect(1, self._execute("update_task", **as_dict(task)).rowcount)

    async def task_polls(self, task_ids: Iterable[str]) -> list[TaskPollRecord]:
        return self._all(TaskPollRecord, "task_polls", task_ids=array(task_ids))

    async def note_polls(self, polls: Sequence[TaskPollRecord]) -> None:
        self._execute_all("note_polls", polls)
