"""The verbs of `promises.Transaction`, on one PostgreSQL connection.

Who waits for whom: a transaction takes the rows that it holds in one order, first pipelines, then job executions (whose
pipeline it holds), then task executions, then tasks, each by its id, and those of one kind in one statement. So no two
ever wait for each other in a circle. Rows that are just handed out are skipped, which waits for nobody.

`FOR NO KEY UPDATE` is the lock that an UPDATE takes; `FOR UPDATE` would stop those who insert a reference, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec

from data_factory.model.records import (
    AccountRecord,
    ApiKeyRecord,
    FileRecord,
    FileTallyRecord,
    IdempotencyRecord,
    JobExecutionRecord,
    JobRecord,
    JobVersionRecord,
    LogRecord,
    LogTallyRecord,
    PipelineRecord,
    SecretRecord,
    TaskExecutionRecord,
    TaskPollRecord,
    TaskRecord,
    VariableRecord,
    WaitingRecord,
)
from data_factory.store.postgresql.reads import PostgresqlReads, columns, texts
from data_factory.store.promises import Pair, StaleWrite

T = TypeVar("T")

CHANNEL: Final = "data_factory"
"""The channel on which the processes of one database tell each other what they have done."""

_by_key = attrgetter("account_id", "key")
_as_dict = msgspec.structs.asdict
_as_tuple = msgspec.structs.astuple


class PostgresqlTransaction(PostgresqlReads):
    """One connection, seen as a transaction; whoever made it begins and ends it."""

    wrote = False
    """Whether anything was written, so that it matters whether it was kept."""

    # -- how statements are run

    async def _execute(self, name: str, **values: Any) -> int:
        """Run a statement that writes; how many rows it has changed."""
        statement = self._sql[name]
        self.statements_run += 1
        self.wrote = True
        status = await self._connection.execute(statement.sql, *[values[name] for name in statement.parameters])
        return int(status.rpartition(" ")[2])

    async def _insert_all(self, name: str, rows: Sequence[msgspec.Struct]) -> None:
        if rows:
            await self._execute(name, **_arrays(rows))

    async def _update_all(self, name: str, rows: Sequence[msgspec.Struct], **expected: list[Any]) -> None:
        if rows:
            _expect(len(rows), await self._execute(name, **_arrays(rows), **expected))

    async def seal(self, writer: str, number: int, lines: Sequence[str]) -> None:
        """End with what the other processes are told, and with the number of this commit."""
        await self._execute("seal", channel=CHANNEL, lines=list(lines), writer=writer, number=number)

    # -- accounts and keys

    async def first_account(self) -> AccountRecord | None:
        await self._connection.execute(self._sql["hold_accounts"].sql)
        return await super().first_account()

    async def aside(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    async def write_nothing_new(self) -> None:
        self.wrote = True  # so the number of this commit will be

    async def insert_account(self, account: AccountRecord) -> None:
        await self._execute("insert_account", **_as_dict(account))

    async def insert_api_key(self, key: ApiKeyRecord) -> None:
        await self._execute("insert_api_key", **_as_dict(key))

    async def revoke_api_key(self, account_id: str, id: str, now: int) -> None:
        await self._execute("revoke_api_key", account_id=account_id, id=id, now=now)

    # -- pipelines

    async def pipelines_by_id(self, ids: Iterable[str]) -> list[PipelineRecord]:
        return await self.pipelines_of(ids)

    async def pipelines_of(
        self, ids: Iterable[str], job_execution_ids: Iterable[str] = (), task_execution_ids: Iterable[str] = ()
    ) -> list[PipelineRecord]:
        of = {"task_execution_ids": texts(task_execution_ids), "job_execution_ids": texts(job_execution_ids)}
        return await self._all(PipelineRecord, "hold_pipelines", ids=texts(ids), **of)

    async def insert_pipeline(self, pipeline: PipelineRecord) -> None:
        await self._execute("insert_pipeline", **_as_dict(pipeline))

    async def update_pipelines(self, pipelines: Sequence[PipelineRecord]) -> None:
        if pipelines:
            await self._execute("update_pipelines", **_arrays(pipelines))

    # -- tasks and jobs

    async def tasks_by_key(self, account_id: str, keys: Iterable[str]) -> list[TaskRecord]:
        return await self._all(TaskRecord, "hold_tasks_by_key", account_id=account_id, keys=texts(keys))

    async def insert_task(self, task: TaskRecord) -> None:
        await self._execute("insert_task", **_as_dict(task))

    async def update_task(self, task: TaskRecord) -> None:
        _expect(1, await self._execute("update_task", **_as_dict(task)))

    async def jobs_using_task(self, task_id: str) -> list[JobRecord]:
        await self._fetch("hold_task", task_id=task_id)
        return await super().jobs_using_task(task_id)

    async def insert_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None:
        await self._execute("insert_job", **_as_dict(job))
        await self._execute("insert_job_version", **_as_dict(version))
        await self._execute("insert_job_tasks", job_id=job.id, task_ids=list(task_ids))

    async def update_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None:
        _expect(1, await self._execute("update_job", **_as_dict(job)))
        await self._execute("insert_job_version", **_as_dict(version))
        await self._execute("delete_job_tasks", job_id=job.id)
        await self._execute("insert_job_tasks", job_id=job.id, task_ids=list(task_ids))

    async def hold_job(self, id: str) -> JobRecord | None:
        return await self._one(JobRecord, "hold_job", id=id)

    async def schedule_job(self, job: JobRecord) -> None:
        await self._execute("schedule_job", id=job.id, is_paused=job.is_paused, due_at=job.due_at)

    async def due_jobs(self, now: int, limit: int) -> list[JobRecord]:
        return await self._all(JobRecord, "due_jobs", now=now, limit=limit)

    async def reschedule_jobs(self, jobs: Sequence[JobRecord]) -> None:
        ids, due_ats = [job.id for job in jobs], [job.due_at for job in jobs]
        await self._execute("reschedule_jobs", ids=ids, due_ats=due_ats)

    # -- job executions

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

    # -- task executions

    async def task_executions_of(
        self, ids: Iterable[str], claimed: Iterable[Pair] = (), active_of: Iterable[str] = ()
    ) -> list[TaskExecutionRecord]:
        task_ids, claim_ids = columns(claimed, 2)
        values = {"ids": texts(ids), "task_ids": task_ids, "claim_ids": claim_ids, "active_of": texts(active_of)}
        return await self._all(TaskExecutionRecord, "hold_task_executions", **values)

    async def latest_task_executions(self, pairs: Iterable[Pair]) -> list[TaskExecutionRecord]:
        ids, paths = columns(pairs, 2)
        return await self._all(TaskExecutionRecord, "latest_task_executions", job_execution_ids=ids, paths=paths)

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

    # -- polls

    async def note_polls(self, polls: Sequence[TaskPollRecord]) -> None:
        await self._insert_all("note_polls", polls)

    # -- logs

    async def log_tallies(self, job_execution_ids: Iterable[str]) -> list[LogTallyRecord]:
        return await self._all(LogTallyRecord, "log_tallies", job_execution_ids=texts(job_execution_ids))

    async def insert_logs(self, logs: Sequence[LogRecord], more: Sequence[LogTallyRecord]) -> None:
        await self._insert_all("insert_logs", logs)
        await self._insert_all("count_logs", more)

    # -- variables

    async def variable(self, account_id: str, id: str) -> VariableRecord | None:
        return await self._one(VariableRecord, "hold_variable", account_id=account_id, id=id)

    async def insert_variable(self, variable: VariableRecord) -> None:
        await self._execute("insert_variable", **_as_dict(variable))

    async def update_variable(self, variable: VariableRecord) -> None:
        _expect(1, await self._execute("update_variable", **_as_dict(variable)))

    async def delete_variable(self, id: str) -> None:
        await self._execute("delete_variable", id=id)

    async def retire_secret(self, secret: SecretRecord, now: int, forget_before: int) -> None:
        await self._execute("insert_former_secret", **_as_dict(secret), now=now)
        await self._execute("forget_former_secrets", before=forget_before)

    # -- files

    async def files_by_id(self, account_id: str, ids: Iterable[str]) -> list[FileRecord]:
        return await self._all(FileRecord, "hold_files_by_id", account_id=account_id, ids=texts(ids))

    async def insert_file(self, file: FileRecord) -> None:
        await self._execute("insert_file", **_as_dict(file))

    async def keep_file(self, file: FileRecord) -> None:
        _expect(1, await self._execute("keep_file", **_as_dict(file)))

    async def count_files(self, more: Sequence[FileTallyRecord]) -> None:
        if more:
            account_ids = [one.account_id for one in more]
            await self._execute("begin_file_tallies", account_id=account_ids)
            await self._fetch("hold_file_tallies", account_id=account_ids)
            await self._execute("count_files", **_arrays(more))

    async def use_files(self, job_id: str, account_id: str, ids: Iterable[str], now: int) -> None:
        await self._execute("delete_job_files", job_id=job_id)
        if named := texts(ids):
            await self._fetch("hold_files_by_id", account_id=account_id, ids=named)
            await self._execute("make_files_permanent", account_id=account_id, ids=named, now=now)
            await self._execute("insert_job_files", job_id=job_id, account_id=account_id, ids=named)

    async def abandon_files(self, due_at: int) -> None:
        await self._execute("abandon_files", due_at=due_at)

    async def renew_files(self, ids: Iterable[str], due_at: int) -> None:
        await self._execute("renew_files", ids=list(ids), due_at=due_at)

    async def due_files(self, now: int, limit: int) -> list[FileRecord]:
        return await self._all(FileRecord, "due_files", now=now, limit=limit)

    async def leave_files(self, ids: Iterable[str], now: int) -> None:
        await self._execute("leave_files", ids=list(ids), now=now)

    async def delete_files(self, ids: Iterable[str]) -> None:
        await self._execute("delete_files", ids=list(ids))

    # -- idempotency keys

    async def insert_idempotency_keys(self, rows: Sequence[IdempotencyRecord], forget_before: int) -> None:
        # In the order of the keys: two requests that use the same ones wait for each other one way only.
        await self._insert_all("insert_idempotency_keys", sorted(rows, key=_by_key))
        await self._execute("forget_idempotency_keys", before=forget_before)


def _arrays(rows: Sequence[msgspec.Struct]) -> dict[str, list[Any]]:
    """Rows as one array a field."""
    values = zip(*map(_as_tuple, rows), strict=True)
    return {name: list(column) for name, column in zip(rows[0].__struct_fields__, values, strict=True)}


def _expect(rows: int, changed: int) -> None:
    if changed != rows:
        raise StaleWrite(f"{rows - changed} of {rows} rows were not in the state that they were read in")
