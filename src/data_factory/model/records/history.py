"""What is kept of what has happened: logs and events."""

from __future__ import annotations

import msgspec

from data_factory.model.status import MessageType, Moment, Severity, TaskExecutionStatus, TaskType

Record = msgspec.Struct


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
    job_account_id: str = ""


class EventRecord(Record, frozen=True):
    """Something that was done, or has happened, and that no other row says: see `model.events`.

    It was done to `object_id`, by the key `key_id` from `address`, both empty for what the platform did by itself. With
    `job_execution_id` it is part of the timeline of that job execution. `detail` is a JSON object.
    """

    id: str
    account_id: str
    kind: str
    object_id: str
    job_execution_id: str | None
    at: int
    key_id: str
    address: str
    origin: str
    detail: str


class MomentRecord(Record, frozen=True):
    """When something happened in a job execution, and of which row to read what it was: of an `event`, or of a task
    execution that has `begun` (a task: it was scheduled), was `claimed`, or `ended`.

    `at`, `phase` and `seq` together say what comes before what.
    """

    at: int
    phase: int
    seq: int
    what: Moment
    id: str


class ToldRecord(Record, frozen=True):
    """What the timeline tells of a task execution. `chosen` is the case that a SWITCH chose, `earlier_failure` why the
    attempt before it failed."""

    id: str
    task_id: str
    type: TaskType
    path: str
    attempt: int
    status: TaskExecutionStatus
    worker_id: str | None
    created_at: int
    available_at: int | None
    started_at: int | None
    ended_at: int | None
    failure: str | None
    warning: str | None
    earlier_failure: str | None
    chosen: str | None
