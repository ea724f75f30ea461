"""The verbs of task executions, their timers and their leases, on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from data_factory.model.records import SeenRecord, StandingRecord, TaskExecutionRecord, ToldRecord, WaitingRecord
from data_factory.store.promises import Pair, Scan, Slice, Timer
from data_factory.store.promises.failures import expect
from data_factory.store.sqlite.session import Session, array
from data_factory.store.statements import way


class TaskExecutions(Session):
    """The verbs of task executions, their timers and their leases."""

    async def task_execution(self, account_id: str, id: str) -> TaskExecutionRecord | None:
        return self._one(TaskExecutionRecord, "task_execution", account_id=account_id, id=id)

    async def task_executions_of_job(
        self, account_id: str, job_execution_id: str, part: Slice
    ) -> list[TaskExecutionRecord]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        return self._listed_within(TaskExecutionRecord, "task_executions_of_job", part, **values)

    async def task_executions_of(
        self, ids: Iterable[str], claimed: Iterable[Pair] = (), active_of: Iterable[str] = ()
    ) -> list[TaskExecutionRecord]:
        values = {"ids": array(ids), "claimed": array(claimed), "active_of": array(active_of)}
        return self._all(TaskExecutionRecord, "task_executions_of", **values)

    async def latest_task_executions(self, pairs: Iterable[Pair]) -> list[TaskExecutionRecord]:
        return self._all(TaskExecutionRecord, "latest_task_executions", pairs=array(pairs))

    async def output_sizes(self, pairs: Iterable[Pair]) -> dict[str, int]:
        return self._counts("output_sizes", pairs=array(pairs))

    async def claimable_task_executions(self, wanted: Mapping[str, int]) -> list[WaitingRecord]:
        return self._all(WaitingRecord, "claimable_task_executions", wanted=array(wanted.items()))

    async def claimable_tasks(self, task_ids: Iterable[str]) -> list[str]:
        return [id for (id,) in self._execute("claimable_tasks", task_ids=array(task_ids))]

    async def in_progress_counts(self, task_ids: Iterable[str]) -> dict[str, int]:
        return self._counts("in_progress_counts", task_ids=array(task_ids))

    async def due_task_executions(self, now: int, limit: int) -> list[TaskExecutionRecord]:
        return self._all(TaskExecutionRecord, "due_task_executions", now=now, limit=limit)

    async def put_off(self, timer: Timer, until: int) -> bool:
        return self._execute(f"put_off_{timer.of}", id=timer.id, at=timer.at, until=until).rowcount > 0

    async def spare_leases(self, since: int, now: int, grace_ms: int, limit: int) -> int:
        return self._execute("spare_leases", since=since, now=now, grace_ms=grace_ms, limit=limit).rowcount

    async def begin_sparing(self, since: int) -> None:
        self._execute("begin_sparing", since=since)

    async def sparing_since(self) -> int | None:
        found = self._execute("sparing_since").fetchone()
        return None if found is None else found[0]

    async def end_sparing(self) -> None:
        self._execute("end_sparing")

    async def insert_task_executions(self, rows: Sequence[TaskExecutionRecord]) -> None:
        self._execute_all("insert_task_executions", rows)

    async def update_task_executions(self, rows: Sequence[tuple[TaskExecutionRecord, TaskExecutionRecord]]) -> None:
        changed = [new for _, new in rows]
        expected = [old.status for old, _ in rows], [old.lease for old, _ in rows]
        expect(len(rows), self._execute_all("update_task_executions", changed, *expected))
        self._execute_all("update_task_execution_inputs", [new for old, new in rows if new.input != old.input])

    async def standing_of_job(self, job_execution_id: str, limit: int) -> list[StandingRecord]:
        return self._all(StandingRecord, "standing_of_job", job_execution_id=job_execution_id, limit=limit)

    async def standing_count_of_job(self, job_execution_id: str) -> int:
        ((count,),) = self._execute("standing_count_of_job", job_execution_id=job_execution_id)
        return int(count)

    async def told_task_executions(self, ids: Iterable[str]) -> list[ToldRecord]:
        return self._all(ToldRecord, "told_task_executions", ids=array(ids))

    async def task_executions_in_short(self, account_id: str, ids: Iterable[str]) -> list[TaskExecutionRecord]:
        return self._all(TaskExecutionRecord, "task_executions_in_short", account_id=account_id, ids=array(ids))

    async def task_executions_seen(self, account_id: str, ids: Iterable[str]) -> list[TaskExecutionRecord]:
        return self._all(TaskExecutionRecord, "task_executions_seen", account_id=account_id, ids=array(ids))

    async def task_executions_among(
        self, account_id: str, ids: Iterable[str], part: Slice
    ) -> list[TaskExecutionRecord]:
        values = {"account_id": account_id, "ids": array(ids)}
        return self._listed_within(TaskExecutionRecord, "task_executions_among", part, **values)

    async def scan_task_executions(self, account_id: str, job_execution_id: str | None, scan: Scan) -> list[SeenRecord]:
        name = f"scan_of_task_executions_of_{way(job_execution_id, scan.ascending)}"
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        return self._scanned(SeenRecord, name, scan, **values)

    async def task_execution_ids_of_job(self, account_id: str, job_execution_id: str, part: Slice) -> list[str]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        found = self._execute("task_execution_ids_of_job", cursor=part.cursor, limit=part.limit, **values)
        return [id for (id,) in found]

    async def next_timer(self) -> int | None:
        times = [self._execute(name).fetchone()[0] for name in ("next_task_timer", "next_job_deadline", "next_due_job")]
        return min((time for time in times if time is not None), default=None)
