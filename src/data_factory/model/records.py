"""What is kept: one struct a table, with the names and the order of its columns.

Times are integers, milliseconds since the epoch, UTC. Payloads are JSON text as it is stored.
"""

from __future__ import annotations

import msgspec

from data_factory.model.status import (
    FileStatus,
    JobExecutionStatus,
    JobStatus,
    MessageType,
    Severity,
    TaskExecutionStatus,
    TaskType,
    VariableStatus,
)

Record = msgspec.Struct


class AccountRecord(Record, frozen=True):
    """Who owns everything else."""

    id: str
    title: str
    created_at: int


class ApiKeyRecord(Record, frozen=True):
    """A key to an account: its SHA-256, never the key itself."""

    id: str
    account_id: str
    title: str
    prefix: str
    hash: str
    created_at: int
    revoked_at: int | None


class PipelineRecord(Record, frozen=True):
    """A FIFO queue of job executions, of which so many are RUNNING and PENDING."""

    id: str
    account_id: str
    title: str
    slots: int
    is_default: int
    created_at: int
    updated_at: int
    running: int = 0
    pending: int = 0


class PipelineTallyRecord(Record, frozen=True):
    """How many job executions of a pipeline are RUNNING and PENDING, or how many more."""

    pipeline_id: str
    running: int
    pending: int


class TaskRecord(Record, frozen=True):
    """A custom task. `definition` is the `TaskDefinition` as JSON."""

    id: str
    account_id: str
    key: str
    definition: str
    created_at: int
    updated_at: int
    deleted_at: int | None


class JobRecord(Record, frozen=True):
    """A job: its present version and the settings that are not part of one.

    `periodicity` are its `PeriodicityRule`s as JSON; `due_at` is when they launch it next, None if they do not: there
    are none, they `is_paused`, or the job is INACTIVE.
    """

    id: str
    account_id: str
    key: str
    title: str
    status: JobStatus
    pipeline_id: str
    version: int
    created_at: int
    updated_at: int
    periodicity: str = "[]"
    is_paused: int = 0
    due_at: int | None = None


class JobVersionRecord(Record, frozen=True):
    """One publication of a job, never changed: its definition and the id of each task that it names, as JSON."""

    job_id: str
    version: int
    definition: str
    task_ids: str
    created_at: int


class JobPublicationRecord(Record, frozen=True):
    """That there is a version of a job, and since when, without what is in it."""

    job_id: str
    version: int
    created_at: int


class JobExecutionRecord(Record, frozen=True):
    """One run of a job. `input` is the caller's, without the `context` that is shown with it.

    `deadline_at` is when a running one times out. `failure` is a `Failure` as JSON, `variables` what its SET_VARIABLE
    tasks have set.
    """

    id: str
    account_id: str
    job_id: str
    job_version: int
    job_account_id: str
    pipeline_id: str
    status: JobExecutionStatus
    title: str
    input: str
    output: str
    failure: str | None
    origin: str
    launched_by: str
    created_at: int
    started_at: int | None
    ended_at: int | None
    deadline_at: int | None
    variables: str

    @property
    def context(self) -> dict[str, str]:
        """The `context` that is shown in its input: whose job it is, and who launched it."""
        return {
            "jobAccountId": self.job_account_id,
            "jobId": self.job_id,
            "userAccountId": self.account_id,
            "userId": self.launched_by,
        }


class TaskExecutionRecord(Record, frozen=True):
    """One attempt at one task of a job execution.

    `path` is its place in the job: the reference name, and the iteration where it is inside a loop. Of control flow
    (`type`) there is a row too, with an empty `task_id`, which no worker ever sees. A SCHEDULED one
    with `available_at` waits for that time; without, it can be claimed. `timer_at` is the next time at which
    something becomes due: available, poll timeout, lease, or run timeout.
    """

    id: str
    account_id: str
    job_execution_id: str
    task_id: str
    type: TaskType
    path: str
    attempt: int
    status: TaskExecutionStatus
    input: str
    output: str
    failure: str | None
    warning: str | None
    progress: str | None
    worker_id: str | None
    claim_id: str | None
    lease: str | None
    lease_ms: int | None
    lease_expires_at: int | None
    created_at: int
    updated_at: int
    available_at: int | None
    poll_timeout_at: int | None
    started_at: int | None
    timeout_at: int | None
    ended_at: int | None
    timer_at: int | None


class VariableRecord(Record, frozen=True):
    """A variable of an account. Of a secret, `value` is encrypted (see `service.vault`)."""

    id: str
    account_id: str
    key: str
    title: str
    status: VariableStatus
    is_secret: int
    value: str
    created_at: int
    updated_at: int


class SecretRecord(Record, frozen=True):
    """The encrypted value of a secret, as it is or as it once was."""

    account_id: str
    key: str
    value: str


class FileRecord(Record, frozen=True):
    """A file, without its content, which is a blob of the same id.

    An ARRIVING one is being uploaded, and has neither size nor checksum yet; a LEAVING one is gone, but for what is
    left of its content. `due_at` is when it is swept: None for one that a job uses, which stays.
    """

    id: str
    account_id: str
    status: FileStatus
    filename: str
    content_type: str
    size: int
    sha256: str
    created_at: int
    updated_at: int
    due_at: int | None


class FileTallyRecord(Record, frozen=True):
    """How many files an account has, and how many bytes they have together."""

    account_id: str
    files: int
    bytes: int


class IdempotencyRecord(Record, frozen=True):
    """What a request with an `Idempotency-Key` made, so that its repeat is given the same."""

    account_id: str
    key: str
    fingerprint: str
    resource_id: str
    created_at: int


class LogRecord(Record, frozen=True):
    """What a task, or a program beside it, has told of a job execution. `logged_at` is the time that it says itself."""

    id: str
    account_id: str
    job_execution_id: str
    task_execution_id: str | None
    emitter_name: str
    severity: Severity
    message_type: MessageType
    message: str
    logged_at: int
    created_at: int


class LogTallyRecord(Record, frozen=True):
    """How much is logged of a job execution: how many logs, and the bytes of their messages. Whose that is, and which
    version of which job it runs."""

    job_execution_id: str
    account_id: str
    logs: int
    bytes: int
    job_id: str
    job_version: int


class TaskPollRecord(Record, frozen=True):
    """When a worker last asked for a task (to within half a minute), and which."""

    task_id: str
    polled_at: int
    worker_id: str | None


class SlotRecord(Record, frozen=True):
    """A job execution that has a slot of its pipeline."""

    id: str
    title: str
    started_at: int


class StandingRecord(Record, frozen=True):
    """How a task execution that has not ended stands, without its payloads."""

    id: str
    task_id: str
    type: TaskType
    path: str
    attempt: int
    status: TaskExecutionStatus
    worker_id: str | None
    updated_at: int
    available_at: int | None
    started_at: int | None
    lease_expires_at: int | None
    timeout_at: int | None
    progress: str | None


class WaitingRecord(Record, frozen=True):
    """One that waits in a queue: a job execution in its pipeline, or a task execution for its task.

    `size` is that of its input, in characters of JSON; the row itself is read when it is its turn.
    """

    id: str
    queue_id: str
    size: int
