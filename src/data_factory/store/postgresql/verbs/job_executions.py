"""The verbs of job executions: how they run, run others again, and are erased, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from data_factory.model.records import (
    AgedRecord,
    JobExecutionRecord,
    LinkRecord,
    SeenExecutionRecord,
    TakeoverRecord,
    TraceRecord,
    WaitingRecord,
)
from data_factory.store.postgresql.session import Session, WritingSession, columns, texts
from data_factory.store.promises import Scan, Slice


class JobExecutionReads(Session):
    """What can be asked of job executions: how they run, run others again, and are erased."""

    async def job_execution(self, account_id: str, id: str) -> JobExecutionRecord | None:
        return await self._one(JobExecutionRecord, "job_execution", account_id=account_id, id=id)

    async def job_executions_of_account(self, account_id: str, part: Slice) -> list[JobExecutionRecord]:
        return await self._listed_within(JobExecutionRecord, "job_executions_of_account", part, account_id=account_id)

    async def job_executions_of_job(self, account_id: str, job_id: str, part: Slice) -> list[JobExecutionRecord]:
        name = "job_executions_of_job"
        return await self._listed_within(JobExecutionRecord, name, part, account_id=account_id, job_id=job_id)

    async def scan_job_executions(
        self, account_id: str, job_id: str | None, scan: Scan, beyond: int | None = None
    ) -> list[SeenExecutionRecord]:
        name = f"scan_of_{'account' if job_id is None else 'job'}{'_ascending' if scan.ascending else ''}"
        values = {"account_id": account_id, "job_id": job_id, "beyond": beyond}
        return await self._scanned(SeenExecutionRecord, name, scan, **values)

    async def job_executions_among(
        self, account_id: str, ids: Iterable[str], ascending: bool, part: Slice
    ) -> list[JobExecutionRecord]:
        values = {"account_id": account_id, "ids": texts(ids), "ascending": ascending}
        return await self._listed_within(JobExecutionRecord, "job_executions_among", part, **values)

    async def job_executions_in_short(self, account_id: str, ids: Iterable[str]) -> list[JobExecutionRecord]:
        return await self._all(JobExecutionRecord, "job_executions_in_short", account_id=account_id, ids=texts(ids))

    async def pending_before(self, job_execution_id: str, pipeline_id: str, limit: int) -> list[str]:
        values = {"job_execution_id": job_execution_id, "pipeline_id": pipeline_id, "limit": limit}
        return await self._names("pending_before", **values)

    async def aged_job_executions(self, account_id: str, after: int, limit: int) -> list[AgedRecord]:
        return await self._all(AgedRecord, "aged_job_executions", account_id=account_id, after=after, limit=limit)

    async def links_of(self, ids: Iterable[str]) -> list[LinkRecord]:
        return await self._all(LinkRecord, "links_of", ids=texts(ids))

    async def traces_of_job(self, account_id: str, job_execution_id: str) -> list[TraceRecord]:
        return await self._all(TraceRecord, "traces_of_job", account_id=account_id, job_execution_id=job_execution_id)


class JobExecutionWrites(JobExecutionReads, WritingSession):
    """What can be done with job executions: how they run, run others again, and are erased."""

    async def job_executions_by_id(self, ids: Iterable[str]) -> list[JobExecutionRecord]:
        return await self._all(JobExecutionRecord, "hold_job_executions_by_id", ids=texts(ids))

    async def pending_job_executions(self, wanted: Mapping[str, int]) -> list[WaitingRecord]:
        ids, counts = columns(wanted.items(), 2)
        return await self._all(WaitingRecord, "pending_job_executions", pipeline_ids=ids, counts=counts)

    async def due_job_executions(self, now: int, limit: int) -> list[JobExecutionRecord]:
        return await self._all(JobExecutionRecord, "due_job_executions", now=now, limit=limit)

    async def insert_job_executions(self, rows: Sequence[JobExecutionRecord]) -> None:
        await self._insert_all("insert_job_executions", rows)

    async def update_job_executions(self, rows: Sequence[tuple[JobExecutionRecord, JobExecutionRecord]]) -> None:
        expected = [old.status for old, _ in rows]
        await self._update_all("update_job_executions", [new for _, new in rows], expected_status=expected)

    async def wake_parents(self, task_execution_ids: Iterable[str], now: int) -> None:
        await self._execute("wake_parents", ids=texts(task_execution_ids), now=now)

    async def stop_children(self, job_execution_ids: Iterable[str], now: int) -> None:
        await self._execute("stop_children", ids=texts(job_execution_ids), now=now)

    async def begin_erasing(self, ids: Iterable[str], now: int) -> int:
        return await self._execute("begin_erasing", ids=texts(ids), now=now)

    async def erase_some(self, limit: int) -> bool:
        if not (found := await self._names("hold_erasure")):
            return False
        id = found[0]
        erased = [await self._execute(name, id=id, limit=limit) for name in ("erase_task_executions", "erase_logs")]
        if max(erased) < limit:
            for name in ("erase_log_tally", "erase_webhooks", "erase_file_readers", "erase_link", "end_erasure"):
                await self._execute(name, id=id)
        return True

    async def insert_links(self, links: Sequence[LinkRecord]) -> None:
        await self._insert_all("insert_links", links)

    async def take_over(self, takeover: TakeoverRecord, new_id: str) -> None:
        lists = {"left_out": list(takeover.left_out), "reopened": list(takeover.reopened)}
        await self._execute("take_over", of_id=takeover.of_id, to_id=takeover.to_id, new_id=new_id, **lists)
        await self._execute("take_over_files", of_id=takeover.of_id, to_id=takeover.to_id)
