"""The calls of task executions: what workers ask for and report, and how people answer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from data_factory.client.call import Call, Listing, Pages
from data_factory.client.calls.parts import path_of, prefer
from data_factory.model.requests import ClaimRequest, ReportBody, ReportRequest, TaskExecutionPatch
from data_factory.model.resources import Claimed, Reported, TaskExecution


def get_task_execution(task_execution_id: str) -> Call[TaskExecution]:
    """The task execution with this id."""
    return Call(method="GET", path=path_of("task_executions", task_execution_id), result=TaskExecution)


def patch_task_execution(task_execution_id: str, patch: TaskExecutionPatch | Mapping[str, Any]) -> Call[TaskExecution]:
    """Report on one task execution: its result, or `IN_PROGRESS` as a heartbeat."""
    return Call(method="PATCH", path=path_of("task_executions", task_execution_id), body=patch, result=TaskExecution)


def claim(
    task_ids: Sequence[str],
    *,
    limit: int = 1,
    wait: float = 0,
    lease_seconds: int = 60,
    worker_id: str | None = None,
    request_id: str | None = None,
) -> Call[Claimed]:
    """Claim up to `limit` waiting executions of these tasks; wait up to `wait` seconds for the first.

    With a `request_id` the claim can be repeated when its answer was lost: it is given the same executions.
    """
    request = ClaimRequest(
        task_ids=tuple(task_ids),
        limit=limit,
        worker_id=worker_id,
        request_id=request_id or secrets.token_hex(16),
        lease_seconds=lease_seconds,
    )
    return Call(
        method="POST",
        path=path_of("task_executions", "claim"),
        body=request,
        result=Claimed,
        headers=prefer(wait),
        wait=wait,
    )


def report(reports: Sequence[ReportBody], *, claim: ClaimRequest | None = None) -> Call[Reported]:
    """Report on many task executions, and claim the next ones in the same call; it can be repeated."""
    request = ReportRequest(reports=tuple(reports), claim=claim)
    repeatable = claim is None or claim.request_id is not None
    return Call(
        method="POST",
        path=path_of("task_executions", "report"),
        body=request,
        result=Reported,
        repeat="always" if repeatable else "unsent",
    )


def complete_task_execution(task_execution_id: str, output: Mapping[str, Any] | None = None) -> Call[TaskExecution]:
    """Answer a HUMAN task that waits, with its output: the job goes on. It can be repeated."""
    return _answer(task_execution_id, TaskExecutionPatch(status="COMPLETED", output=dict(output or {})))


def fail_task_execution(task_execution_id: str, message: str) -> Call[TaskExecution]:
    """Answer a HUMAN task that waits: it has failed, and why. It can be repeated."""
    return _answer(task_execution_id, TaskExecutionPatch(status="FAILED", output={"message": message}))


def _answer(task_execution_id: str, patch: TaskExecutionPatch) -> Call[TaskExecution]:
    path = path_of("task_executions", task_execution_id)
    return Call(method="PATCH", path=path, body=patch, result=TaskExecution, repeat="always")


def skip_task_execution(task_execution_id: str, output: Mapping[str, Any] | None = None) -> Call[TaskExecution]:
    """Go on as if a task that waits had COMPLETED with this output, or with an empty one."""
    given = {} if output is None else {"output": dict(output)}
    path = path_of("task_executions", task_execution_id, "skip")
    return Call(method="POST", path=path, body=given, result=TaskExecution)


def list_task_executions(job_execution_id: str, *, size: int = 100) -> Pages[TaskExecution]:
    """The task executions of a job execution, oldest first, every attempt of each."""
    return Pages(
        path=path_of("job_executions", job_execution_id, "task_executions"), result=Listing[TaskExecution], size=size
    )
