"""What job executions have, as a find looks through it: of each that an account has launched, as it is shown that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from data_factory.model.records import LogRecord, SeenRecord, TaskExecutionRecord
from data_factory.model.status import Severity, TaskExecutionStatus
from data_factory.service.finding import Present, Scan, Spread
from data_factory.service.guests import task_execution_as_launched
from data_factory.service.paging import Part
from data_factory.store.promises import Reads


def task_executions(account_id: str, present: Present) -> Spread[TaskExecutionRecord]:
    """The task executions; `present` shows one."""

    async def scan(reads: Reads, one: str | None, scan: Scan) -> list[SeenRecord]:
        return await reads.scan_task_executions(account_id, one, scan)

    async def read(reads: Reads, ids: Sequence[str]) -> list[TaskExecutionRecord]:
        return as_launched(await reads.task_executions_seen(account_id, ids))

    async def whole(reads: Reads, ids: Sequence[str], part: Part) -> list[TaskExecutionRecord]:
        return as_launched(await reads.task_executions_among(account_id, ids, part))

    def as_launched(rows: Iterable[TaskExecutionRecord]) -> list[TaskExecutionRecord]:
        return [task_execution_as_launched(row, account_id) for row in rows]

    return Spread(scan, read, present, state="status", states=get_args(TaskExecutionStatus), whole=whole)


def logs(account_id: str, present: Present) -> Spread[LogRecord]:
    """What was told of them; `present` shows one."""

    async def scan(reads: Reads, one: str | None, scan: Scan) -> list[SeenRecord]:
        return await reads.scan_logs(account_id, one, scan)

    async def read(reads: Reads, ids: Sequence[str]) -> list[LogRecord]:
        return await reads.logs_among(account_id, ids)

    return Spread(scan, read, present, state="severity", states=get_args(Severity))
