"""What a worker may do with a task execution: claim it, extend its lease, hand it back, report its end."""

from __future__ import annotations

from msgspec.structs import replace

from data_factory.engine.attempts import make_ready, postponed
from data_factory.engine.holding import hold
from data_factory.model.definitions import TaskDefinition
from data_factory.model.errors import (
    LeaseLost,
    NotClaimed,
    TaskExecutionCanceled,
    TaskExecutionEnded,
    TaskExecutionTimedOut,
)
from data_factory.model.records import TaskExecutionRecord
from data_factory.model.status import TASK_EXECUTION_ENDED, ReportStatus


def claim(
    waiting: TaskExecutionRecord,
    task: TaskDefinition,
    lease: str,
    now: int,
    *,
    lease_ms: int | None = None,
    worker_id: str | None = None,
    claim_id: str | None = None,
) -> TaskExecutionRecord:
    """The task execution as its worker holds it: IN_PROGRESS, for `lease_ms` without a heartbeat.

    The lease is never longer than the task's `responseTimeoutSeconds`, which is also its default.
    """
    response_ms = task.response_timeout_seconds * 1000
    lease_ms = response_ms if lease_ms is None else min(lease_ms, response_ms)
    timeout_at = now + task.timeout_seconds * 1000 if task.timeout_seconds else None
    expires_at = now + lease_ms
    return replace(
        waiting,
        status="IN_PROGRESS",
        worker_id=worker_id,
        claim_id=claim_id,
        lease=lease,
        lease_ms=lease_ms,
        lease_expires_at=expires_at,
        poll_timeout_at=None,
        started_at=now,
        timeout_at=timeout_at,
        updated_at=now,
        timer_at=expires_at if timeout_at is None else min(expires_at, timeout_at),
    )


def extend(held: TaskExecutionRecord, now: int, output: str | None, progress: str | None) -> TaskExecutionRecord:
    """A heartbeat: the lease starts again, with what the worker says of its progress."""
    expires_at = now + (held.lease_ms or 0)
    return replace(
        held,
        output=held.output if output is None else output,
        progress=held.progress if progress is None else progress,
        lease_expires_at=expires_at,
        updated_at=now,
        timer_at=expires_at if held.timeout_at is None else min(expires_at, held.timeout_at),
    )


def hand_out_again(held: TaskExecutionRecord, lease: str, now: int) -> TaskExecutionRecord:
    """The answer to the claim was lost, and the worker asks again: it is the same claim, under a lease that only the
    new answer tells. Whoever took the first answer for lost may hand it back without taking it from the worker."""
    return replace(extend(held, now, None, None), lease=lease)


def hand_back(
    held: TaskExecutionRecord, task: TaskDefinition, now: int, output: str | None = None, delay_ms: int = 0
) -> TaskExecutionRecord:
    """The worker will not finish it: it waits again, as the same attempt, from now on or after a delay.

    `output` is what the worker had so far.
    """
    waiting = replace(
        held,
        status="SCHEDULED",
        output=held.output if output is None else output,
        worker_id=None,
        claim_id=None,
        lease=None,
        lease_ms=None,
        lease_expires_at=None,
        started_at=None,
        timeout_at=None,
    )
    ready = make_ready(waiting, task, now) if not delay_ms else postponed(waiting, now + delay_ms, now)
    return ready if held.paused_at is None else hold(ready, now)


def is_repeat(record: TaskExecutionRecord, status: ReportStatus, output: str | None, lease: str | None) -> bool:
    """Whether this report was already taken, so that it is simply answered again.

    Raises:
        NotClaimed, LeaseLost, TaskExecutionEnded, TaskExecutionTimedOut, TaskExecutionCanceled: the report is stale.
    """
    if record.status == "IN_PROGRESS":
        if lease is not None and lease != record.lease:
            raise LeaseLost
        return False
    if record.status == "SCHEDULED":
        if status == "SCHEDULED":
            return True
        raise NotClaimed if lease is None else LeaseLost
    if _says_the_same(record, status, output) and lease in (None, record.lease):
        return True
    match record.status:
        case "TIMED_OUT":
            raise TaskExecutionTimedOut
        case "CANCELED":
            raise TaskExecutionCanceled
        case _:
            raise TaskExecutionEnded(f"The task execution has already ended: it is {record.status}.")


def _says_the_same(record: TaskExecutionRecord, status: ReportStatus, output: str | None) -> bool:
    passed_over = record.status == "COMPLETED_WITH_ERRORS" and status in ("FAILED", "FAILED_WITH_TERMINAL_ERROR")
    same_status = record.status in TASK_EXECUTION_ENDED and (record.status == status or passed_over)
    return same_status and (output is None or record.output == output)
