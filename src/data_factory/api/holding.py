"""Pause, resume and skip: what a person does to executions and pipelines without ending them."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from data_factory.api.bodies import encode
from data_factory.api.call import Call
from data_factory.api.presenting import Wire, present_job_execution, present_pipeline, present_task_execution
from data_factory.api.routing import Routes
from data_factory.model.errors import JobExecutionEnded, NotFound, NotSkippable, TaskExecutionEnded
from data_factory.model.requests import PauseRequest, SkipRequest
from data_factory.model.resources import JobExecution, Pipeline, TaskExecution
from data_factory.service.commands import Hold, HoldPipeline, Skip

job_executions: Final = Routes("Job executions")
pipelines: Final = Routes("Pipelines")
task_executions: Final = Routes("Task executions")


@job_executions.post(
    "/job_executions/{id}/pause",
    body=PauseRequest,
    body_optional=True,
    answer=JobExecution,
    errors=(NotFound, JobExecutionEnded),
)
async def pause(call: Call, body: PauseRequest) -> Wire:
    """Pause a job execution: nothing of it is started until it is resumed; what workers hold goes on."""
    return present_job_execution(await call.platform.executions.hold(_hold(call, body.reason, on=True)))


@job_executions.post("/job_executions/{id}/resume", answer=JobExecution, errors=(NotFound, JobExecutionEnded))
async def resume(call: Call) -> Wire:
    """Let a paused job execution go on."""
    return present_job_execution(await call.platform.executions.hold(_hold(call, "", on=False)))


@pipelines.post("/pipelines/{id}/pause", body=PauseRequest, body_optional=True, answer=Pipeline, errors=(NotFound,))
async def pause_pipeline(call: Call, body: PauseRequest) -> Wire:
    """Pause a pipeline: no job execution is started in it until it is resumed; what runs goes on."""
    command = HoldPipeline(call.account_id, call.path["id"], on=True, by=call.actor, reason=body.reason)
    return present_pipeline(await call.platform.executions.hold_pipeline(command))


@pipelines.post("/pipelines/{id}/resume", answer=Pipeline, errors=(NotFound,))
async def resume_pipeline(call: Call) -> Wire:
    """Let a paused pipeline go on: what waits is started, as far as there are free slots."""
    command = HoldPipeline(call.account_id, call.path["id"], on=False, by=call.actor)
    return present_pipeline(await call.platform.executions.hold_pipeline(command))


@task_executions.post(
    "/task_executions/{id}/skip",
    body=SkipRequest,
    body_optional=True,
    answer=TaskExecution,
    errors=(NotFound, NotSkippable, TaskExecutionEnded),
)
async def skip(call: Call, body: SkipRequest) -> Wire:
    """Skip a task that waits for a worker, a retry, a time or a person: the job goes on as if it had COMPLETED."""
    output = None if body.output is UNSET else encode(body.output)
    command = Skip(call.account_id, call.path["id"], output, by=call.actor)
    return present_task_execution(await call.platform.executions.skip(command))


def _hold(call: Call, reason: str, *, on: bool) -> Hold:
    return Hold(call.account_id, call.path["id"], on=on, by=call.actor, reason=reason)
