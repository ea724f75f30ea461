"""What a pause does: nothing of a job execution is started or comes due any more until it is resumed; what workers hold
goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from data_factory.engine.attempts import make_ready
from data_factory.engine.run import Needs, Outcome
from data_factory.model.definitions import TaskDefinition
from data_factory.model.errors import JobExecutionEnded
from data_factory.model.pauses import Pause, decode_pause
from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord
from data_factory.model.status import JOB_EXECUTION_ENDED, TASK_EXECUTION_ENDED


def pause(execution: JobExecutionRecord, active: Iterable[TaskExecutionRecord], pause: Pause) -> Outcome:
    """Hold a job execution: what waits is not handed out, and what workers hold goes on. Done twice, the first counts.

    Raises:
        JobExecutionEnded: there is nothing to hold any more.
    """
    _must_go_on(execution)
    if execution.pause is not None:
        return Outcome(execution, [])
    held = [hold(row, pause.at) for row in active if row.status not in TASK_EXECUTION_ENDED]
    return Outcome(replace(execution, pause=pause.encoded()), held)


def resume(
    execution: JobExecutionRecord,
    active: Iterable[TaskExecutionRecord],
    tasks: Mapping[str, TaskDefinition],
    now: int,
) -> Outcome:
    """Let a job execution go on. Its own timeout has stood still meanwhile; what should have come due does so now.

    Raises:
        JobExecutionEnded: it does not go on any more.
        Needs: the definition of a task is missing.
    """
    _must_go_on(execution)
    if execution.pause is None:
        return Outcome(execution, [])
    held = [row for row in active if row.paused_at is not None and row.status not in TASK_EXECUTION_ENDED]
    if missing := {row.task_id for row in held if row.task_id} - tasks.keys():
        raise Needs(tasks=frozenset(missing))
    deadline = execution.deadline_at
    if execution.status == "RUNNING" and deadline is not None:
        deadline += max(0, now - decode_pause(execution.pause).at)
    going_on = replace(execution, pause=None, deadline_at=deadline)
    return Outcome(going_on, [_let_go(row, tasks.get(row.task_id), now) for row in held])


def hold(row: TaskExecutionRecord, now: int) -> TaskExecutionRecord:
    """A task execution that has not ended, of a job execution that is paused: with a worker it keeps its lease and its
    timeouts; what waits has no timer."""
    since = now if row.paused_at is None else row.paused_at
    if row.status == "IN_PROGRESS" and row.available_at is None:
        return replace(row, paused_at=since) if row.task_id else row
    return replace(row, paused_at=since, poll_timeout_at=None, timer_at=None)


def _let_go(row: TaskExecutionRecord, task: TaskDefinition | None, now: int) -> TaskExecutionRecord:
    row = replace(row, paused_at=None)
    if row.available_at is not None:  # a wait, or the time before a retry: it has passed, or it is still to come
        return replace(row, timer_at=row.available_at)
    return row if task is None or row.status == "IN_PROGRESS" else make_ready(row, task, now)


def _must_go_on(execution: JobExecutionRecord) -> None:
    if execution.status in JOB_EXECUTION_ENDED:
        raise JobExecutionEnded(f"The job execution has already ended: it is {execution.status}.")
