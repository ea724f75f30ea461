"""What the API answers with: the shapes of the platform, and what we add to them.

A field that the platform does not have is additive: a client written for the platform can ignore it.
Times are UTC, in ISO 8601 with milliseconds on the wire.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from data_factory.model.definitions import (
    InputOutputKey,
    JobDefinition,
    JobTask,
    PeriodicityRule,
    RetryLogic,
    TimeoutPolicy,
    UserInput,
)
from data_factory.model.status import (
    DifferenceKind,
    JobExecutionStatus,
    JobStatus,
    MessageType,
    ReasonCode,
    Severity,
    TaskExecutionStatus,
    TaskType,
    VariableStatus,
)

T = TypeVar("T")


class Resource(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object"):
    """What every resource has: `object` says which it is, `id` which one."""

    id: str
    created_at: datetime


class Task(Resource, frozen=True, kw_only=True, tag="task"):
    """A custom task that an account has declared."""

    updated_at: datetime
    key: str
    description: str
    retry_count: int
    retry_logic: RetryLogic
    retry_delay_seconds: int
    backoff_scale_factor: int
    timeout_seconds: int
    timeout_policy: TimeoutPolicy
    response_timeout_seconds: int
    poll_timeout_seconds: int
    concurrent_exec_limit: int
    input_keys: tuple[InputOutputKey, ...]
    output_keys: tuple[InputOutputKey, ...]


class Job(Resource, frozen=True, kw_only=True, tag="job"):
    """A job as last published. `version` counts its publications, from 1."""

    updated_at: datetime
    key: str
    title: str
    title_local: dict[str, str]
    description: str
    description_local: dict[str, str]
    icon: str
    status: JobStatus
    pipeline_id: str
    user_inputs: tuple[UserInput, ...]
    output: dict[str, Any] | None
    timeout_seconds: int
    tasks: tuple[JobTask, ...]
    periodicity: tuple[PeriodicityRule, ...]
    version: int


class Schedule(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="schedule"):
    """When a job is launched by itself: by which rules, and the next times (five at the most; none if it is paused)."""

    job_id: str
    periodicity: tuple[PeriodicityRule, ...]
    is_paused: bool
    next_runs_at: tuple[datetime, ...]


class JobVersion(Resource, frozen=True, kw_only=True, tag="job_version"):
    """One publication of a job, never changed. `id` is the job's; `definition` is null in lists."""

    version: int
    is_current: bool
    definition: JobDefinition | None = None


class Difference(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that differs between two versions: where it is, and what was and is there.

    Of what was `moved`, `before` and `after` are its places in the list.
    """

    kind: DifferenceKind
    path: str
    before: Any = None
    after: Any = None


class JobDiff(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="job_diff"):
    """What has changed from one version of a job to another; `more` says that it is only the first thousand."""

    job_id: str
    from_version: int
    to_version: int
    changes: tuple[Difference, ...]
    more: bool


class Info(msgspec.Struct, frozen=True, rename="camel"):
    """How a job execution is shown."""

    title: str


class Failure(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why an execution did not complete: a stable `code`, a message for people, and the task that it came from."""

    code: str
    message: str
    task_reference_name: str | None = None
    task_execution_id: str | None = None


class JobExecution(Resource, frozen=True, kw_only=True, tag="job_execution"):
    """One run of a job. `input.context` says whose job it is and who launched it; `variables` is what it has set."""

    job_id: str
    job_version: int
    pipeline_id: str
    started_at: datetime | None
    ended_at: datetime | None
    status: JobExecutionStatus
    input: dict[str, Any]
    output: dict[str, Any]
    variables: dict[str, Any] = {}
    info: Info
    origin: str
    failure: Failure | None


class Progress(msgspec.Struct, frozen=True, rename="camel"):
    """How far a running task is: `ratio` from 0 to 1, and a few words."""

    ratio: float | None = None
    message: str = ""


class TaskExecution(Resource, frozen=True, kw_only=True, tag="task_execution"):
    """One attempt at one task of a job execution, or a step of its control flow, whose `task_id` is empty.

    `lease` is given to the worker that claimed it, and to nobody else; it is null in every other answer.
    """

    updated_at: datetime
    task_id: str
    type: TaskType = "SUB_WORKFLOW"
    job_execution_id: str
    task_reference_name: str
    attempt: int
    status: TaskExecutionStatus
    input: dict[str, Any]
    output: dict[str, Any]
    available_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    worker_id: str | None
    lease: str | None
    lease_expires_at: datetime | None
    timeout_at: datetime | None
    progress: Progress | None
    failure: Failure | None
    warning: Failure | None


class Pipeline(Resource, frozen=True, kw_only=True, tag="pipeline"):
    """A FIFO queue of job executions with `slots` places to run."""

    updated_at: datetime
    title: str
    slots: int
    is_default: bool


class Variable(Resource, frozen=True, kw_only=True, tag="variable"):
    """A variable. The `value` of a secret is never shown: it is empty. `secret` says the same as `isSecret`."""

    updated_at: datetime
    key: str
    name: str
    value: str
    status: VariableStatus
    is_secret: bool
    secret: bool


class ApiKey(Resource, frozen=True, kw_only=True, tag="api_key"):
    """An API key. `key` is the secret itself: only in the answer that made it, never again."""

    title: str
    prefix: str
    key: str | None = None


class Log(Resource, frozen=True, kw_only=True, tag="log"):
    """Something that was told of a job execution. `kept` is false when the execution had too many logs already."""

    event_correlation_id: str
    job_execution_id: str
    task_execution_id: str | None
    emitter_name: str
    severity: Severity
    message_type: MessageType
    message: str
    logged_at: datetime
    kept: bool = True


class File(Resource, frozen=True, kw_only=True, tag="data_factory_file"):
    """A file. `url` is that of its content; `expires_at` is when it is deleted, null if it stays: a job uses it."""

    updated_at: datetime
    url: str
    filename: str
    content_type: str
    size: int
    sha256: str
    expires_at: datetime | None


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True, rename="camel", tag_field="object", tag="list"):
    """Some of a list, newest first. `next_cursor` is what to send as `cursor` to go on; null at the end."""

    data: tuple[T, ...]
    page: int
    size: int
    next_cursor: str | None


class Claimed(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="list"):
    """The task executions that a claim was given; empty when nothing waits."""

    data: tuple[TaskExecution, ...]


class LogVerdict(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one log of many: kept, or not because there are too many already, or refused; `code` says why."""

    kept: bool
    id: str | None = None
    code: str | None = None
    message: str | None = None


class Logged(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="logged"):
    """What became of each log, in their order."""

    results: tuple[LogVerdict, ...]


class Reason(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One thing that a job execution waits for, or that goes on: a stable `code`, words for people, and the facts.

    Of a pipeline: its `slots`, which executions are `running` in them and which come `ahead` (the first ten of each),
    and the `position` in the queue, from 1. Of a task: the attempt and how many there may be. `since` says when it
    became so, and `until` when it changes by itself.
    """

    code: ReasonCode
    message: str
    pipeline_id: str | None = None
    slots: int | None = None
    position: int | None = None
    running: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    task_reference_name: str | None = None
    task_execution_id: str | None = None
    task_id: str | None = None
    task_key: str | None = None
    attempt: int | None = None
    attempts: int | None = None
    worker_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    last_polled_at: datetime | None = None


class Why(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="why"):
    """Why a job execution stands where it does: all in a few words, and reason by reason."""

    job_execution_id: str
    status: JobExecutionStatus
    message: str
    reasons: tuple[Reason, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one report. `accepted` false says to stop and drop it; `code` says why."""

    id: str
    accepted: bool
    status: TaskExecutionStatus | None = None
    lease_expires_at: datetime | None = None
    code: str | None = None
    message: str | None = None


class Reported(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="report"):
    """A verdict for each report, in their order, and what was claimed in the same call."""

    results: tuple[Verdict, ...]
    claimed: tuple[TaskExecution, ...]


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An error answer: an RFC 9457 problem document, with the fields that clients of the platform look for."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    status_code: int
    errors: tuple[dict[str, str], ...] = ()
