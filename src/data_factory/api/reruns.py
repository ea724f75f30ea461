"""Job executions run again: from their beginning, or from where they failed."""

from __future__ import annotations

from typing import Final, get_args

from data_factory.api.call import Call
from data_factory.api.presenting import Wire, present_job_execution, present_retry_plan
from data_factory.api.routing import Query, Routes
from data_factory.model.errors import (
    FieldError,
    FileGone,
    IdempotencyKeyReused,
    Invalid,
    JobExecutionNotEnded,
    JobInactive,
    NotFound,
    NothingToRetry,
    TaskGone,
    VersionMismatch,
)
from data_factory.model.records import JobExecutionRecord
from data_factory.model.requests import RerunRequest, VersionChoice
from data_factory.model.resources import JobExecution, RetryPlan

routes: Final = Routes("Reruns and retries")

_CHOICES: Final[tuple[VersionChoice, ...]] = get_args(VersionChoice)
_VERSION: Final = Query(
    "version", "Which version of the job.", {"type": "string", "enum": list(_CHOICES), "default": "same"}
)


@routes.post(
    "/job_executions/{id}/rerun",
    body=RerunRequest,
    body_optional=True,
    answer=JobExecution,
    status=201,
    errors=(NotFound, JobInactive, FileGone, TaskGone, IdempotencyKeyReused),
    idempotent=True,
)
async def rerun(call: Call, body: RerunRequest) -> Wire:
    """Run a job again with the input of a job execution: a new one, in the same version or in the latest."""
    made = await call.platform.reruns.rerun(
        call.account_id, call.path["id"], body.version, call.actor, call.idempotency()
    )
    return await _linked(call, made)


@routes.get(
    "/job_executions/{id}/retry",
    answer=RetryPlan,
    query=(_VERSION,),
    errors=(NotFound, JobExecutionNotEnded, NothingToRetry, VersionMismatch, FileGone, TaskGone),
)
async def plan_retry(call: Call) -> Wire:
    """Say what a retry would take over with its outputs, and what would run again. Nothing is done."""
    return present_retry_plan(await call.platform.reruns.plan_retry(call.account_id, call.path["id"], _version(call)))


@routes.post(
    "/job_executions/{id}/retry",
    body=RerunRequest,
    body_optional=True,
    answer=JobExecution,
    status=201,
    errors=(
        NotFound,
        JobExecutionNotEnded,
        NothingToRetry,
        VersionMismatch,
        FileGone,
        TaskGone,
        JobInactive,
        IdempotencyKeyReused,
    ),
    idempotent=True,
)
async def retry(call: Call, body: RerunRequest) -> Wire:
    """Go on where a job execution failed: a new one, which takes over what has completed, with its outputs."""
    made = await call.platform.reruns.retry(
        call.account_id, call.path["id"], body.version, call.actor, call.idempotency()
    )
    return await _linked(call, made)


async def _linked(call: Call, execution: JobExecutionRecord) -> Wire:
    return present_job_execution(execution, await call.platform.reruns.links([execution.id]))


def _version(call: Call) -> VersionChoice:
    given = call.query("version") or "same"
    for choice in _CHOICES:
        if given == choice:
            return choice
    raise Invalid(errors=(FieldError("version", f"is not one of {', '.join(_CHOICES)}"),))
