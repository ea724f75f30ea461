"""Everything that changes the state of executions, as values."""

from __future__ import annotations

import msgspec

from data_factory.engine.resumption import RetryPlan
from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.records import LogRecord, PipelineRecord, TaskExecutionRecord, WebhookRecord
from data_factory.model.status import LinkKind, ReportStatus
from data_factory.service.due import MOST_AT_A_TIME
from data_factory.service.waiting_room import Presence


class IdempotencyKey(msgspec.Struct, frozen=True):
    """The `Idempotency-Key` of a request, and a fingerprint of what it asked for."""

    key: str
    fingerprint: str


class Again(msgspec.Struct, frozen=True):
    """That a launch runs another job execution again. `plan` is what a RETRY takes over of it."""

    of_id: str
    kind: LinkKind
    plan: RetryPlan | None = None
    by: Actor = SYSTEM


class Launch(msgspec.Struct, frozen=True):
    """Run a job. `id` is that of the execution to be made; `file_ids` are those of the account's files in its input.

    The higher the `priority`, the earlier it has its turn in its pipeline; not before `start_at`.
    """

    id: str
    account_id: str
    job_id: str
    input: str
    title: str | None
    origin: str
    launched_by: str
    idempotency: IdempotencyKey | None = None
    file_ids: frozenset[str] = frozenset()
    webhook: WebhookRecord | None = None
    version: int | None = None
    again: Again | None = None
    priority: int = 0
    start_at: int | None = None
    traceparent: str | None = None
    launched_from: str | None = None


class Claim(msgspec.Struct, frozen=True):
    """Hand out up to `limit` executions of these tasks. Without `lease_ms`, each task's response timeout counts.

    With `presence`, nothing is handed out to one who has gone by then: they may have asked again, and be at work on it.
    One that comes `with_reports` is given what these reports have led to, before any that waits.
    """

    account_id: str
    task_ids: tuple[str, ...]
    limit: int = 1
    lease_ms: int | None = None
    worker_id: str | None = None
    claim_id: str | None = None
    presence: Presence | None = None
    with_reports: bool = False


class Report(msgspec.Struct, frozen=True):
    """What a worker says of a task execution: its end, a heartbeat (IN_PROGRESS), or SCHEDULED to hand it back.

    `by` is who answers a HUMAN. Not `taken` is what its worker has never seen.
    """

    account_id: str
    id: str
    status: ReportStatus
    output: str | None = None
    lease: str | None = None
    progress: str | None = None
    delay_ms: int = 0
    by: Actor = SYSTEM
    taken: bool = True


class Cancel(msgspec.Struct, frozen=True):
    """End a job execution before its time."""

    account_id: str
    id: str
    reason: str = ""
    by: Actor = SYSTEM


class Hold(msgspec.Struct, frozen=True):
    """Pause a job execution, or, not `on`, resume it."""

    account_id: str
    id: str
    on: bool
    reason: str = ""
    by: Actor = SYSTEM


class HoldPipeline(msgspec.Struct, frozen=True):
    """Pause a pipeline, or, not `on`, resume it: nothing is started in it meanwhile."""

    account_id: str
    id: str
    on: bool
    reason: str = ""
    by: Actor = SYSTEM


class Skip(msgspec.Struct, frozen=True):
    """Go on as if a task execution that waits had COMPLETED with this output, or with none."""

    account_id: str
    id: str
    output: str | None = None
    by: Actor = SYSTEM


class WriteLogs(msgspec.Struct, frozen=True):
    """Tell something of job executions. Each log says of which one, by `job_execution_id`."""

    account_id: str
    logs: tuple[LogRecord, ...]


class Resize(msgspec.Struct, frozen=True):
    """Change a pipeline; more slots start what waits for one."""

    pipeline: PipelineRecord
    by: Actor = SYSTEM


class FillSlots(msgspec.Struct, frozen=True):
    """Start what waits in these pipelines, as far as they have free slots; `only` the job executions with these ids."""

    pipeline_ids: tuple[str, ...]
    only: tuple[str, ...] | None = None


class FireTimers(msgspec.Struct, frozen=True):
    """Do what came due by now, at most `limit` of each kind; of that `only` what has these ids."""

    limit: int = MOST_AT_A_TIME
    only: frozenset[str] | None = None


Command = Launch | Claim | Report | Cancel | Hold | HoldPipeline | Skip | WriteLogs | Resize | FillSlots | FireTimers


def handed_back(row: TaskExecutionRecord) -> Report:
    """What was taken for somebody who is not there to take it waits again, for the next."""
    return Report(account_id=row.account_id, id=row.id, status="SCHEDULED", lease=row.lease, taken=False)
