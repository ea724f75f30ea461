"""Task executions, as they are shown, and the answers to workers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from data_factory.model.resources.shapes import Failure, Resource
from data_factory.model.status import TaskExecutionStatus, TaskType


class Progress(msgspec.Struct, frozen=True, rename="camel"):
    """How far a running task is: `ratio` from 0 to 1, and a few words."""

    ratio: float | None = None
    message: str = ""


class TaskExecution(Resource, frozen=True, kw_only=True, tag="task_execution"):
    """One attempt at one task of a job execution, or a step of its control flow, whose `task_id` is empty.

    `lease` is given to the worker that claimed it, and to nobody else; it is null in every other answer. `paused_at` is
    there while its job execution is paused; `traceparent` (W3C) is that of the launch, if it had one.
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
    paused_at: datetime | None = None
    traceparent: str | None = None


class Claimed(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="list"):
    """The task executions that a claim was given; empty when nothing waits."""

    data: tuple[TaskExecution, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one report. `accepted` false says to stop and drop it; `code` says why. `paused_at` is there while
    its job execution is paused."""

    id: str
    accepted: bool
    status: TaskExecutionStatus | None = None
    lease_expires_at: datetime | None = None
    code: str | None = None
    message: str | None = None
    paused_at: datetime | None = None


class Reported(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="report"):
    """A verdict for each report, in their order, and what was claimed in the same call."""

    results: tuple[Verdict, ...]
    claimed: tuple[TaskExecution, ...]
