"""What is told of executions: logs, events, what happened, and why they wait."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from data_factory.model.resources.shapes import Resource, Who
from data_factory.model.status import EventKind, JobExecutionStatus, MessageType, ReasonCode, Severity


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has happened: its kind, where to go on after it, and what it has happened to, as that is now:
    without what went in and came out."""

    id: str
    event: EventKind
    data: dict[str, Any] | None


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
    became so, and `until` when it changes by itself. `count` says how many there are that are not told one by one.
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
    paused_by: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    last_polled_at: datetime | None = None
    count: int | None = None


class Why(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="why"):
    """Why a job execution stands where it does: all in a few words, and reason by reason."""

    job_execution_id: str
    status: JobExecutionStatus
    message: str
    reasons: tuple[Reason, ...]


class Happening(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One thing that happened in a job execution: when, a stable `kind`, words for people, and the facts.

    Of a task execution it says which, its attempt and its worker. `code` and `reason` say why; `until` is when what
    begins to wait goes on by itself, if it still waits.
    """

    at: datetime
    kind: str
    message: str
    by: Who | None = None
    task_reference_name: str | None = None
    task_execution_id: str | None = None
    task_id: str | None = None
    type: str | None = None
    attempt: int | None = None
    status: str | None = None
    worker_id: str | None = None
    code: str | None = None
    reason: str | None = None
    until: datetime | None = None
