"""What a client sends beside definitions: launches, claims, reports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from data_factory.model.definitions import Id, Title
from data_factory.model.status import MessageType, ReportStatus, Severity

MAX_MESSAGE: Final = 100_000
"""The longest message of a log, in characters."""

Label = Annotated[str, Meta(max_length=200)]


class LaunchInfo(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How to show the execution; without a title, the job's."""

    title: Title | None = None


class LaunchRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Run a job with this input."""

    job_id: Id
    input: dict[str, Any] = {}
    info: LaunchInfo = LaunchInfo()


class CancelRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """End a job execution before its time, and say why."""

    reason: Annotated[str, Meta(max_length=1_000)] = ""


class ClaimRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Claim up to `limit` waiting executions of these tasks, oldest first.

    `lease_seconds` is how long the claim holds without a heartbeat. A repeat with the same `request_id` is given what
    the first was given, so an answer that was lost on the way loses nothing.
    """

    task_ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=100)]
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 1
    worker_id: Label | None = None
    request_id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    lease_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 60


class ProgressBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How far the work is: `ratio` from 0 to 1, and a few words."""

    ratio: Annotated[float, Meta(ge=0, le=1)] | None = None
    message: Annotated[str, Meta(max_length=1_000)] = ""


class ReportBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What a worker says of one execution that it holds.

    COMPLETED, FAILED (retried as the task is configured) and FAILED_WITH_TERMINAL_ERROR (not retried) end it;
    IN_PROGRESS extends the lease; SCHEDULED hands it back, to be run by another worker as the same attempt, after
    `delay_seconds`.
    """

    id: Id
    status: ReportStatus
    output: dict[str, Any] | UnsetType = UNSET
    lease: Label | None = None
    progress: ProgressBody | None = None
    delay_seconds: Annotated[int, Meta(ge=0, le=10_000_000)] | UnsetType = UNSET


class ReportRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Many reports in one call, and a claim of the next executions if there is one."""

    reports: Annotated[tuple[ReportBody, ...], Meta(max_length=1_000)]
    claim: ClaimRequest | None = None


class TaskExecutionPatch(msgspec.Struct, frozen=True, rename="camel"):
    """A report on one execution. Fields of the task execution that are sent back unchanged are ignored."""

    status: ReportStatus
    id: Id | None = None
    output: dict[str, Any] | UnsetType = UNSET
    lease: Label | None = None
    progress: ProgressBody | None = None
    delay_seconds: Annotated[int, Meta(ge=0, le=10_000_000)] | UnsetType = UNSET


class LogRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Something to be told of a job execution: the one with the id `event_correlation_id`.

    `logged_at` is when it happened, if it is sent later; `task_execution_id` says which task it comes from.
    """

    message: Annotated[str, Meta(max_length=MAX_MESSAGE)]
    emitter_name: Annotated[str, Meta(min_length=1, max_length=500)]
    event_correlation_id: Annotated[str, Meta(max_length=500)]
    severity: Severity = "info"
    message_type: MessageType = "DEFAULT"
    task_execution_id: Id | None = None
    logged_at: Annotated[datetime, Meta(tz=True)] | None = None


class LogsRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Many logs in one call, of any job executions."""

    logs: Annotated[tuple[LogRequest, ...], Meta(min_length=1, max_length=1_000)]


class KeyRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Make an API key; the title says what it is for."""

    title: Annotated[str, Meta(min_length=1, max_length=500)]


__all__ = [
    "UNSET",
    "CancelRequest",
    "ClaimRequest",
    "KeyRequest",
    "LaunchInfo",
    "LaunchRequest",
    "LogRequest",
    "LogsRequest",
    "ProgressBody",
    "ReportBody",
    "ReportRequest",
    "TaskExecutionPatch",
]
