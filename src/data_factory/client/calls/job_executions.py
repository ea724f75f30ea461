"""The calls of job executions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from data_factory.client.call import Call, Listing, Pages
from data_factory.client.calls.parts import create_one, given, path_of, prefer
from data_factory.client.payload import first_flaw
from data_factory.model.definitions import LaunchWebhook
from data_factory.model.requests import CancelRequest, LaunchInfo, PauseRequest, PurgeRequest
from data_factory.model.resources import Happening, JobExecution, Purge, Why
from data_factory.model.status import JobExecutionEnd


def launch_job(
    job_id: str,
    input: Mapping[str, Any] | None = None,
    *,
    title: str | None = None,
    wait: float = 0,
    webhook: LaunchWebhook | None = None,
    priority: int = 0,
    start_at: datetime | None = None,
    traceparent: str | None = None,
    idempotency_key: str | None = None,
) -> Call[JobExecution]:
    """Run a job with this input. It is launched once, however often the request has to be repeated. With `wait`, the
    answer comes as soon as it has ended, or shows it as it is after so many seconds. A
    `webhook` is told of the end.

    Of those that wait in a pipeline, the highest `priority` (-1000 to 1000) has its turn first. With `start_at` it is
    not started before. `traceparent` (W3C) puts what workers record into a trace of yours.

    Give an `idempotency_key` of your own to make the launch safe across restarts of your program too.

    >>> client.job_executions.launch(job.id, {"power": 10}, idempotency_key="order-4711")  # doctest: +SKIP
    """
    given = dict(input or {})
    if flaw := first_flaw(given, "input"):
        raise ValueError(flaw)
    if start_at is not None and start_at.tzinfo is None:
        raise ValueError("start_at has no time zone")
    # What is not asked for is not said: the hosted platform does not know it.
    more: dict[str, Any] = {"priority": priority} if priority else {}
    more |= {"startAt": start_at} if start_at is not None else {}
    more |= {"webhook": webhook} if webhook is not None else {}
    request = {"jobId": job_id, "input": given, "info": LaunchInfo(title=title), **more}
    launch = create_one("job_executions", request, JobExecution, idempotency_key)
    told = {} if traceparent is None else {"traceparent": traceparent}
    return replace(launch, headers={**launch.headers, **prefer(wait), **told}, wait=wait)


def get_job_execution(job_execution_id: str, *, wait: float = 0) -> Call[JobExecution]:
    """The job execution with this id; with `wait`, as soon as it has ended, or as it is after so many seconds."""
    return Call(
        method="GET",
        path=path_of("job_executions", job_execution_id),
        result=JobExecution,
        headers=prefer(wait),
        wait=wait,
    )


def list_job_executions(
    *, job_id: str | None = None, status: str | None = None, size: int = 100
) -> Pages[JobExecution]:
    """The job executions of the account, or of one job, newest first, read `size` at a time. `status` is the one that
    they have, or those that they may have, with commas between them."""
    params = given(jobId=job_id, status=status)
    return Pages(path=path_of("job_executions"), result=Listing[JobExecution], params=params, size=size)


def cancel_job_execution(job_execution_id: str, *, reason: str = "") -> Call[JobExecution]:
    """End a job execution before its time."""
    return Call(
        method="POST",
        path=path_of("job_executions", job_execution_id, "cancel"),
        body=CancelRequest(reason=reason),
        result=JobExecution,
        repeat="unsent",
    )


def pause_job_execution(job_execution_id: str, *, reason: str = "") -> Call[JobExecution]:
    """Start nothing of a job execution until it is resumed; what workers hold goes on."""
    path = path_of("job_executions", job_execution_id, "pause")
    return Call(method="POST", path=path, body=PauseRequest(reason=reason), result=JobExecution)


def resume_job_execution(job_execution_id: str) -> Call[JobExecution]:
    """Let a paused job execution go on."""
    return Call(method="POST", path=path_of("job_executions", job_execution_id, "resume"), result=JobExecution)


def explain_job_execution(job_execution_id: str) -> Call[Why]:
    """Why a job execution stands where it does: what it waits for, or who is at work on it."""
    return Call(method="GET", path=path_of("job_executions", job_execution_id, "why"), result=Why)


def tell_timeline(job_execution_id: str, *, size: int = 100) -> Pages[Happening]:
    """What happened in a job execution, oldest first: who launched it, each task, who canceled it, how it ended.

    >>> [told.message for told in client.job_executions.timeline(execution.id)]  # doctest: +SKIP
    """
    return Pages(path=path_of("job_executions", job_execution_id, "timeline"), result=Listing[Happening], size=size)


def delete_job_execution(job_execution_id: str) -> Call[JobExecution]:
    """Delete a job execution that has ended, with its task executions and logs."""
    return Call(method="DELETE", path=path_of("job_executions", job_execution_id), result=JobExecution, repeat="unsent")


def purge_job_executions(
    older_than: str, *, statuses: Sequence[JobExecutionEnd] = (), dry_run: bool = False, after: int = 0
) -> Call[Purge]:
    """Delete what ended longer ago than this (`30d`), thousands in a call; go on `after` the `next` of the answer.

    >>> client.job_executions.purge("30d", statuses=["FAILED"], dry_run=True)  # doctest: +SKIP
    """
    body = PurgeRequest(older_than=older_than, statuses=tuple(statuses), dry_run=dry_run, after=after)
    return Call(method="POST", path=path_of("job_executions", "purge"), body=body, result=Purge)
