"""Job executions: launched, watched, canceled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from data_factory.api.bodies import encode
from data_factory.api.call import Call
from data_factory.api.finding import SORTING, find_executions, is_sorted
from data_factory.api.presenting import (
    Wire,
    present_file,
    present_job_execution,
    present_task_execution,
    present_told,
    present_why,
)
from data_factory.api.routing import PAGING, Query, Routes
from data_factory.model.criteria import Criterion
from data_factory.model.errors import (
    FieldError,
    IdempotencyKeyReused,
    Invalid,
    JobExecutionEnded,
    JobInactive,
    NoSecretKey,
    NotFound,
)
from data_factory.model.file_values import names_files, with_files
from data_factory.model.records import FileRecord
from data_factory.model.requests import CancelRequest, LaunchRequest
from data_factory.model.resources import Happening, JobExecution, Page, TaskExecution, Why
from data_factory.model.traces import traceparent_of
from data_factory.service.commands import Cancel, Launch
from data_factory.service.timeline import place_cursor

routes: Final = Routes("Job executions")


@routes.post(
    "/job_executions",
    body=LaunchRequest,
    answer=JobExecution,
    status=201,
    errors=(JobInactive, NoSecretKey, IdempotencyKeyReused),
    idempotent=True,
    waits=True,
)
async def launch(call: Call, body: LaunchRequest) -> Wire:
    """Run a job, when its pipeline has a free slot; with `Prefer: wait=…`, the answer is as `GET` gives it then."""
    given = encode({name: value for name, value in body.input.items() if name != "context"})
    known: dict[str, FileRecord] = {}
    if ids := names_files(given):
        known = await call.platform.files.known(call.account_id, ids)
        given = _with_files(call, given, known)
    id = call.platform.new_id()
    told = call.platform.webhooks.of_launch(call.account_id, id, body.webhook) if body.webhook else None
    by = call.actor
    command = Launch(
        id=id,
        account_id=call.account_id,
        job_id=body.job_id,
        input=given,
        title=body.info.title,
        origin=by.origin,
        launched_by=by.key_id,
        launched_from=by.address or None,
        file_ids=frozenset(known),
        idempotency=call.idempotency(),
        webhook=told,
        priority=body.priority,
        start_at=None if body.start_at is None else round(body.start_at.timestamp() * 1000),
        traceparent=traceparent_of(call.header(b"traceparent")),
    )
    if not (wait := call.wait()):
        return present_job_execution(await call.platform.executions.launch(command))
    async with call.presence(wait) as presence:
        return present_job_execution(await call.platform.executions.launch(command, wait, presence))


@routes.get(
    "/job_executions",
    answer=Page[JobExecution],
    query=(
        *PAGING,
        *SORTING,
        Query("jobId", "Only those of this job."),
        Query("pipelineId", "Only those of this pipeline."),
        Query("status", "Only those with this status, or one of these, with commas between them."),
    ),
)
async def list_job_executions(call: Call) -> Wire:
    """List the job executions, newest first."""
    asked = [
        Criterion(type="in", field=name, value=value.split(","))
        for name in ("status", "jobId", "pipelineId")
        if (value := call.query(name)) is not None
    ]
    if is_sorted(call) or any(one.field != "jobId" for one in asked):
        try:
            return await find_executions(call, Criterion(type="and", queries=tuple(asked)) if asked else Criterion())
        except Invalid as error:
            raise Invalid(errors=tuple(_of_parameter(one, asked) for one in error.errors)) from None
    found = await call.platform.executions.job_executions(call.account_id, call.part(), call.query("jobId"))
    return call.listed(found, present_job_execution, lambda execution: str(execution.id))


def _of_parameter(error: FieldError, asked: list[Criterion]) -> FieldError:
    """What is wrong with a criterion that was made of a parameter, as what is wrong with that."""
    place = re.match(r"queries\[(\d+)\]", error.path)
    return error if place is None else FieldError(str(asked[int(place[1])].field), error.message)


@routes.get("/job_executions/{id}", answer=JobExecution, errors=(NotFound,), waits=True)
async def get_job_execution(call: Call) -> Wire:
    """Get a job execution; with `Prefer: wait=…`, as it is once it has ended, if it does within that time."""
    wait = call.wait()
    async with call.presence(wait) as presence:
        found = await call.platform.executions.job_execution(call.account_id, call.path["id"], wait, presence)
    links = await call.platform.reruns.links([found.id])
    return present_job_execution(found, links)


@routes.get("/job_executions/{id}/task_executions", answer=Page[TaskExecution], query=PAGING, errors=(NotFound,))
async def list_task_executions(call: Call) -> Wire:
    """List the task executions of a job execution, oldest first."""
    found = await call.platform.executions.task_executions(call.account_id, call.path["id"], call.part())
    return call.listed(found, present_task_execution, lambda execution: str(execution.id))


@routes.get("/job_executions/{id}/why", answer=Why, errors=(NotFound,))
async def explain_job_execution(call: Call) -> Wire:
    """Say why a job execution stands where it does: what it waits for, or who is at work on it."""
    return present_why(*await call.platform.executions.why(call.account_id, call.path["id"]))


@routes.get("/job_executions/{id}/timeline", answer=Page[Happening], query=PAGING, errors=(NotFound,))
async def tell_timeline(call: Call) -> Wire:
    """Tell what happened in a job execution, oldest first: who launched it, what each task did, how it ended."""
    found = await call.platform.executions.timeline(call.account_id, call.path["id"], call.part())
    return call.listed(found, lambda one: present_told(one[1]), lambda one: place_cursor(one[0]))


@routes.post(
    "/job_executions/{id}/cancel",
    body=CancelRequest,
    body_optional=True,
    answer=JobExecution,
    errors=(NotFound, JobExecutionEnded),
)
async def cancel(call: Call, body: CancelRequest) -> Wire:
    """End a job execution before its time: it is TERMINATED, and its slot is free at once."""
    command = Cancel(account_id=call.account_id, id=call.path["id"], reason=body.reason, by=call.actor)
    return present_job_execution(await call.platform.executions.cancel(command))


def _with_files(call: Call, input: str, known: Mapping[str, FileRecord]) -> str:
    """An input in which each file of the account that it names is presented. Others may be another server's."""
    shown = {id: present_file(file, call.origin) for id, file in known.items()}
    return encode(with_files(msgspec.json.decode(input), shown))
