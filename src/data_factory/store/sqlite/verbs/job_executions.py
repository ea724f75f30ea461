"""The verbs of job executions: how they run, run others again, and are erased, on SQLite."""

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
from data_factory.store.promises import Scan, Slice
from data_factory.store.promises.failures import expect
from data_factory.store.sqlite import tallies
from data_factory.store.sqlite.session import Session, array


class JobExecutions(Session):
    """The verbs of job executions: how they run, run others again, and are erased."""

    async def job_execution(self, account_id: str, id: str) -> JobExecutionRecord | None:
        return self._one(JobExecutionRecord, "job_execution", account_id=account_id, id=id)

    async def job_executions_of_account(self, account_id: str, part: Slice) -> list[JobExecutionRecord]:
        return self._listed_within(JobExecutionRecord, "job_executions_of_account", part, account_id=account_id)

    async def job_executions_of_job(self, account_id: str, job_id: str, part: Slice) -> list[JobExecutionRecord]:
        name = "job_executions_of_job"
        return self._listed_within(JobExecutionRecord, name, part, account_id=account_id, job_id=job_id)

    async def job_executions_by_id(self, ids: Iterable[str]) -> list[JobExecutionRecord]:
        return self._all(JobExecutionRecord, "job_executions_by_id", ids=array(ids))

    async def pending_job_executions(self, wanted: Mapping[str, int]) -> list[WaitingRecord]:
        return self._all(WaitingRecord, "pending_job_executions", wanted=array(wanted.items()))

    async def due_job_executions(self, now: int, limit: int) -> list[JobExecutionRecord]:
        return self._all(JobExecutionRecord, "due_job_executions", now=now, limit=limit)

    async def insert_job_executions(self, rows: Sequence[JobExecutionRecord]) -> None:
        self._execute_all("insert_job_executions", rows)
        self._execute_all("count_job_executions", tallies.added(new=rows))

    async def update_job_executions(self, rows: Sequence[tuple[JobExecutionRecord, JobExecutionRecord]]) -> None:
        read, changed = [old for old, _ in rows], [new for _, new in rows]
        expect(len(rows), self._execute_all("update_job_executions", changed, [old.status for old in read]))
        self._execute_all("count_job_executions", tallies.added(read, changed))

    async def wake_parents(self, task_execution_ids: Iterable[str], now: int) -> None:
        self._execute("wake_parents", ids=array(task_execution_ids), now=now)

    async def stop_children(self, job_execution_ids: Iterable[str], now: int) -> None:
        self._execute("stop_children", ids=array(job_execution_ids), now=now)

    async def scan_job_executions(
        self, account_id: str, job_id: str | None, scan: Scan, beyond: int | None = None
    ) -> list[SeenExecutionRecord]:
        name = f"scan_of_{'account' if job_id is None else 'job'}{'_ascending' if scan.ascending else ''}"
        values = {"account_id": account_id, "job_id": job_id, "beyond": beyond}
        return self._scanned(SeenExecutionRecord, name, scan, **values)

    async def job_executions_among(
        self, account_id: str, ids: Iterable[str], ascending: bool, part: Slice
    ) -> list[JobExecutionRecord]:
        values = {"account_id": account_id, "ids": array(ids), "ascending": ascending}
        return self._listed_within(JobExecutionRecord, "job_executions_among", part, **values)

    async def pending_before(self, job_execution_id: str, pipeline_id: str, limit: int) -> list[str]:
        values = {"job_execution_id": job_execution_id, "pipeline_id": pipeline_id, "limit": limit}
        return [id for (id,) in self._execute("pending_before", **values)]

    async def links_of(self, ids: Iterable[str]) -> list[LinkRecord]:
        return self._all(LinkRecord, "links_of", ids=array(ids))

    async def traces_of_job(self, account_id: str, job_execution_id: str) -> list[TraceRecord]:
        return self._all(TraceRecord, "traces_of_job", account_id=account_id, job_execution_id=job_execution_id)

    async def aged_job_executions(self, account_id: str, after: int, limit: int) -> list[AgedRecord]:
        return self._all(AgedRecord, "aged_job_executions", account_id=account_id, after=after, limit=limit)

    async def begin_erasing(self, ids: Iterable[str], now: int) -> int:
        wanted = array(ids)
        self._execute("note_erasures", ids=wanted, now=now)
        self._execute("forget_keys_of_erased", ids=wanted)
        return self._execute("erase_job_executions", ids=wanted).rowcount

    async def erase_some(self, limit: int) -> bool:
        if (found := self._execute("hold_erasure").fetchone()) is None:
            return False
        (id,) = found
        names = ("erase_task_executions", "erase_logs")
        if all(self._execute(name, id=id, limit=limit).rowcount < limit for name in names):
            for name in ("erase_log_tally", "erase_webhooks", "erase_file_readers", "erase_link", "end_erasure"):
                self._execute(name, id=id)
        return True

    async def insert_links(self, links: Sequence[LinkRecord]) -> None:
        self._execute_all("insert_links", links)

    async def take_over(self, takeover: TakeoverRecord, new_id: str) -> None:
        lists = {"left_out": array(takeover.left_out), "reopened": array(takeover.reopened)}
        self._execute("take_over", of_id=takeover.of_id, to_id=takeover.to_id, new_id=new_id, **lists)
        self._execute("take_over_files", of_id=takeover.of_id, to_id=takeover.to_id)

    async def job_executions_in_short(self, account_id: str, ids: Iterable[str]) -> list[JobExecutionRecord]:
        return self._all(JobExecutionRecord, "job_executions_in_short", account_id=account_id, ids=array(ids))
