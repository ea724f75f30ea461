"""Calls that run job executions again."""

from __future__ import annotations

from data_factory.client.call import Call
from data_factory.client.calls.parts import keyed, path_of
from data_factory.model.requests import RerunRequest, VersionChoice
from data_factory.model.resources import JobExecution, RetryPlan


def rerun_job_execution(
    job_execution_id: str, *, version: VersionChoice = "same", idempotency_key: str | None = None
) -> Call[JobExecution]:
    """Run a job again with the input of a job execution, in the same version of it or in the latest.

    >>> client.job_executions.rerun(execution.id, version="latest")  # doctest: +SKIP
    """
    return _again(job_execution_id, "rerun", version, idempotency_key)


def plan_retry(job_execution_id: str, *, version: VersionChoice = "same") -> Call[RetryPlan]:
    """What a retry of a job execution would take over, and what it would run again. Nothing is done."""
    path = path_of("job_executions", job_execution_id, "retry")
    return Call(method="GET", path=path, params={"version": version}, result=RetryPlan)


def retry_job_execution(
    job_execution_id: str, *, version: VersionChoice = "same", idempotency_key: str | None = None
) -> Call[JobExecution]:
    """Go on where a job execution failed, in a new one that takes over what has completed.

    >>> client.job_executions.retry(execution.id)  # doctest: +SKIP
    """
    return _again(job_execution_id, "retry", version, idempotency_key)


def _again(id: str, verb: str, version: VersionChoice, idempotency_key: str | None) -> Call[JobExecution]:
    return Call(
        method="POST",
        path=path_of("job_executions", id, verb),
        body=RerunRequest(version=version),
        result=JobExecution,
        headers=keyed(idempotency_key),
        repeat="keyed",
    )
