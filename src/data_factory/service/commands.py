"""Everything that changes the state of executions, as values."""

from __future__ import annotations

import msgspec

from data_factory.model.records import LogRecord, PipelineRecord, TaskExecutionRecord
from data_factory.model.status import ReportStatus
from data_factory.service.waiting_room import Presence


class IdempotencyKey(msgspec.Struct, frozen=True):
    """The `Idempotency-Key` of a request, and a fingerprint of what it asked for."""

    key: str
    fingerprint: str


class Launch(msgspec.Struct, frozen=True):
    """Run a job. `id` is that of the execution to be made; `file_ids` are those of the account's files in its input."""

    id: str
    account_id: str
    job_id: str
    input: str
    title: str | None
    origin: str
    launched_by: str
    idempotency: IdempotencyKey | None = None
    file_ids: frozenset[str] = frozenset()


class Claim(msgspec.Struct, frozen=True):
    """Hand out up to `limit` executions of these tasks. Without `lease_ms`, each task's response timeout counts.

    With `presence`, nothing is handed out to one who has gone by then: they may have asked again, and be at work on it.
    """

    account_id: str
    task_ids: tuple[str, ...]
    limit: int = 1
    lease_ms: int | None = None
    worker_id: str | None = None
    claim_id: str | None = None
    presence: Presence | None = None


class Report(msgspec.Struct, frozen=True):
    """What a worker says of a task execution: its end, a heartbeat (IN_PROGRESS), or SCHEDULED to hand it back."""

    account_id: str
    id: str
    status: ReportStatus
    output: str | None = None
    lease: str | None = None
    progress: str | None = None
    delay_ms: int = 0


class Cancel(msgspec.Struct, frozen=True):
    """End a job execution before its time."""

    account_id: str
    id: str
    reason: str = ""


class WriteLogs(msgspec.Struct, frozen=True):
    """Tell something of job executions. Each log says of which one, by `job_execution_id`."""

    account_id: str
    logs: tuple[LogRecord, ...]


class Resize(msgspec.Struct, frozen=True):
    """Change a pipeline; more slots start what waits for one."""

    pipeline: PipelineRecord


class FillSlots(msgspec.Struct, frozen=True):
    """Start what waits in these pipelines, as far as they have free slots."""

    pipeline_ids: tuple[str, ...]


class FireTimers(msgspec.Struct, frozen=True):
    """Do what came due by now, at most `limit` of each kind."""

    limit: int = 500


Command = Launch | Claim | Report | Cancel | WriteLogs | Resize | FillSlots | FireTimers


def handed_back(row: TaskExecutionRecord) -> Report:
    """What was taken for somebody who is not there to take it waits again, for the next."""
    return Report(account_id=row.account_id, id=row.id, status="SCHEDULED", lease=row.lease)
