"""The verbs of task executions, their timers and their leases, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data_factory.model.records import SeenRecord, StandingRecord, TaskExecutionRecord, ToldRecord, WaitingRecord
from data_factory.store.postgresql.session import Session, WritingSession, columns, texts
from data_factory.store.promises import Pair, Scan, Slice, Timer
from data_factory.store.statements import way


class TaskExecutionReads(Session):
    """What can be asked of task executions, their timers and their leases."""

    async def task_execution(self, account_id: str, id: str) -> TaskExecutionRecord | None:
        return await self._one(TaskExecutionRecord, "task_execution", account_id=account_id, id=id)

    async def task_executions_of_job(
        self, account_id: str, job_execution_id: str, part: Slice
    ) -> list[TaskExecutionRecord]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        return await self._listed_within(TaskExecutionRecord, "task_executions_of_job", part, **values)

    async def task_executions_in_short(self, account_id: str, ids: Iterable[str]) -> list[TaskExecutionRecord]:
        return await self._all(TaskExecutionRecord, "task_executions_in_short", account_id=account_id, ids=texts(ids))

    async def task_executions_seen(self, account_id: str, ids: Iterable[str]) -> list[TaskExecutionRecord]:
        return await self._all(TaskExecutionRecord, "task_executions_seen", account_id=account_id, ids=texts(ids))

    async def task_executions_among(
        self, account_id: str, ids: Iterable[str], part: Slice
    ) -> list[TaskExecutionRecord]:
        values = {"account_id": account_id, "ids": texts(ids)}
        return await self._listed_within(TaskExecutionRecord, "task_executions_among", part, **values)

    async def scan_task_executions(self, account_id: str, job_execution_id: str | None, scan: Scan) -> list[SeenRecord]:
        name = f"scan_of_task_executions_of_{way(job_execution_id, scan.ascending)}"
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        return await self._scanned(SeenRecord, name, scan, **values)

    async def task_execution_ids_of_job(self, account_id: str, job_execution_id: str, part: Slice) -> list[str]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        return await self._names("task_execution_ids_of_job", cursor=part.cursor, limit=part.limit, **values)

    async def standing_of_job(self, job_execution_id: str, limit: int) -> list[StandingRecord]:
        return await self._all(StandingRecord, "standing_of_job", job_execution_id=job_execution_id, limit=limit)

    async def standing_count_of_job(self, job_execution_id: str) -> int:
        ((count,),) = await self._fetch("standing_count_of_job", job_execution_id=job_execution_id)
        return int(count)

    async def in_progress_counts(self, task_ids: Iterable[str]) -> dict[str, int]:
        return await self._counts("in_progress_counts", task_ids=texts(task_ids))

    async def told_task_executions(self, ids: Iterable[str]) -> list[ToldRecord]:
        return await self._all(ToldRecord, "told_task_executions", ids=texts(ids))

    async def next_timer(self) -> int | None:
        times = [(await self._fetch(name))[0][0] for name in ("next_task_timer", "next_job_deadline", "next_due_job")]
        return min((time for time in times if time is not None), default=None)


class TaskExecutionWrites(TaskExecutionReads, WritingSession):
    """What can be done with task executions, their timers and their leases."""

    async def task_executions_of(
        self, ids: Iterable[str], claimed: Iterable[Pair] = (), active_of: Iterable[str] = ()
    ) -> list[TaskExecutionRecord]:
        task_ids, claim_ids = columns(claimed, 2)
        values = {"ids": texts(ids), "task_ids": task_ids, "claim_ids": claim_ids, "active_of": texts(active_of)}
        return await self._all(TaskExecutionRecord, "hold_task_executions", **values)

    async def latest_task_executions(self, pairs: Iterable[Pair]) -> list[TaskExecutionRecord]:
        ids, paths = columns(pairs, 2)
        return await self._all(TaskExecutionRecord, "latest_task_executions", job_execution_ids=ids, paths=paths)

    async def output_sizes(self, pairs: Iterable[Pair]) -> dict[str, int]:
        ids, paths = columns(pairs, 2)
        return await self._counts("output_sizes", job_execution_ids=ids, paths=paths)

    async def claimable_task_executions(self, wanted: Mapping[str, int]) -> list[WaitingRecord]:
        ids, counts = columns(wanted.items(), 2)
        return await self._all(WaitingRecord, "claimable_task_executions", task_ids=ids, counts=counts)

    async def claimable_tasks(self, task_ids: Iterable[str]) -> list[str]:
        return await self._names("claimable_tasks", task_ids=texts(task_ids))

    async def in_progress_counts(self, task_ids: Iterable[str]) -> dict[str, int]:
        ids = texts(task_ids)
        await self._fetch("hold_tasks", task_ids=ids)
        return await super().in_progress_counts(ids)

    async def due_task_executions(self, now: int, limit: int) -> list[TaskExecutionRecord]:
        return await self._all(TaskExecutionRecord, "due_task_executions", now=now, limit=limit)

    async def put_off(self, timer: Timer, until: int) -> bool:
        return await self._execute(f"put_off_{timer.of}", id=timer.id, at=timer.at, until=until) > 0

    async def spare_leases(self, since: int, now: int, grace_ms: int, limit: int) -> int:
        self.wrote = True
        [(ending,)] = await self._fetch("spare_leases", since=since, now=now, grace_ms=grace_ms, limit=limit)
        return int(ending)

    async def begin_sparing(self, since: int) -> None:
        await self._execute("begin_sparing", since=since)

    async def sparing_since(self) -> int | None:
        found = await self._fetch("sparing_since")
        return int(found[0][0]) if found else None

    async def end_sparing(self) -> None:
        await self._execute("end_sparing")

    async def insert_task_executions(self, rows: Sequence[TaskExecutionRecord]) -> None:
        await self._insert_all("insert_task_executions", rows)

    async def update_task_executions(self, rows: Sequence[tuple[TaskExecutionRecord, TaskExecutionRecord]]) -> None:
        expected: dict[str, list[Any]] = {
            "expected_status": [old.status for old, _ in rows],
            "expected_lease": [old.lease for old, _ in rows],
        }
        await self._update_all("update_task_executions", [new for _, new in rows], **expected)
        await self._update_all("update_task_execution_inputs", [new for old, new in rows if new.input != old.input])
