"""The verbs of `promises.Reads`, on one PostgreSQL connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from asyncpg import Connection, Record

from data_factory.model.records import (
    AccountRecord,
    ApiKeyRecord,
    FileRecord,
    FileTallyRecord,
    IdempotencyRecord,
    JobExecutionRecord,
    JobPublicationRecord,
    JobRecord,
    JobVersionRecord,
    LogRecord,
    PipelineRecord,
    SecretRecord,
    SlotRecord,
    StandingRecord,
    TaskExecutionRecord,
    TaskPollRecord,
    TaskRecord,
    VariableRecord,
)
from data_factory.model.status import Severity
from data_factory.store.postgresql.statements import statements
from data_factory.store.promises import Pair, Slice

R = TypeVar("R", bound=msgspec.Struct)
Row = tuple[Any, ...]

_pick: dict[tuple[type, tuple[str, ...]], Callable[[Record], Row]] = {}
"""What takes the fields of a kind of record out of a row with these columns: a migration may change them under us."""


class PostgresqlReads:
    """One connection, seen as what can be asked; whoever made it begins and ends the transaction."""

    def __init__(self, connection: Connection[Record]) -> None:
        self._connection = connection
        self._sql = statements()
        self.statements_run = 0

    # -- how statements are run

    async def _fetch(self, name: str, **values: Any) -> list[Record]:
        """The rows of a question. Nothing that is kept has a NUL, and PostgreSQL takes none, so what has one finds
        nothing."""
        if any(isinstance(value, str) and "\0" in value for value in values.values()):
            return []
        statement = self._sql[name]
        self.statements_run += 1
        return await self._connection.fetch(statement.sql, *[values[name] for name in statement.parameters])

    async def _all(self, record: type[R], name: str, **values: Any) -> list[R]:
        rows = await self._fetch(name, **values)
        if not rows:
            return []
        names = tuple(rows[0].keys())
        pick = _pick.get((record, names)) or _picker(record, names)
        return [record(*pick(row)) for row in rows]

    async def _one(self, record: type[R], name: str, **values: Any) -> R | None:
        found = await self._all(record, name, **values)
        return found[0] if found else None

    async def _listed(self, record: type[R], name: str, part: Slice, **values: Any) -> list[R]:
        return await self._all(record, name, cursor=part.cursor, offset=part.offset, limit=part.limit, **values)

    async def _listed_within(self, record: type[R], name: str, part: Slice, **values: Any) -> list[R]:
        return await self._listed(record, name, part, max_bytes=part.max_bytes, **values)

    async def _counts(self, name: str, **values: Any) -> dict[str, int]:
        return {row[0]: row[1] for row in await self._fetch(name, **values)}

    async def _names(self, name: str, **values: Any) -> list[str]:
        return [row[0] for row in await self._fetch(name, **values)]

    # -- accounts and keys

    async def first_account(self) -> AccountRecord | None:
        return await self._one(AccountRecord, "first_account")

    async def api_key_by_hash(self, hash: str) -> ApiKeyRecord | None:
        return await self._one(ApiKeyRecord, "api_key_by_hash", hash=hash)

    async def api_key(self, account_id: str, id: str) -> ApiKeyRecord | None:
        return await self._one(ApiKeyRecord, "api_key", account_id=account_id, id=id)

    async def api_keys_by_title(self, account_id: str, title: str) -> list[ApiKeyRecord]:
        return await self._all(ApiKeyRecord, "api_keys_by_title", account_id=account_id, title=title)

    async def api_keys_of_account(self, account_id: str, part: Slice) -> list[ApiKeyRecord]:
        return await self._listed(ApiKeyRecord, "api_keys_of_account", part, account_id=account_id)

    # -- pipelines

    async def pipelines_by_id(self, ids: Iterable[str]) -> list[PipelineRecord]:
        return await self._all(PipelineRecord, "pipelines_by_id", ids=texts(ids))

    async def default_pipeline(self, account_id: str) -> PipelineRecord | None:
        return await self._one(PipelineRecord, "default_pipeline", account_id=account_id)

    async def pipelines_of_account(self, account_id: str, part: Slice) -> list[PipelineRecord]:
        return await self._listed(PipelineRecord, "pipelines_of_account", part, account_id=account_id)

    # -- tasks and jobs

    async def tasks_by_id(self, ids: Iterable[str]) -> list[TaskRecord]:
        return await self._all(TaskRecord, "tasks_by_id", ids=texts(ids))

    async def tasks_by_key(self, account_id: str, keys: Iterable[str]) -> list[TaskRecord]:
        return await self._all(TaskRecord, "tasks_by_key", account_id=account_id, keys=texts(keys))

    async def tasks_of_account(self, account_id: str, part: Slice) -> list[TaskRecord]:
        return await self._listed(TaskRecord, "tasks_of_account", part, account_id=account_id)

    async def jobs_by_id(self, ids: Iterable[str]) -> list[JobRecord]:
        return await self._all(JobRecord, "jobs_by_id", ids=texts(ids))

    async def job_by_key(self, account_id: str, key: str) -> JobRecord | None:
        return await self._one(JobRecord, "job_by_key", account_id=account_id, key=key)

    async def jobs_using_task(self, task_id: str) -> list[JobRecord]:
        return await self._all(JobRecord, "jobs_using_task", task_id=task_id)

    async def jobs_of_account(self, account_id: str, part: Slice) -> list[JobRecord]:
        return await self._listed(JobRecord, "jobs_of_account", part, account_id=account_id)

    async def job_versions(self, pairs: Iterable[tuple[str, int]]) -> list[JobVersionRecord]:
        ids, versions = columns(pairs, 2)
        return await self._all(JobVersionRecord, "job_versions", job_ids=ids, versions=versions)

    async def job_publications(self, job_id: str, before: int, part: Slice) -> list[JobPublicationRecord]:
        values = {"job_id": job_id, "before": before, "limit": part.limit, "offset": part.offset}
        return await self._all(JobPublicationRecord, "job_publications", **values)

    # -- executions

    async def job_execution(self, account_id: str, id: str) -> JobExecutionRecord | None:
        return await self._one(JobExecutionRecord, "job_execution", account_id=account_id, id=id)

    async def job_executions_of_account(self, account_id: str, part: Slice) -> list[JobExecutionRecord]:
        return await self._listed_within(JobExecutionRecord, "job_executions_of_account", part, account_id=account_id)

    async def job_executions_of_job(self, account_id: str, job_id: str, part: Slice) -> list[JobExecutionRecord]:
        name = "job_executions_of_job"
        return await self._listed_within(JobExecutionRecord, name, part, account_id=account_id, job_id=job_id)

    async def task_execution(self, account_id: str, id: str) -> TaskExecutionRecord | None:
        return await self._one(TaskExecutionRecord, "task_execution", account_id=account_id, id=id)

    async def task_executions_of_job(
        self, account_id: str, job_execution_id: str, part: Slice
    ) -> list[TaskExecutionRecord]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        return await self._listed_within(TaskExecutionRecord, "task_executions_of_job", part, **values)

    async def logs_of_job(
        self, account_id: str, job_execution_id: str, severities: Iterable[Severity], part: Slice
    ) -> list[LogRecord]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id, "severities": list(severities)}
        return await self._listed(LogRecord, "logs_of_job", part, **values)

    # -- variables

    async def variable(self, account_id: str, id: str) -> VariableRecord | None:
        return await self._one(VariableRecord, "variable", account_id=account_id, id=id)

    async def variables_by_key(self, pairs: Iterable[Pair]) -> list[VariableRecord]:
        account_ids, keys = columns(pairs, 2)
        return await self._all(VariableRecord, "variables_by_key", account_ids=account_ids, keys=keys)

    async def variables_of_account(self, account_id: str, part: Slice) -> list[VariableRecord]:
        return await self._listed(VariableRecord, "variables_of_account", part, account_id=account_id)

    async def secrets_by_key(self, pairs: Iterable[Pair]) -> list[SecretRecord]:
        account_ids, keys = columns(pairs, 2)
        return await self._all(SecretRecord, "secrets_by_key", account_ids=account_ids, keys=keys)

    async def secrets_of_accounts(self, account_ids: Iterable[str]) -> list[SecretRecord]:
        return await self._all(SecretRecord, "secrets_of_accounts", account_ids=texts(account_ids))

    async def any_secret(self) -> SecretRecord | None:
        return await self._one(SecretRecord, "any_secret")

    # -- files

    async def files_by_id(self, account_id: str, ids: Iterable[str]) -> list[FileRecord]:
        return await self._all(FileRecord, "files_by_id", account_id=account_id, ids=texts(ids))

    async def files_of_account(self, account_id: str, part: Slice) -> list[FileRecord]:
        return await self._listed(FileRecord, "files_of_account", part, account_id=account_id)

    async def file_tally(self, account_id: str) -> FileTallyRecord | None:
        return await self._one(FileTallyRecord, "file_tally", account_id=account_id)

    async def jobs_using_file(self, file_id: str) -> list[JobRecord]:
        return await self._all(JobRecord, "jobs_using_file", file_id=file_id)

    async def next_due_file(self) -> int | None:
        due: int | None = (await self._fetch("next_due_file"))[0][0]
        return due

    async def waiting_pipelines(self) -> list[str]:
        return await self._names("waiting_pipelines")

    # -- why it waits

    async def pending_before(self, job_execution_id: str, pipeline_id: str, limit: int) -> list[str]:
        values = {"job_execution_id": job_execution_id, "pipeline_id": pipeline_id, "limit": limit}
        return await self._names("pending_before", **values)

    async def in_slots(self, pipeline_id: str, limit: int) -> list[SlotRecord]:
        return await self._all(SlotRecord, "in_slots", pipeline_id=pipeline_id, limit=limit)

    async def standing_of_job(self, job_execution_id: str, limit: int) -> list[StandingRecord]:
        return await self._all(StandingRecord, "standing_of_job", job_execution_id=job_execution_id, limit=limit)

    async def in_progress_counts(self, task_ids: Iterable[str]) -> dict[str, int]:
        return await self._counts("in_progress_counts", task_ids=texts(task_ids))

    async def task_polls(self, task_ids: Iterable[str]) -> list[TaskPollRecord]:
        return await self._all(TaskPollRecord, "task_polls", task_ids=texts(task_ids))

    # -- timers and idempotency keys

    async def next_timer(self) -> int | None:
        times = [(await self._fetch(name))[0][0] for name in ("next_task_timer", "next_job_deadline", "next_due_job")]
        return min((time for time in times if time is not None), default=None)

    async def idempotency_keys(self, pairs: Iterable[Pair]) -> list[IdempotencyRecord]:
        account_ids, keys = columns(pairs, 2)
        return await self._all(IdempotencyRecord, "idempotency_keys", account_ids=account_ids, keys=keys)


def texts(values: Iterable[str]) -> list[str]:
    """Values as an array, without those that cannot be found because they have a NUL."""
    return [value for value in values if "\0" not in value]


def columns(rows: Iterable[Row], width: int) -> list[list[Any]]:
    """Rows as one array a column, without the rows that cannot be found because they have a NUL."""
    found = [row for row in rows if not any(isinstance(value, str) and "\0" in value for value in row)]
    return [list(column) for column in zip(*found, strict=True)] or [[] for _ in range(width)]


def _picker(record: type[R], names: tuple[str, ...]) -> Callable[[Record], Row]:
    """Takes fields by the place of their columns, which is faster than by name; their order does not matter."""
    pick: Callable[[Record], Row] = itemgetter(*(names.index(field) for field in record.__struct_fields__))
    _pick[record, names] = pick
    return pick
