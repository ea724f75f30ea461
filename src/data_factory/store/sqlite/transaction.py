"""The verbs of `promises.Transaction`, on one SQLite connection.

They are coroutines because the promises are; none of them ever waits, so `run_now` can run work to its end in the
thread that owns the connection.
"""

from __future__ import annotations

import operator
import sqlite3
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeVar, cast

import msgspec

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
    LogTallyRecord,
    PipelineRecord,
    SecretRecord,
    SlotRecord,
    StandingRecord,
    TaskExecutionRecord,
    TaskPollRecord,
    TaskRecord,
    VariableRecord,
    WaitingRecord,
)
from data_factory.model.status import Severity
from data_factory.store.promises import Pair, Slice, StaleWrite
from data_factory.store.sqlite import tallies
from data_factory.store.sqlite.statements import statements
from data_factory.store.statements import numbered

T = TypeVar("T")
R = TypeVar("R", bound=msgspec.Struct)
E = TypeVar("E", JobExecutionRecord, TaskExecutionRecord)
Row = tuple[Any, ...]

_NUL: Final = "\\u0000"

_encode = msgspec.json.Encoder().encode
_as_dict = msgspec.structs.asdict


def run_now(awaitable: Awaitable[T]) -> T:
    """Run work that never waits, here and now."""
    steps = cast(Generator[object, None, T], awaitable.__await__())
    try:
        next(steps)
    except StopIteration as end:
        return cast(T, end.value)
    raise RuntimeError("work in a transaction waited for something that is not the store")


class SqliteTransaction:
    """One connection, seen as a transaction; whoever made it begins and ends it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = statements()
        self._pick: dict[str, Callable[[Row], Row]] = {}
        self._per_row: dict[str, tuple[str, Callable[[Any], Row]]] = {}
        self.statements_run = 0

    # -- how statements are run

    def _execute(self, name: str, **values: Any) -> sqlite3.Cursor:
        self.statements_run += 1
        return self._connection.execute(self._sql[name], values)

    def _execute_all(self, name: str, rows: Sequence[msgspec.Struct], *expected: Iterable[Any]) -> int:
        """Run a statement that writes, once a row, in one call; how many rows it has changed. Its last parameters are
        what is `expected` of each."""
        if not rows:
            return 0
        self.statements_run += 1
        sql, values_of = self._per_row.get(name) or self._prepared(name, len(expected))
        values = map(values_of, rows)
        if expected:
            values = map(operator.add, values, zip(*expected, strict=True))
        return self._connection.executemany(sql, values).rowcount

    def _prepared(self, name: str, expected: int) -> tuple[str, Callable[[Any], Row]]:
        """The statement with its parameters numbered, and what takes them out of a row: by name they take half as long
        again."""
        statement = numbered(self._sql[name], "?")
        fields = statement.parameters[: len(statement.parameters) - expected]
        self._per_row[name] = found = statement.sql, attrgetter(*fields)
        return found

    def _all(self, record: type[R], name: str, **values: Any) -> list[R]:
        cursor = self._execute(name, **values)
        pick = self._pick.get(name) or self._picker(record, name, cursor)
        return [record(*pick(row)) for row in cursor]

    def _one(self, record: type[R], name: str, **values: Any) -> R | None:
        found = self._all(record, name, **values)
        return found[0] if found else None

    def _listed(self, record: type[R], name: str, part: Slice, **values: Any) -> list[R]:
        return self._all(record, name, cursor=part.cursor, offset=part.offset, limit=part.limit, **values)

    def _listed_within(self, record: type[E], name: str, part: Slice, **values: Any) -> list[E]:
        """A part of a list of what may be large: its rows are read one by one, and no more than there is room for."""
        cursor = self._execute(name, cursor=part.cursor, offset=part.offset, limit=part.limit, **values)
        pick = self._pick.get(name) or self._picker(record, name, cursor)
        found: list[E] = []
        room = part.max_bytes
        while room >= 0 and (row := cursor.fetchone()) is not None:
            found.append(one := record(*pick(row)))
            room -= len(one.input) + len(one.output)
        cursor.close()
        return found

    def _counts(self, name: str, **values: Any) -> dict[str, int]:
        return dict(self._execute(name, **values).fetchall())

    def _picker(self, record: type[R], name: str, cursor: sqlite3.Cursor) -> Callable[[Row], Row]:
        """Takes a record's fields out of a row by their names, so the order of columns does not matter."""
        columns = [column[0] for column in cursor.description]
        pick: Callable[[Row], Row] = itemgetter(*(columns.index(field) for field in record.__struct_fields__))
        self._pick[name] = pick
        return pick

    # -- accounts and keys

    async def first_account(self) -> AccountRecord | None:
        return self._one(AccountRecord, "first_account")

    async def aside(self, work: Callable[[], T]) -> T:
        return work()  # this is the writer's own thread

    async def write_nothing_new(self) -> None:
        self._execute("write_probe")
        self._execute("erase_probe")

    async def insert_account(self, account: AccountRecord) -> None:
        self._execute("insert_account", **_as_dict(account))

    async def api_key_by_hash(self, hash: str) -> ApiKeyRecord | None:
        return self._one(ApiKeyRecord, "api_key_by_hash", hash=hash)

    async def api_key(self, account_id: str, id: str) -> ApiKeyRecord | None:
        return self._one(ApiKeyRecord, "api_key", account_id=account_id, id=id)

    async def api_keys_by_title(self, account_id: str, title: str) -> list[ApiKeyRecord]:
        return self._all(ApiKeyRecord, "api_keys_by_title", account_id=account_id, title=title)

    async def api_keys_of_account(self, account_id: str, part: Slice) -> list[ApiKeyRecord]:
        return self._listed(ApiKeyRecord, "api_keys_of_account", part, account_id=account_id)

    async def insert_api_key(self, key: ApiKeyRecord) -> None:
        self._execute("insert_api_key", **_as_dict(key))

    async def revoke_api_key(self, account_id: str, id: str, now: int) -> None:
        self._execute("revoke_api_key", account_id=account_id, id=id, now=now)

    # -- pipelines

    async def pipelines_by_id(self, ids: Iterable[str]) -> list[PipelineRecord]:
        return self._all(PipelineRecord, "pipelines_by_id", ids=_array(ids))

    async def default_pipeline(self, account_id: str) -> PipelineRecord | None:
        return self._one(PipelineRecord, "default_pipeline", account_id=account_id)

    async def pipelines_of_account(self, account_id: str, part: Slice) -> list[PipelineRecord]:
        return self._listed(PipelineRecord, "pipelines_of_account", part, account_id=account_id)

    async def pipelines_of(
        self, ids: Iterable[str], job_execution_ids: Iterable[str] = (), task_execution_ids: Iterable[str] = ()
    ) -> list[PipelineRecord]:
        of = {"task_execution_ids": _array(task_execution_ids), "job_execution_ids": _array(job_execution_ids)}
        return self._all(PipelineRecord, "pipelines_of", ids=_array(ids), **of)

    async def insert_pipeline(self, pipeline: PipelineRecord) -> None:
        self._execute("insert_pipeline", **_as_dict(pipeline))

    async def update_pipelines(self, pipelines: Sequence[PipelineRecord]) -> None:
        self._execute_all("update_pipelines", pipelines)

    # -- tasks and jobs

    async def tasks_by_id(self, ids: Iterable[str]) -> list[TaskRecord]:
        return self._all(TaskRecord, "tasks_by_id", ids=_array(ids))

    async def tasks_by_key(self, account_id: str, keys: Iterable[str]) -> list[TaskRecord]:
        return self._all(TaskRecord, "tasks_by_key", account_id=account_id, keys=_array(keys))

    async def tasks_of_account(self, account_id: str, part: Slice) -> list[TaskRecord]:
        return self._listed(TaskRecord, "tasks_of_account", part, account_id=account_id)

    async def insert_task(self, task: TaskRecord) -> None:
        self._execute("insert_task", **_as_dict(task))

    async def update_task(self, task: TaskRecord) -> None:
        _expect(1, self._execute("update_task", **_as_dict(task)).rowcount)

    async def jobs_by_id(self, ids: Iterable[str]) -> list[JobRecord]:
        return self._all(JobRecord, "jobs_by_id", ids=_array(ids))

    async def job_by_key(self, account_id: str, key: str) -> JobRecord | None:
        return self._one(JobRecord, "job_by_key", account_id=account_id, key=key)

    async def jobs_using_task(self, task_id: str) -> list[JobRecord]:
        return self._all(JobRecord, "jobs_using_task", task_id=task_id)

    async def jobs_of_account(self, account_id: str, part: Slice) -> list[JobRecord]:
        return self._listed(JobRecord, "jobs_of_account", part, account_id=account_id)

    async def job_versions(self, pairs: Iterable[tuple[str, int]]) -> list[JobVersionRecord]:
        return self._all(JobVersionRecord, "job_versions", pairs=_array(pairs))

    async def job_publications(self, job_id: str, before: int, part: Slice) -> list[JobPublicationRecord]:
        values = {"job_id": job_id, "before": before, "limit": part.limit, "offset": part.offset}
        return self._all(JobPublicationRecord, "job_publications", **values)

    async def insert_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None:
        self._execute("insert_job", **_as_dict(job))
        self._execute("insert_job_version", **_as_dict(version))
        self._execute("insert_job_tasks", job_id=job.id, task_ids=_array(task_ids))

    async def update_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None:
        _expect(1, self._execute("update_job", **_as_dict(job)).rowcount)
        self._execute("insert_job_version", **_as_dict(version))
        self._execute("delete_job_tasks", job_id=job.id)
        self._execute("insert_job_tasks", job_id=job.id, task_ids=_array(task_ids))

    async def hold_job(self, id: str) -> JobRecord | None:
        return self._one(JobRecord, "hold_job", id=id)

    async def schedule_job(self, job: JobRecord) -> None:
        self._execute("schedule_job", id=job.id, is_paused=job.is_paused, due_at=job.due_at)

    async def due_jobs(self, now: int, limit: int) -> list[JobRecord]:
        return self._all(JobRecord, "due_jobs", now=now, limit=limit)

    async def reschedule_jobs(self, jobs: Sequence[JobRecord]) -> None:
        self._execute_all("reschedule_jobs", jobs)

    # -- job executions

    async def job_execution(self, account_id: str, id: str) -> JobExecutionRecord | None:
        return self._one(JobExecutionRecord, "job_execution", account_id=account_id, id=id)

    async def job_executions_of_account(self, account_id: str, part: Slice) -> list[JobExecutionRecord]:
        return self._listed_within(JobExecutionRecord, "job_executions_of_account", part, account_id=account_id)

    async def job_executions_of_job(self, account_id: str, job_id: str, part: Slice) -> list[JobExecutionRecord]:
        name = "job_executions_of_job"
        return self._listed_within(JobExecutionRecord, name, part, account_id=account_id, job_id=job_id)

    async def job_executions_by_id(self, ids: Iterable[str]) -> list[JobExecutionRecord]:
        return self._all(JobExecutionRecord, "job_executions_by_id", ids=_array(ids))

    async def pending_job_executions(self, wanted: Mapping[str, int]) -> list[WaitingRecord]:
        return self._all(WaitingRecord, "pending_job_executions", wanted=_array(wanted.items()))

    async def waiting_pipelines(self) -> list[str]:
        return [id for (id,) in self._execute("waiting_pipelines")]

    async def due_job_executions(self, now: int, limit: int) -> list[JobExecutionRecord]:
        return self._all(JobExecutionRecord, "due_job_executions", now=now, limit=limit)

    async def insert_job_executions(self, rows: Sequence[JobExecutionRecord]) -> None:
        self._execute_all("insert_job_executions", rows)
        self._execute_all("count_job_executions", tallies.added(new=rows))

    async def update_job_executions(self, rows: Sequence[tuple[JobExecutionRecord, JobExecutionRecord]]) -> None:
        read, changed = [old for old, _ in rows], [new for _, new in rows]
        _expect(len(rows), self._execute_all("update_job_executions", changed, [old.status for old in read]))
        self._execute_all("count_job_executions", tallies.added(read, changed))

    # -- task executions

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
        values = {"ids": _array(ids), "claimed": _array(claimed), "active_of": _array(active_of)}
        return self._all(TaskExecutionRecord, "task_executions_of", **values)

    async def latest_task_executions(self, pairs: Iterable[Pair]) -> list[TaskExecutionRecord]:
        return self._all(TaskExecutionRecord, "latest_task_executions", pairs=_array(pairs))

    async def claimable_task_executions(self, wanted: Mapping[str, int]) -> list[WaitingRecord]:
        return self._all(WaitingRecord, "claimable_task_executions", wanted=_array(wanted.items()))

    async def claimable_tasks(self, task_ids: Iterable[str]) -> list[str]:
        return [id for (id,) in self._execute("claimable_tasks", task_ids=_array(task_ids))]

    async def in_progress_counts(self, task_ids: Iterable[str]) -> dict[str, int]:
        return self._counts("in_progress_counts", task_ids=_array(task_ids))

    async def due_task_executions(self, now: int, limit: int) -> list[TaskExecutionRecord]:
        return self._all(TaskExecutionRecord, "due_task_executions", now=now, limit=limit)

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
        _expect(len(rows), self._execute_all("update_task_executions", changed, *expected))
        self._execute_all("update_task_execution_inputs", [new for old, new in rows if new.input != old.input])

    # -- why it waits

    async def pending_before(self, job_execution_id: str, pipeline_id: str, limit: int) -> list[str]:
        values = {"job_execution_id": job_execution_id, "pipeline_id": pipeline_id, "limit": limit}
        return [id for (id,) in self._execute("pending_before", **values)]

    async def in_slots(self, pipeline_id: str, limit: int) -> list[SlotRecord]:
        return self._all(SlotRecord, "in_slots", pipeline_id=pipeline_id, limit=limit)

    async def standing_of_job(self, job_execution_id: str, limit: int) -> list[StandingRecord]:
        return self._all(StandingRecord, "standing_of_job", job_execution_id=job_execution_id, limit=limit)

    async def task_polls(self, task_ids: Iterable[str]) -> list[TaskPollRecord]:
        return self._all(TaskPollRecord, "task_polls", task_ids=_array(task_ids))

    async def note_polls(self, polls: Sequence[TaskPollRecord]) -> None:
        self._execute_all("note_polls", polls)

    # -- logs

    async def logs_of_job(
        self, account_id: str, job_execution_id: str, severities: Iterable[Severity], part: Slice
    ) -> list[LogRecord]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id, "severities": _array(severities)}
        return self._listed(LogRecord, "logs_of_job", part, **values)

    async def log_tallies(self, job_execution_ids: Iterable[str]) -> list[LogTallyRecord]:
        return self._all(LogTallyRecord, "log_tallies", job_execution_ids=_array(job_execution_ids))

    async def insert_logs(self, logs: Sequence[LogRecord], more: Sequence[LogTallyRecord]) -> None:
        self._execute_all("insert_logs", logs)
        self._execute_all("count_logs", more)

    # -- variables

    async def variable(self, account_id: str, id: str) -> VariableRecord | None:
        return self._one(VariableRecord, "variable", account_id=account_id, id=id)

    async def variables_by_key(self, pairs: Iterable[Pair]) -> list[VariableRecord]:
        return self._all(VariableRecord, "variables_by_key", pairs=_array(pairs))

    async def variables_of_account(self, account_id: str, part: Slice) -> list[VariableRecord]:
        return self._listed(VariableRecord, "variables_of_account", part, account_id=account_id)

    async def secrets_by_key(self, pairs: Iterable[Pair]) -> list[SecretRecord]:
        return self._all(SecretRecord, "secrets_by_key", pairs=_array(pairs))

    async def secrets_of_accounts(self, account_ids: Iterable[str]) -> list[SecretRecord]:
        return self._all(SecretRecord, "secrets_of_accounts", account_ids=_array(account_ids))

    async def any_secret(self) -> SecretRecord | None:
        return self._one(SecretRecord, "any_secret")

    async def insert_variable(self, variable: VariableRecord) -> None:
        self._execute("insert_variable", **_as_dict(variable))

    async def update_variable(self, variable: VariableRecord) -> None:
        _expect(1, self._execute("update_variable", **_as_dict(variable)).rowcount)

    async def delete_variable(self, id: str) -> None:
        self._execute("delete_variable", id=id)

    async def retire_secret(self, secret: SecretRecord, now: int, forget_before: int) -> None:
        self._execute("insert_former_secret", **_as_dict(secret), now=now)
        self._execute("forget_former_secrets", before=forget_before)

    # -- files

    async def files_by_id(self, account_id: str, ids: Iterable[str]) -> list[FileRecord]:
        return self._all(FileRecord, "files_by_id", account_id=account_id, ids=_array(ids))

    async def files_of_account(self, account_id: str, part: Slice) -> list[FileRecord]:
        return self._listed(FileRecord, "files_of_account", part, account_id=account_id)

    async def file_tally(self, account_id: str) -> FileTallyRecord | None:
        return self._one(FileTallyRecord, "file_tally", account_id=account_id)

    async def jobs_using_file(self, file_id: str) -> list[JobRecord]:
        return self._all(JobRecord, "jobs_using_file", file_id=file_id)

    async def insert_file(self, file: FileRecord) -> None:
        self._execute("insert_file", **_as_dict(file))

    async def keep_file(self, file: FileRecord) -> None:
        _expect(1, self._execute("keep_file", **_as_dict(file)).rowcount)

    async def count_files(self, more: Sequence[FileTallyRecord]) -> None:
        self._execute_all("count_files", more)

    async def use_files(self, job_id: str, account_id: str, ids: Iterable[str], now: int) -> None:
        self._execute("delete_job_files", job_id=job_id)
        if named := list(ids):
            self._execute("make_files_permanent", account_id=account_id, ids=_array(named), now=now)
            self._execute("insert_job_files", job_id=job_id, account_id=account_id, ids=_array(named))

    async def abandon_files(self, due_at: int) -> None:
        self._execute("abandon_files", due_at=due_at)

    async def renew_files(self, ids: Iterable[str], due_at: int) -> None:
        self._execute("renew_files", ids=_array(ids), due_at=due_at)

    async def next_due_file(self) -> int | None:
        due: int | None = self._execute("next_due_file").fetchone()[0]
        return due

    async def due_files(self, now: int, limit: int) -> list[FileRecord]:
        return self._all(FileRecord, "due_files", now=now, limit=limit)

    async def leave_files(self, ids: Iterable[str], now: int) -> None:
        self._execute("leave_files", ids=_array(ids), now=now)

    async def delete_files(self, ids: Iterable[str]) -> None:
        self._execute("delete_files", ids=_array(ids))

    # -- timers and idempotency keys

    async def next_timer(self) -> int | None:
        times = [self._execute(name).fetchone()[0] for name in ("next_task_timer", "next_job_deadline", "next_due_job")]
        return min((time for time in times if time is not None), default=None)

    async def idempotency_keys(self, pairs: Iterable[Pair]) -> list[IdempotencyRecord]:
        return self._all(IdempotencyRecord, "idempotency_keys", pairs=_array(pairs))

    async def insert_idempotency_keys(self, rows: Sequence[IdempotencyRecord], forget_before: int) -> None:
        self._execute_all("insert_idempotency_keys", rows)
        self._execute("forget_idempotency_keys", before=forget_before)


def _array(values: Iterable[Any]) -> str:
    """Values as the JSON array that `json_each` reads. It would read only what comes before a NUL; since nothing that
    is kept has one, what has one is left out."""
    wanted = list(values)
    array = _encode(wanted).decode()
    return (
        array if _NUL not in array else _encode([one for one in wanted if _NUL not in _encode(one).decode()]).decode()
    )


def _expect(rows: int, changed: int) -> None:
    if changed != rows:
        raise StaleWrite(f"{rows - changed} of {rows} rows were not in the state that they were read in")
