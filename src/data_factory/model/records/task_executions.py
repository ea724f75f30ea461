"""What is kept of task executions, and what is read of them."""

from __future__ import annotations

import msgspec

from data_factory.model.status import TaskExecutionStatus, TaskType

Record = msgspec.Struct


class TaskExecutionRecord(Record, frozen=True):
    """One attempt at one task of a job execution.

    `path` is its place in the job: the reference name, and the iteration where it is inside a loop. Of control flow
    (`type`) there is a row too, with an empty `task_id`, which no worker ever sees. A SCHEDULED one
    with `available_at` waits for that time; without, it can be claimed. `timer_at` is the next time at which
    something becomes due: available, poll timeout, lease, or run timeout. With `paused_at` its job execution is paused
    since then: what waits is not handed out and has no timer, and a worker is told of it.
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
    paused_at: int | None = None
    traceparent: str | None = None


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
    timer_at: int | None


class TraceRecord(Record, frozen=True):
    """What a retry has to know of a task execution of the job execution that it retries, without its payloads.

    `output` is that of a loop which has not come to its end, and `{}` of everything else.
    """

    id: str
    path: str
    attempt: int
    type: TaskType
    task_id: str
    status: TaskExecutionStatus
    ended_at: int | None
    output: str


class TakeoverRecord(Record, frozen=True):
    """What `to_id` takes over of the task executions of `of_id`: the latest of each path but those `left_out`; those
    `reopened` are IN_PROGRESS again."""

    of_id: str
    to_id: str
    left_out: tuple[str, ...]
    reopened: tuple[str, ...]
