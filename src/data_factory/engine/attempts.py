"""Task executions as they begin and end: an attempt at a step of a job, or a step of its control flow."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from data_factory.engine.retry import retry_delay_ms
from data_factory.model.definitions import TaskDefinition
from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord
from data_factory.model.status import TaskExecutionStatus, TaskType

EMPTY: Final = "{}"


def scheduled(
    execution: JobExecutionRecord, type: TaskType, task_id: str, path: str, given: str, id: str, now: int
) -> TaskExecutionRecord:
    """The first attempt at a step, SCHEDULED."""
    return TaskExecutionRecord(
        id=id,
        account_id=execution.job_account_id,
        job_execution_id=execution.id,
        task_id=task_id,
        type=type,
        path=path,
        attempt=1,
        status="SCHEDULED",
        input=given,
        output=EMPTY,
        failure=None,
        warning=None,
        progress=None,
        worker_id=None,
        claim_id=None,
        lease=None,
        lease_ms=None,
        lease_expires_at=None,
        created_at=now,
        updated_at=now,
        available_at=None,
        poll_timeout_at=None,
        started_at=None,
        timeout_at=None,
        ended_at=None,
        timer_at=None,
        traceparent=execution.traceparent,
    )


def make_ready(waiting: TaskExecutionRecord, task: TaskDefinition, now: int) -> TaskExecutionRecord:
    """A SCHEDULED task execution that can be claimed from now on."""
    poll_timeout_at = now + task.poll_timeout_seconds * 1000 if task.poll_timeout_seconds else None
    return replace(
        waiting, available_at=None, poll_timeout_at=poll_timeout_at, timer_at=poll_timeout_at, updated_at=now
    )


def retried(failed: TaskExecutionRecord, task: TaskDefinition, id: str, now: int) -> TaskExecutionRecord:
    """The next attempt, with the same input: at once, or after the task's delay."""
    delay = retry_delay_ms(task, failed.attempt)
    again = replace(
        failed,
        id=id,
        attempt=failed.attempt + 1,
        status="SCHEDULED",
        output=EMPTY,
        failure=None,
        warning=None,
        progress=None,
        worker_id=None,
        claim_id=None,
        lease=None,
        lease_ms=None,
        created_at=now,
        updated_at=now,
        started_at=None,
        ended_at=None,
    )
    return postponed(again, now + delay, now) if delay else make_ready(again, task, now)


def postponed(row: TaskExecutionRecord, at: int, now: int) -> TaskExecutionRecord:
    """A task execution that goes on at a time."""
    return replace(row, available_at=at, timer_at=at, updated_at=now)


def under_way(row: TaskExecutionRecord, output: str, now: int) -> TaskExecutionRecord:
    """A step of control flow that waits for others to end."""
    started_at = now if row.started_at is None else row.started_at
    return replace(
        row,
        status="IN_PROGRESS",
        output=output,
        started_at=started_at,
        available_at=None,
        timer_at=None,
        updated_at=now,
    )


def ended(
    record: TaskExecutionRecord,
    status: TaskExecutionStatus,
    now: int,
    output: str | None = None,
    failure: str | None = None,
) -> TaskExecutionRecord:
    """A task execution at its end. Control flow has not waited for anybody to start it."""
    started_at = now if record.started_at is None and not record.task_id else record.started_at
    return replace(
        record,
        status=status,
        output=record.output if output is None else output,
        failure=failure,
        updated_at=now,
        started_at=started_at,
        ended_at=now,
        available_at=None,
        poll_timeout_at=None,
        lease_expires_at=None,
        timeout_at=None,
        timer_at=None,
        paused_at=None,
    )
