"""What a client sends beside definitions: launches, claims, reports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from data_factory.model.ages import AGE_PATTERN
from data_factory.model.criteria import Criterion
from data_factory.model.definitions import Id, LaunchWebhook, Periodicity, Title
from data_factory.model.ids import CURSOR_PATTERN
from data_factory.model.rates import RATE_PATTERN
from data_factory.model.status import JobExecutionEnd, MessageType, ReportStatus, Role, Severity

MAX_MESSAGE: Final = 100_000
"""The longest message of a log, in characters."""

Label = Annotated[str, Meta(max_length=200)]


class LaunchInfo(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How to show the execution; without a title, the job's."""

    title: Title | None = None


class LaunchRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Run a job with this input; a `webhook` is told of the end.

    Of those that wait in a pipeline, the highest `priority` has its turn first. With `start_at` it is not started
    before.
    """

    job_id: Id
    input: dict[str, Any] = {}
    info: LaunchInfo = LaunchInfo()
    webhook: LaunchWebhook | None | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=-1_000, le=1_000)] = 0
    start_at: Annotated[datetime, Meta(tz=True)] | None = None


class CancelRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """End a job execution before its time, and say why."""

    reason: Annotated[str, Meta(max_length=1_000)] = ""


class ScheduleRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Launch a job by these rules, and by no others."""

    periodicity: Periodicity


VersionChoice = Literal["same", "latest"]


class RerunRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Run a job again: in the `same` version of it, or in the `latest`."""

    version: VersionChoice = "same"


class PauseRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Pause something, and say why."""

    reason: Annotated[str, Meta(max_length=1_000)] = ""


class SkipRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Skip a task that waits; those that follow find this output, or an empty one."""

    output: dict[str, Any] | UnsetType = UNSET


BulkVerb = Literal["cancel", "pause", "resume", "rerun", "retry", "delete"]


class BulkRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Do a verb to the job executions for which a criterion holds, a portion a request: from the newest on, or after a
    `cursor`. With `dry_run` it is only said to which it would be done. `version` is for a rerun and a retry."""

    verb: BulkVerb
    filter: Criterion
    dry_run: bool = False
    reason: Annotated[str, Meta(max_length=1_000)] = ""
    version: VersionChoice = "same"
    cursor: Annotated[str, Meta(pattern=CURSOR_PATTERN, description="The `nextCursor` of an answer.")] | None = None
    size: Annotated[int, Meta(ge=1, le=100)] = 100


class PurgeRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Delete what ended longer ago than `older_than` (`12h`, `30d`, `8w`), in one of these `statuses` if there are any.

    `after` goes on after the `next` of the answer before.
    """

    older_than: Annotated[
        str, Meta(pattern=AGE_PATTERN, description="A whole number and its unit, m, h, d or w: `90d`, `12h`.")
    ]
    statuses: tuple[JobExecutionEnd, ...] = ()
    dry_run: bool = False
    after: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0


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
    """Make an API key; the title says what it is for. Without `expiresAt` it is valid until it is revoked;
    without `rateLimit` (`50/min`, `10/s`, `1000/h`) it has the server's limit."""

    title: Annotated[str, Meta(min_length=1, max_length=500)]
    role: Role = "admin"
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    rate_limit: (
        Annotated[
            str, Meta(pattern=RATE_PATTERN, description="So many a second, minute or hour: `10/s`, `50/min`, `1000/h`.")
        ]
        | None
    ) = None


class AccountRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Make an account, or give it another title."""

    title: Annotated[str, Meta(min_length=1, max_length=500)]


class ShareRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Let another account launch a job."""

    account_id: Id


__all__ = [
    "UNSET",
    "AccountRequest",
    "BulkRequest",
    "BulkVerb",
    "CancelRequest",
    "ClaimRequest",
    "KeyRequest",
    "LaunchInfo",
    "LaunchRequest",
    "LogRequest",
    "LogsRequest",
    "PauseRequest",
    "ProgressBody",
    "ReportBody",
    "ReportRequest",
    "ShareRequest",
    "SkipRequest",
    "TaskExecutionPatch",
]
