"""What follows from an event on a job execution: pure functions of (state, event, now).

Each takes a `Run`, what is known of one job execution, and gives the records that are new or changed. Whoever calls
them loads the run before and keeps the records after; nothing here reads a clock or a store. Where a run has too
little, they raise `Needs`, and are to be called again with more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from data_factory.engine.attempts import EMPTY, ended, make_ready
from data_factory.engine.resumption import Resumption
from data_factory.engine.run import Outcome, Run
from data_factory.engine.walk import Walk
from data_factory.model.errors import JobExecutionEnded
from data_factory.model.ids import NewId
from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord
from data_factory.model.resources import Failure
from data_factory.model.status import JOB_EXECUTION_ENDED, TASK_EXECUTION_ENDED, JobExecutionStatus, TaskExecutionStatus


def start(run: Run, now: int, new_id: NewId) -> Outcome:
    """A PENDING execution gets a slot: it is RUNNING, and its first task is scheduled, or those at which it goes on."""
    timeout = run.graph.timeout_ms
    run.execution = replace(
        run.execution, status="RUNNING", started_at=now, deadline_at=None if timeout is None else now + timeout
    )
    walk = _walk_of(run, now, new_id)
    return walk.go_on() if isinstance(walk, Resumption) else walk.go(run.graph.first)


def complete(run: Run, held: TaskExecutionRecord, output: str, now: int, new_id: NewId) -> Outcome:
    """A worker, or a person, has done what was asked: the job goes on."""
    walk = _walk_of(run, now, new_id)
    return walk.go(walk.leave(ended(held, "COMPLETED", now, output=output)))


def fail(
    run: Run, held: TaskExecutionRecord, status: TaskExecutionStatus, output: str, now: int, new_id: NewId
) -> Outcome:
    """A worker, or a person, says that it failed: it is retried, or passed over if optional, or it ends the job."""
    failure = Failure(code="task_failed", message=_message_of(output))
    walk = _walk_of(run, now, new_id)
    return walk.go(walk.fail(ended(held, status, now, output=output), failure))


def skip(run: Run, waiting: TaskExecutionRecord, output: str | None, now: int, new_id: NewId) -> Outcome:
    """Somebody has what waits passed over: the job goes on as if it had COMPLETED with this output."""
    walk = _walk_of(run, now, new_id)
    return walk.go(walk.leave(ended(waiting, "SKIPPED", now, output=EMPTY if output is None else output)))


def refuse(run: Run, row: TaskExecutionRecord, failure: Failure, now: int, new_id: NewId) -> Outcome:
    """The platform could not do what a step of control flow says: it is passed over if optional, or ends the job."""
    walk = _walk_of(run, now, new_id)
    return walk.go(walk.fail(ended(row, "FAILED", now), failure))


def expire(run: Run, due: TaskExecutionRecord, now: int, new_id: NewId) -> Outcome:
    """A timer of a task execution came due: it becomes available, or it timed out; control flow goes on."""
    walk = _walk_of(run, now, new_id)
    if due.timer_at is None or due.timer_at > now:
        return walk.outcome
    if not due.task_id:
        return walk.go(walk.carry_out(due))
    task = walk.definition(due.task_id)
    times = (due.available_at, due.poll_timeout_at, due.timeout_at, due.lease_expires_at)
    # What came due first, however late this is: a lease that ended before the timeout counts.
    match min(time for time in times if time is not None):
        case due.available_at:
            walk.put(make_ready(due, task, now))
        case due.poll_timeout_at:
            message = f"No worker claimed it within its pollTimeoutSeconds ({task.poll_timeout_seconds})."
            return _time_out(walk, due, Failure(code="poll_timeout", message=message), now)
        case due.timeout_at:
            message = f"It ran longer than its timeoutSeconds ({task.timeout_seconds})."
            return _time_out(walk, due, Failure(code="timeout", message=message), now)
        case due.lease_expires_at:
            seconds = (due.lease_ms or 0) / 1000
            failure = Failure(code="lease_expired", message=f"Its worker gave no sign of life for {seconds:g} seconds.")
            return walk.go(walk.fail(ended(due, "TIMED_OUT", now), failure))
    return walk.outcome


def expire_job(run: Run, active: Iterable[TaskExecutionRecord], now: int) -> Outcome:
    """A job execution ran longer than its `timeoutSeconds`."""
    seconds = (run.graph.timeout_ms or 0) // 1000
    failure = Failure(code="job_timeout", message=f"It ran longer than its timeoutSeconds ({seconds}).")
    return _stop(run.execution, active, "TIMEDOUT", failure, now)


def cancel(execution: JobExecutionRecord, active: Iterable[TaskExecutionRecord], reason: str, now: int) -> Outcome:
    """A user ends a job execution.

    Raises:
        JobExecutionEnded: it ended before, in another way than by a cancel.
    """
    if execution.status == "TERMINATED":
        return Outcome(execution, [])
    if execution.status in JOB_EXECUTION_ENDED:
        raise JobExecutionEnded(f"The job execution has already ended: it is {execution.status}.")
    failure = Failure(code="canceled", message=reason or "It was canceled.")
    return _stop(execution, active, "TERMINATED", failure, now)


def abandon(
    execution: JobExecutionRecord, active: Iterable[TaskExecutionRecord], failure: Failure, now: int
) -> Outcome:
    """The platform itself cannot go on with a job execution: it FAILED, whatever it was doing."""
    started_at = now if execution.started_at is None else execution.started_at
    return _stop(replace(execution, started_at=started_at), active, "FAILED", failure, now)


def _walk_of(run: Run, now: int, new_id: NewId) -> Walk:
    return Resumption(run, now, new_id) if run.execution.origin == "RETRY" else Walk(run, now, new_id)


def _time_out(walk: Walk, late: TaskExecutionRecord, failure: Failure, now: int) -> Outcome:
    """A timeout that follows the task's `timeoutPolicy` (Conductor, `timeoutTaskWithTimeoutPolicy`)."""
    match walk.definition(late.task_id).timeout_policy:
        case "ALERT_ONLY":
            alerted = replace(late, warning=_json(failure), poll_timeout_at=None, timeout_at=None, updated_at=now)
            walk.put(replace(alerted, timer_at=alerted.lease_expires_at))
        case "RETRY":
            return walk.go(walk.fail(ended(late, "TIMED_OUT", now), failure))
        case "TIME_OUT_WF":
            walk.end_with(ended(late, "TIMED_OUT", now), failure)
    return walk.outcome


def _stop(
    execution: JobExecutionRecord,
    active: Iterable[TaskExecutionRecord],
    status: JobExecutionStatus,
    failure: Failure,
    now: int,
) -> Outcome:
    """End a job execution from outside: what is waiting or running is canceled."""
    canceled = [ended(one, "CANCELED", now) for one in active if one.status not in TASK_EXECUTION_ENDED]
    stopped = replace(execution, status=status, failure=_json(failure), ended_at=now, deadline_at=None, pause=None)
    return Outcome(stopped, canceled)


def _message_of(output: str) -> str:
    """The reason that was given: `output.message`, by the convention of the platform's workers."""
    message = msgspec.json.decode(output).get("message")
    return message if isinstance(message, str) and message else "It was reported that it failed."


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
