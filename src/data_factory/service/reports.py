"""What the report of a job execution is made of, read a part at a time, so that it may be as long as it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Final

import msgspec

from data_factory.model.records import JobExecutionRecord, LogRecord, TaskExecutionRecord
from data_factory.model.status import Severity
from data_factory.service.guests import task_executions_of
from data_factory.service.lookups import job_execution_of
from data_factory.service.paging import Part
from data_factory.store.promises import Reads, Store

AT_A_TIME: Final = 200
PART_BYTES: Final = 1024 * 1024
"""How much of it is in memory at once, save for a single execution that has more."""


class Attempt(msgspec.Struct, frozen=True):
    """An attempt at a task, and the key of the task; empty for a step of control flow, and for a guest."""

    row: TaskExecutionRecord
    task_key: str


class Report:
    """The report of a job execution as it was when it was asked for, and what happened since of what is in it."""

    def __init__(self, store: Store, execution: JobExecutionRecord, job_key: str) -> None:
        self.execution = execution
        self.job_key = job_key
        self._store = store

    async def logs(self, severity: Severity) -> AsyncGenerator[Sequence[LogRecord], None]:
        """What was told of it in a severity, oldest first.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        cursor: str | None = None
        while True:
            found = await self._store.read(partial(self._logs, severity, cursor))
            yield found
            if len(found) < AT_A_TIME:
                return
            cursor = found[-1].id

    async def attempts(self) -> AsyncGenerator[Sequence[Attempt], None]:
        """All attempts at its tasks, and its steps of control flow, in the order in which they came.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        cursor: str | None = None
        keys: dict[str, str] = {}
        while found := await self._store.read(partial(self._attempts, cursor, keys)):
            yield [Attempt(row, keys.get(row.task_id, "")) for row in found]
            cursor = found[-1].id

    async def _logs(self, severity: Severity, cursor: str | None, reads: Reads) -> list[LogRecord]:
        await job_execution_of(reads, self.execution.account_id, self.execution.id)
        part = Part(cursor=cursor, limit=AT_A_TIME)
        return await reads.logs_of_job(self.execution.account_id, self.execution.id, [severity], part)

    async def _attempts(self, cursor: str | None, keys: dict[str, str], reads: Reads) -> list[TaskExecutionRecord]:
        """The next ones; the `keys` of their tasks are added to those that are known."""
        execution, part = self.execution, Part(cursor=cursor, limit=AT_A_TIME, max_bytes=PART_BYTES)
        rows = await task_executions_of(reads, execution.account_id, execution.id, part)
        new = sorted({row.task_id for row in rows} - keys.keys() - {""})
        if new and not execution.is_guests:
            keys.update({task.id: task.key for task in await reads.tasks_by_id(new)})
        return rows


async def report_of(store: Store, account_id: str, id: str) -> Report:
    """The report of a job execution.

    Raises:
        NotFound: there is none.
    """

    async def work(reads: Reads) -> Report:
        execution = await job_execution_of(reads, account_id, id)
        (job,) = await reads.jobs_by_id([execution.job_id])
        return Report(store, execution, job.key)

    return await store.read(work)
