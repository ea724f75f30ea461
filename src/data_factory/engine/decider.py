"""What follows from an event on a job execution: pure functions of (state, event, now).

Each takes a `Run`, what is known of one job execution, and gives the records that are new or changed. Whoever calls
them loads the run before and keeps the records after; nothing here reads a clock or a store.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from data_factory.engine.expressions import Template, ValueTooLarge
from data_factory.engine.graph import Graph, reference_of
from data_factory.engine.retry import retries_left, retry_delay_ms
from data_factory.model.definitions import TaskDefinition
from data_factory.model.errors import JobExecutionEnded
from data_factory.model.ids import NewId
from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord
from data_factory.model.resources import Failure
from data_factory.model.status import JOB_EXECUTION_ENDED, TASK_EXECUTION_ENDED, JobExecutionStatus, TaskExecutionStatus

MAX_PAYLOAD_BYTES: Final = 10 * 1024 * 1024
"""The largest input or output, as JSON."""

EMPTY: Final = "{}"

_TOO_LARGE: Final = f"is larger than {MAX_PAYLOAD_BYTES} bytes, or nested too deeply"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode


class Run(msgspec.Struct):
    """What is known of one job execution when something happens to it.

    `results` holds, by path, the task executions that the next step may read (`Graph.reads_after`).
    """

    execution: JobExecutionRecord
    graph: Graph
    tasks: Mapping[str, TaskDefinition]
    results: Mapping[str, TaskExecutionRecord]


class Outcome(msgspec.Struct):
    """The job execution as it is now, and the task executions that are new or changed."""

    execution: JobExecutionRecord
    task_executions: list[TaskExecutionRecord]


def start(run: Run, now: int, new_id: NewId) -> Outcome:
    """A PENDING execution gets a slot: it is RUNNING, and its first task is scheduled."""
    timeout = run.graph.timeout_ms
    run.execution = replace(
        run.execution, status="RUNNING", started_at=now, deadline_at=None if timeout is None else now + timeout
    )
    outcome = Outcome(run.execution, [])
    _enter(run, outcome, run.graph.first, now, new_id)
    return outcome


def complete(run: Run, held: TaskExecutionRecord, output: str, now: int, new_id: NewId) -> Outcome:
    """A worker has done its task: the job goes on."""
    outcome = Outcome(run.execution, [])
    _leave(run, outcome, _ended(held, "COMPLETED", now, output=output), now, new_id)
    return outcome


def fail(
    run: Run, held: TaskExecutionRecord, status: TaskExecutionStatus, output: str, now: int, new_id: NewId
) -> Outcome:
    """A worker says that its task failed: it is retried, or passed over if optional, or it ends the job."""
    failure = Failure(code="task_failed", message=_message_of(output))
    outcome = Outcome(run.execution, [])
    _fail(run, outcome, _ended(held, status, now, output=output), failure, now, new_id)
    return outcome


def expire(run: Run, due: TaskExecutionRecord, now: int, new_id: NewId) -> Outcome:
    """A timer of a task execution came due: it becomes available, or it timed out."""
    outcome = Outcome(run.execution, [])
    task = run.tasks[due.task_id]
    if due.timer_at is None or due.timer_at > now:
        return outcome
    match due.timer_at:  # what came due first, however late this is: a lease that ended before the timeout counts
        case due.available_at:
            outcome.task_executions.append(make_ready(due, task, now))
        case due.poll_timeout_at:
            message = f"No worker claimed it within its pollTimeoutSeconds ({task.poll_timeout_seconds})."
            _time_out(run, outcome, due, Failure(code="poll_timeout", message=message), now, new_id)
        case due.timeout_at:
            message = f"It ran longer than its timeoutSeconds ({task.timeout_seconds})."
            _time_out(run, outcome, due, Failure(code="timeout", message=message), now, new_id)
        case due.lease_expires_at:
            seconds = (due.lease_ms or 0) / 1000
            failure = Failure(code="lease_expired", message=f"Its worker gave no sign of life for {seconds:g} seconds.")
            _fail(run, outcome, _ended(due, "TIMED_OUT", now), failure, now, new_id)
    return outcome


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


def make_ready(waiting: TaskExecutionRecord, task: TaskDefinition, now: int) -> TaskExecutionRecord:
    """A SCHEDULED task execution that can be claimed from now on."""
    poll_timeout_at = now + task.poll_timeout_seconds * 1000 if task.poll_timeout_seconds else None
    return replace(
        waiting, available_at=None, poll_timeout_at=poll_timeout_at, timer_at=poll_timeout_at, updated_at=now
    )


def _enter(run: Run, outcome: Outcome, path: str | None, now: int, new_id: NewId) -> None:
    """Schedule the step at this path, or end the job when there is none."""
    if path is None:
        _end(run, outcome, "COMPLETED", None, now)
        return
    step = run.graph.step(path)
    given = run.execution.input if step.template is None else _evaluate(run, step.template, path)
    scheduled = _scheduled(run.execution, step.task_id, path, given or EMPTY, now, new_id)
    if given is not None:
        outcome.task_executions.append(make_ready(scheduled, run.tasks[step.task_id], now))
        return
    failure = Failure(code="input_too_large", message=f"Its input {_TOO_LARGE}.")
    ended = _ended(scheduled, "FAILED_WITH_TERMINAL_ERROR", now, failure=_json(failure))
    outcome.task_executions.append(ended)
    # The job's `output` is not evaluated: what it reads was not loaded, since this end could not be foreseen.
    _close(run, outcome, "FAILED", EMPTY, _caused_by(ended, failure), now)


def _leave(run: Run, outcome: Outcome, ended: TaskExecutionRecord, now: int, new_id: NewId) -> None:
    """A step is done: go on with the one that follows."""
    after = run.graph.after(ended.path)
    outcome.task_executions.append(ended)
    run.results = {**run.results, ended.path: ended}
    if after is None and run.graph.output is None:
        outcome.execution = run.execution = replace(run.execution, output=ended.output)
    _enter(run, outcome, after, now, new_id)


def _time_out(run: Run, outcome: Outcome, late: TaskExecutionRecord, failure: Failure, now: int, new_id: NewId) -> None:
    """A timeout that follows the task's `timeoutPolicy` (Conductor, `timeoutTaskWithTimeoutPolicy`)."""
    match run.tasks[late.task_id].timeout_policy:
        case "ALERT_ONLY":
            alerted = replace(late, warning=_json(failure), poll_timeout_at=None, timeout_at=None, updated_at=now)
            outcome.task_executions.append(replace(alerted, timer_at=alerted.lease_expires_at))
        case "RETRY":
            _fail(run, outcome, _ended(late, "TIMED_OUT", now), failure, now, new_id)
        case "TIME_OUT_WF":
            _give_up(run, outcome, _ended(late, "TIMED_OUT", now, failure=_json(failure)), failure, now)


def _fail(run: Run, outcome: Outcome, ended: TaskExecutionRecord, failure: Failure, now: int, new_id: NewId) -> None:
    """An attempt failed or timed out: retry it, pass over it, or end the job."""
    task = run.tasks[ended.task_id]
    step = run.graph.step(ended.path)
    ended = replace(ended, failure=_json(failure))
    if ended.status != "FAILED_WITH_TERMINAL_ERROR" and retries_left(task, ended.attempt):
        outcome.task_executions += [ended, _retry(ended, task, now, new_id)]
    elif step.optional:
        _leave(run, outcome, replace(ended, status="COMPLETED_WITH_ERRORS"), now, new_id)
    else:
        _give_up(run, outcome, ended, failure, now)


def _give_up(run: Run, outcome: Outcome, ended: TaskExecutionRecord, failure: Failure, now: int) -> None:
    """The job execution ends with the task that failed or timed out."""
    outcome.task_executions.append(ended)
    run.results = {**run.results, ended.path: ended}
    if run.graph.output is None:
        run.execution = replace(run.execution, output=ended.output)
    status: JobExecutionStatus = "TIMEDOUT" if ended.status == "TIMED_OUT" else "FAILED"
    if ended.status == "FAILED_WITH_TERMINAL_ERROR" and _decode(ended.output).get("errorType") == "USER_ERROR":
        status = "USER_ERROR"
    _end(run, outcome, status, _caused_by(ended, failure), now)


def _end(run: Run, outcome: Outcome, status: JobExecutionStatus, failure: Failure | None, now: int) -> None:
    """The job execution ends; its `output` template is evaluated, if it has one."""
    output = run.execution.output if run.graph.output is None else _evaluate(run, run.graph.output, "")
    if output is None and failure is None:
        status, failure = "FAILED", Failure(code="output_too_large", message=f"Its output {_TOO_LARGE}.")
    _close(run, outcome, status, output or EMPTY, failure, now)


def _close(
    run: Run, outcome: Outcome, status: JobExecutionStatus, output: str, failure: Failure | None, now: int
) -> None:
    run.execution = replace(
        run.execution,
        status=status,
        output=output,
        failure=None if failure is None else _json(failure),
        ended_at=now,
        deadline_at=None,
    )
    outcome.execution = run.execution


def _stop(
    execution: JobExecutionRecord,
    active: Iterable[TaskExecutionRecord],
    status: JobExecutionStatus,
    failure: Failure,
    now: int,
) -> Outcome:
    """End a job execution from outside: what is waiting or running is canceled."""
    canceled = [_ended(one, "CANCELED", now) for one in active if one.status not in TASK_EXECUTION_ENDED]
    ended = replace(execution, status=status, failure=_json(failure), ended_at=now, deadline_at=None)
    return Outcome(ended, canceled)


def _scheduled(
    execution: JobExecutionRecord, task_id: str, path: str, given: str, now: int, new_id: NewId
) -> TaskExecutionRecord:
    return TaskExecutionRecord(
        id=new_id(),
        account_id=execution.account_id,
        job_execution_id=execution.id,
        task_id=task_id,
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
    )


def _retry(failed: TaskExecutionRecord, task: TaskDefinition, now: int, new_id: NewId) -> TaskExecutionRecord:
    """The next attempt, with the same input: at once, or after the task's delay."""
    delay = retry_delay_ms(task, failed.attempt)
    again = replace(
        failed,
        id=new_id(),
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
    return replace(again, available_at=now + delay, timer_at=now + delay) if delay else make_ready(again, task, now)


def _ended(
    record: TaskExecutionRecord,
    status: TaskExecutionStatus,
    now: int,
    output: str | None = None,
    failure: str | None = None,
) -> TaskExecutionRecord:
    return replace(
        record,
        status=status,
        output=record.output if output is None else output,
        failure=failure,
        updated_at=now,
        ended_at=now,
        available_at=None,
        poll_timeout_at=None,
        lease_expires_at=None,
        timeout_at=None,
        timer_at=None,
    )


def _caused_by(ended: TaskExecutionRecord, failure: Failure) -> Failure:
    return replace(failure, task_reference_name=ended.path, task_execution_id=ended.id)


def _evaluate(run: Run, template: Template, path: str) -> str | None:
    """The value, as JSON, of a template that stands at this path (the job's output: at `""`).

    None when it is too large or too deep to be kept.
    """
    known = len(run.execution.input) + len(run.execution.output)
    known += sum(len(result.input) + len(result.output) for result in run.results.values())
    size = MAX_PAYLOAD_BYTES if known * template.copies > MAX_PAYLOAD_BYTES else sys.maxsize
    try:
        scope: dict[str, Any] = {
            reference_of(read): _as_scope(run.results[read])
            for read in run.graph.reads_of(template, path)
            if read in run.results
        }
        if template.reads_workflow or template.reads_all:
            scope["workflow"] = _workflow_scope(run.execution)
        value = _json(template.resolve(scope, size))
    except (RecursionError, ValueTooLarge):
        return None
    return value if len(value) <= MAX_PAYLOAD_BYTES else None


def _workflow_scope(execution: JobExecutionRecord) -> dict[str, Any]:
    return {
        "input": {**_decode(execution.input), "context": execution.context},
        "output": _decode(execution.output),
        "status": execution.status,
        "workflowId": execution.id,
        "correlationId": execution.id,
        "workflowType": execution.job_id,
        "version": execution.job_version,
        "startTime": execution.started_at,
    }


def _as_scope(record: TaskExecutionRecord) -> dict[str, Any]:
    failure = _decode(record.failure) if record.failure else None
    return {
        "input": _decode(record.input),
        "output": _decode(record.output),
        "status": record.status,
        "taskId": record.id,
        "retryCount": record.attempt - 1,
        "startTime": record.started_at,
        "endTime": record.ended_at,
        "reasonForIncompletion": failure["message"] if failure else None,
    }


def _message_of(output: str) -> str:
    """The reason that a worker gave: `output.message`, by the convention of the platform's workers."""
    message = _decode(output).get("message")
    return message if isinstance(message, str) and message else "The worker reported that it failed."


def _json(value: Any) -> str:
    return _encode(value).decode()
