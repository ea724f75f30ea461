"""What a store does. One conformance suite holds every store to it.

A store is handed *work*, a coroutine function that takes a transaction, reads what it needs, and writes what follows.
All of one work's writes are kept, durably, or none is. Work does nothing else that waits, so that a store may run it
wherever its connection lives: the verbs below are the only awaits in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from data_factory.model.errors import OutcomeUnknown, Unavailable
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

T = TypeVar("T")
Pair = tuple[str, str]

PATIENCE_S: Final = 5.0
"""How long a store waits for what it is made of, unless it is told otherwise."""

LONGEST_LINE: Final = 7_900
"""How many bytes a line of news may have."""


class StoreUnavailable(Unavailable):
    """The store cannot be written to at the moment: try again."""


class WriteUnderWay(OutcomeUnknown):
    """It is not known yet whether this was done: look before you ask for it again.

    `end` has the result once it is known to be kept, and StoreUnavailable once it is known not to be.
    """

    def __init__(self, end: asyncio.Future[Any]) -> None:
        super().__init__()
        self.end = end


class StaleWrite(Exception):
    """A row was not in the state that a write expected: nothing of the transaction is kept."""


class ImpossibleWrite(Exception):
    """A write would break a rule of the data (see the migrations): nothing of the transaction is kept."""


class UnusableSchema(Exception):
    """This version of Data Factory cannot work on the schema of the data as it is; the message says what to do."""


class TwoQuestions(Exception):
    """Two answers that may not be of the same moment: a mistake of ours."""


class Slice(Protocol):
    """A part of a list: what comes after `cursor` (an id), without the first `offset`, at most `limit`.

    Executions may be large: of them it ends with the first with which inputs and outputs come to more than `max_bytes`
    together, and what comes after that is not read.
    Nothing comes after a cursor that is not there, or not in this account.
    """

    @property
    def cursor(self) -> str | None: ...
    @property
    def offset(self) -> int: ...
    @property
    def limit(self) -> int: ...
    @property
    def max_bytes(self) -> int: ...


class Reads(Protocol):
    """What can be asked of a store. Lists of an account are newest first; a job execution's tasks are oldest first."""

    async def first_account(self) -> AccountRecord | None: ...

    async def api_key_by_hash(self, hash: str) -> ApiKeyRecord | None: ...
    async def api_key(self, account_id: str, id: str) -> ApiKeyRecord | None: ...
    async def api_keys_by_title(self, account_id: str, title: str) -> list[ApiKeyRecord]: ...
    async def api_keys_of_account(self, account_id: str, part: Slice) -> list[ApiKeyRecord]: ...

    async def pipelines_by_id(self, ids: Iterable[str]) -> list[PipelineRecord]: ...
    async def default_pipeline(self, account_id: str) -> PipelineRecord | None: ...
    async def pipelines_of_account(self, account_id: str, part: Slice) -> list[PipelineRecord]: ...

    async def tasks_by_id(self, ids: Iterable[str]) -> list[TaskRecord]:
        """These tasks; the deleted ones too, for executions that still need them."""
        ...

    async def tasks_by_key(self, account_id: str, keys: Iterable[str]) -> list[TaskRecord]: ...
    async def tasks_of_account(self, account_id: str, part: Slice) -> list[TaskRecord]: ...

    async def jobs_by_id(self, ids: Iterable[str]) -> list[JobRecord]: ...
    async def job_by_key(self, account_id: str, key: str) -> JobRecord | None: ...
    async def jobs_using_task(self, task_id: str) -> list[JobRecord]: ...
    async def jobs_of_account(self, account_id: str, part: Slice) -> list[JobRecord]: ...
    async def job_versions(self, pairs: Iterable[tuple[str, int]]) -> list[JobVersionRecord]: ...

    async def job_publications(self, job_id: str, before: int, part: Slice) -> list[JobPublicationRecord]:
        """The versions of a job before this one, newest first; the cursor of the part is not looked at."""
        ...

    async def job_execution(self, account_id: str, id: str) -> JobExecutionRecord | None: ...
    async def job_executions_of_account(self, account_id: str, part: Slice) -> list[JobExecutionRecord]: ...
    async def job_executions_of_job(self, account_id: str, job_id: str, part: Slice) -> list[JobExecutionRecord]: ...

    async def task_execution(self, account_id: str, id: str) -> TaskExecutionRecord | None: ...
    async def task_executions_of_job(
        self, account_id: str, job_execution_id: str, part: Slice
    ) -> list[TaskExecutionRecord]: ...

    async def logs_of_job(
        self, account_id: str, job_execution_id: str, severities: Iterable[Severity], part: Slice
    ) -> list[LogRecord]:
        """What was told of a job execution in these severities, oldest first."""
        ...

    async def pending_before(self, job_execution_id: str, pipeline_id: str, limit: int) -> list[str]:
        """The ids of those that wait in a pipeline and come before this one, the first of them first."""
        ...

    async def in_slots(self, pipeline_id: str, limit: int) -> list[SlotRecord]:
        """Those that run in a pipeline."""
        ...

    async def standing_of_job(self, job_execution_id: str, limit: int) -> list[StandingRecord]:
        """The task executions of a job execution that have not ended."""
        ...

    async def in_progress_counts(self, task_ids: Iterable[str]) -> dict[str, int]:
        """How many executions of each task are held by workers, counted from the rows."""
        ...

    async def task_polls(self, task_ids: Iterable[str]) -> list[TaskPollRecord]:
        """When a worker last asked for each of these tasks, as far as one has."""
        ...

    async def variable(self, account_id: str, id: str) -> VariableRecord | None:
        """A variable; in a transaction it stays as read until that ends."""
        ...

    async def variables_by_key(self, pairs: Iterable[Pair]) -> list[VariableRecord]:
        """These variables: `pairs` of account id and key."""
        ...

    async def variables_of_account(self, account_id: str, part: Slice) -> list[VariableRecord]: ...
    async def secrets_by_key(self, pairs: Iterable[Pair]) -> list[SecretRecord]:
        """What these secrets are, and what they once were: `pairs` of account id and key."""
        ...

    async def secrets_of_accounts(self, account_ids: Iterable[str]) -> list[SecretRecord]:
        """What all secrets of some accounts are, and what they once were."""
        ...

    async def any_secret(self) -> SecretRecord | None:
        """One of the secrets of whichever account, if there is any."""
        ...

    async def files_by_id(self, account_id: str, ids: Iterable[str]) -> list[FileRecord]:
        """These files, of those that the account has: what is arriving or leaving is not there."""
        ...

    async def files_of_account(self, account_id: str, part: Slice) -> list[FileRecord]: ...
    async def file_tally(self, account_id: str) -> FileTallyRecord | None: ...
    async def jobs_using_file(self, file_id: str) -> list[JobRecord]: ...
    async def next_due_file(self) -> int | None:
        """When the next file is to be swept; None when there is none."""
        ...

    async def waiting_pipelines(self) -> list[str]:
        """The ids of the pipelines in which something waits for a slot."""
        ...

    async def next_timer(self) -> int | None:
        """When the next timer of any execution, or the next job, is due; None when there is none. Those of task
        executions do not count while leases are to be spared."""
        ...

    async def idempotency_keys(self, pairs: Iterable[Pair]) -> list[IdempotencyRecord]:
        """These keys: `pairs` of account id and key."""
        ...


class Transaction(Reads, Protocol):
    """What can be done in one transaction.

    Pipelines, job executions and task executions that are read by their ids stay as read until it ends, as do those
    that are pending or claimable; the other verbs say what there is to be read. So that transactions never wait for
    each other in a circle, all pipelines come first, then job executions of these pipelines, then all task executions
    at once. Who holds a pipeline is alone in starting and ending its job executions.
    """

    async def aside(self, work: Callable[[], T]) -> T:
        """Compute something that takes a moment, so that nobody waits for it but this transaction, and those who wait
        for that."""
        ...

    async def write_nothing_new(self) -> None:
        """Write something that nobody sees, to find out whether anything can be kept."""
        ...

    async def insert_account(self, account: AccountRecord) -> None: ...
    async def insert_api_key(self, key: ApiKeyRecord) -> None: ...
    async def revoke_api_key(self, account_id: str, id: str, now: int) -> None: ...
    async def pipelines_of(
        self, ids: Iterable[str], job_execution_ids: Iterable[str] = (), task_execution_ids: Iterable[str] = ()
    ) -> list[PipelineRecord]:
        """These pipelines, and those that these executions belong to, which never changes."""
        ...

    async def insert_pipeline(self, pipeline: PipelineRecord) -> None: ...
    async def update_pipelines(self, pipelines: Sequence[PipelineRecord]) -> None:
        """Change what was declared of these; what runs and waits in them is another matter."""
        ...

    async def insert_task(self, task: TaskRecord) -> None: ...
    async def update_task(self, task: TaskRecord) -> None:
        """Change a task that is not deleted.

        Raises:
            StaleWrite: it was deleted in between.
        """
        ...

    async def insert_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None: ...
    async def update_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None:
        """Publish the next version of a job.

        Raises:
            StaleWrite: another publication came in between.
        """
        ...

    async def hold_job(self, id: str) -> JobRecord | None:
        """A job that stays as read until the transaction ends."""
        ...

    async def schedule_job(self, job: JobRecord) -> None:
        """Change whether a job that is held is paused, and when it is due."""
        ...

    async def due_jobs(self, now: int, limit: int) -> list[JobRecord]:
        """Jobs that are to be launched by their periodicity, the earliest first. They are held, before anything else
        is; what another transaction holds is not there."""
        ...

    async def reschedule_jobs(self, jobs: Sequence[JobRecord]) -> None:
        """Change when jobs that are held are due, and nothing else of them."""
        ...

    async def job_executions_by_id(self, ids: Iterable[str]) -> list[JobExecutionRecord]: ...
    async def pending_job_executions(self, wanted: Mapping[str, int]) -> list[WaitingRecord]:
        """Those that wait for a slot, in the order of their launch: of each pipeline as many as are wanted."""
        ...

    async def due_job_executions(self, now: int, limit: int) -> list[JobExecutionRecord]: ...
    async def insert_job_executions(self, rows: Sequence[JobExecutionRecord]) -> None:
        """Keep these; `running` and `pending` of their pipelines are changed with them."""
        ...

    async def update_job_executions(self, rows: Sequence[tuple[JobExecutionRecord, JobExecutionRecord]]) -> None:
        """Change rows: pairs of what a row was read as and what it is to be. `running` and `pending` of their
        pipelines are changed with them.

        Raises:
            StaleWrite: a row's status is not what it was read as.
        """
        ...

    async def task_executions_of(
        self, ids: Iterable[str], claimed: Iterable[Pair] = (), active_of: Iterable[str] = ()
    ) -> list[TaskExecutionRecord]:
        """These task executions, what is held under claims (`claimed` is pairs of task id and claim id), and what has
        not ended of these job executions (`active_of`)."""
        ...

    async def latest_task_executions(self, pairs: Iterable[Pair]) -> list[TaskExecutionRecord]:
        """The latest attempt at each path: `pairs` of job execution id and path."""
        ...

    async def claimable_task_executions(self, wanted: Mapping[str, int]) -> list[WaitingRecord]:
        """Those that wait for a worker, oldest first: of each task as many as are wanted."""
        ...

    async def claimable_tasks(self, task_ids: Iterable[str]) -> list[str]:
        """Those of these tasks of which something waits for a worker, be it in the hands of another transaction."""
        ...

    async def in_progress_counts(self, task_ids: Iterable[str]) -> dict[str, int]:
        """As in `Reads`; until the transaction ends, nobody else counts them."""
        ...

    async def due_task_executions(self, now: int, limit: int) -> list[TaskExecutionRecord]:
        """Those whose timer has come due, the earliest first; none while leases are to be spared."""
        ...

    async def begin_sparing(self, since: int) -> None:
        """Leases are to be spared, reckoned from `since`. Until that was done no task execution is due."""
        ...

    async def sparing_since(self) -> int | None:
        """From when that is reckoned, if it is to be done; until the transaction ends, nobody else does it."""
        ...

    async def spare_leases(self, since: int, now: int, grace_ms: int, limit: int) -> int:
        """Let leases last until `now` + `grace_ms`, or until their own length has passed from `now` if that is less.

        They are those that would end before the same, reckoned from `since`: the first `limit` of them. How many there
        were.
        """
        ...

    async def end_sparing(self) -> None:
        """All that was to be spared has been."""
        ...

    async def insert_task_executions(self, rows: Sequence[TaskExecutionRecord]) -> None: ...
    async def update_task_executions(self, rows: Sequence[tuple[TaskExecutionRecord, TaskExecutionRecord]]) -> None:
        """Change rows: pairs of what a row was read as and what it is to be.

        Raises:
            StaleWrite: a row's status or lease is not what it was read as.
        """
        ...

    async def log_tallies(self, job_execution_ids: Iterable[str]) -> list[LogTallyRecord]:
        """How much is logged of these job executions, of those that there are."""
        ...

    async def insert_logs(self, logs: Sequence[LogRecord], more: Sequence[LogTallyRecord]) -> None:
        """Keep these, and count them: `more` has, in the order of the ids, what is to be added to each tally."""
        ...

    async def note_polls(self, polls: Sequence[TaskPollRecord]) -> None:
        """Workers have asked for these tasks, which come in the order of their ids."""
        ...

    async def insert_variable(self, variable: VariableRecord) -> None: ...
    async def update_variable(self, variable: VariableRecord) -> None: ...
    async def delete_variable(self, id: str) -> None: ...
    async def retire_secret(self, secret: SecretRecord, now: int, forget_before: int) -> None:
        """A secret is no longer this; remember it, and forget some of those retired before `forget_before`."""
        ...

    async def insert_file(self, file: FileRecord) -> None: ...
    async def keep_file(self, file: FileRecord) -> None:
        """A file has arrived.

        Raises:
            StaleWrite: it is not awaited any more.
        """
        ...

    async def count_files(self, more: Sequence[FileTallyRecord]) -> None:
        """Add to the tallies of these accounts. Files that are counted are taken in hand before."""
        ...

    async def use_files(self, job_id: str, account_id: str, ids: Iterable[str], now: int) -> None:
        """A job uses these files, of those that its account has, and no others: they stay from now on."""
        ...

    async def abandon_files(self, due_at: int) -> None:
        """Whatever is arriving is due then, unless whoever brings the rest says before that it is still to come."""
        ...

    async def renew_files(self, ids: Iterable[str], due_at: int) -> None:
        """Of these, what is arriving is still to come; it is due then."""
        ...

    async def due_files(self, now: int, limit: int) -> list[FileRecord]:
        """What is to be swept, the earliest first; what another transaction sweeps is not there."""
        ...

    async def leave_files(self, ids: Iterable[str], now: int) -> None:
        """They are not to be seen any more; what there is of them is due now."""
        ...

    async def delete_files(self, ids: Iterable[str]) -> None:
        """Nothing is left of these that were leaving."""
        ...

    async def insert_idempotency_keys(self, rows: Sequence[IdempotencyRecord], forget_before: int) -> None:
        """Keep these, and forget some of those made before `forget_before`."""
        ...


class Member(Protocol):
    """One of the processes that work on one store."""

    async def arrive_first(self, chance_ms: int) -> None:
        """Nobody else is here, and nobody will be until this returns. Those who were here before may still be at work:
        within `chance_ms` they will have come back, or they never will."""
        ...

    async def arrive(self) -> None:
        """We are here, for the first time or again, and whoever was the first has arrived."""
        ...

    def hear(self, news: str) -> None:
        """What another one has told."""
        ...

    def lose(self) -> None:
        """From now on the others may not be heard."""
        ...

    def come_back(self) -> None:
        """They are heard again; what they told meanwhile is lost."""
        ...


class Store(Protocol):
    """A place where everything is kept."""

    @property
    def patience(self) -> float:
        """For how many seconds anybody waits for it to answer; twice as long for what it may already have kept."""
        ...

    def wall_ns(self) -> int:
        """What time it is, in nanoseconds since the epoch, by the clock that all go by who work on this store.

        Ask once it was joined. It may jump, as such clocks do.
        """
        ...

    async def join(self, member: Member) -> None:
        """Join the processes that work on this store, and hear from now on what they tell.

        Raises:
            StoreUnavailable: they cannot be reached.
        """
        ...

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        tell: Callable[[T], Sequence[str]] | None = None,
        within: float | None = None,
    ) -> T:
        """Run `work` in one transaction; when this returns, what it wrote survives a power cut.

        It may be run again from its beginning when another transaction was in its way. `tell` says what the other
        processes on this store are told of its result, once it is kept: lines of at most `LONGEST_LINE` bytes. What has
        not come as far as to be kept `within` so many seconds, or the patience, never will be.

        Raises:
            StoreUnavailable: it could not be kept; nothing of it was, or ever will be. The same work may succeed later.
            WriteUnderWay: it is not known in time whether it is kept; it will be.
            StaleWrite, ImpossibleWrite: it must not be kept; nothing of it was.
        """
        ...

    async def read(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        """Run `work` on one consistent state, without waiting for writers.

        Raises:
            StoreUnavailable: nothing can be read at the moment.
        """
        ...

    async def ask(self, question: Callable[[Reads], Awaitable[T]]) -> T:
        """Ask one thing, by a single verb that is a single statement: it takes no transaction to answer it.

        Raises:
            StoreUnavailable: nothing can be read at the moment.
            TwoQuestions: more was asked, which needs `read`.
        """
        ...

    async def close(self) -> None:
        """Let the work in hand end, and close. What is asked of it from then on is refused: StoreUnavailable."""
        ...
