"""Job executions, as they are shown, and what is done with many of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from data_factory.model.resources.shapes import Failure, Paused, Resource
from data_factory.model.status import JobExecutionStatus, TaskExecutionStatus, TaskType


class Info(msgspec.Struct, frozen=True, rename="camel"):
    """How a job execution is shown."""

    title: str


class ParentExecution(msgspec.Struct, frozen=True, rename="camel"):
    """The job execution that another one runs in, and its task execution that waits for the end of that one."""

    job_execution_id: str
    task_execution_id: str


class JobExecution(Resource, frozen=True, kw_only=True, tag="job_execution"):
    """One run of a job. `input.context` says whose job it is and who launched it; `variables` is what it has set.

    `rerun_of` or `retry_of` is the job execution that it runs again, `run_again_as` are those that run it again; all
    three are left out where there are none.
    `paused` is there while it is paused, `priority` if it has one, `start_at` while it waits for that time, `parent` if
    it runs inside another one.
    """

    job_id: str
    job_version: int
    pipeline_id: str
    started_at: datetime | None
    ended_at: datetime | None
    status: JobExecutionStatus
    input: dict[str, Any]
    output: dict[str, Any]
    variables: dict[str, Any] = msgspec.field(default_factory=dict)
    info: Info
    origin: str
    failure: Failure | None
    rerun_of: str | None = None
    retry_of: str | None = None
    run_again_as: tuple[str, ...] = ()
    paused: Paused | None = None
    priority: int = 0
    start_at: datetime | None = None
    parent: ParentExecution | None = None


class BulkItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one job execution: its status now, or the `code` and the words with which the verb was refused.
    `launched_id` is the one that was launched by a rerun or a retry of it."""

    id: str
    status: JobExecutionStatus
    launched_id: str | None = None
    code: str | None = None
    message: str | None = None


class Bulk(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="bulk"):
    """What a verb has done to a portion of what was looked for; `next_cursor` is null at the end."""

    verb: str
    dry_run: bool
    done: int
    refused: int
    data: tuple[BulkItem, ...]
    next_cursor: str | None


class Purge(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="purge"):
    """What was deleted, or would be with `dry_run`, of what ended before this time; `next` is where to go on."""

    before: datetime
    dry_run: bool
    count: int
    by_status: dict[str, int]
    next: int | None


class RetryStep(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A task execution, as a retry finds it."""

    task_reference_name: str
    task_execution_id: str
    type: TaskType
    status: TaskExecutionStatus


class RetryPlan(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="retry_plan"):
    """What a retry of a job execution would do: all in a few words, and step by step, the first hundred of each.

    `reused` are taken over with their outputs, `continued` are loops and JOINs that go on where they were, and `again`
    runs again from its beginning.
    """

    job_execution_id: str
    job_version: int
    message: str
    reused_count: int
    continued_count: int
    again_count: int
    reused: tuple[RetryStep, ...]
    continued: tuple[RetryStep, ...]
    again: tuple[RetryStep, ...]
