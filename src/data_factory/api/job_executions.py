"""Job executions: launched, watched, canceled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from data_factory.api.bodies import encode
from data_factory.api.call import Call
from data_factory.api.presenting import Wire, present_file, present_job_execution, present_task_execution, present_why
from data_factory.api.routing import PAGING, Query, Routes
from data_factory.model.errors import IdempotencyKeyReused, JobExecutionEnded, JobInactive, NotFound
from data_factory.model.file_values import names_files, with_files
from data_factory.model.records import FileRecord
from data_factory.model.requests import CancelRequest, LaunchRequest
from data_factory.model.resources import JobExecution, Page, TaskExecution, Why
from data_factory.service.commands import Cancel, Launch

routes: Final = Routes("Job executions")


@routes.post(
    "/job_executions",
    body=LaunchRequest,
    answer=JobExecution,
    status=201,
    errors=(JobInactive, IdempotencyKeyReused),
    idempotent=True,
)
async def launch(call: Call, body: LaunchRequest) -> Wire:
    """Run a job: at once if its pipeline has a free slot, else when its turn comes."""
    given = encode({name: value for name, value in body.input.items() if name != "context"})
    known: dict[str, FileRecord] = {}
    if ids := names_files(given):
        known = await call.platform.files.known(call.account_id, ids)
        given = _with_files(call, given, known)
    execution = await call.platform.executions.launch(
        Launch(
            id=call.platform.new_id(),
            account_id=call.account_id,
            job_id=body.job_id,
            input=given,
            title=body.info.title,
            origin="API",
            launched_by=call.caller.key_id,
            file_ids=frozenset(known),
            idempotency=call.idempotency(),
        )
    )
    return present_job_execution(execution)


@routes.get("/job_executions", answer=Page[JobExecution], query=(*PAGING, Query("jobId", "Only those of this job.")))
async def list_job_executions(call: Call) -> Wire:
    """List the job executions, newest first."""
    found = await call.platform.executions.job_executions(call.account_id, call.part(), call.query("jobId"))
    return call.listed(found, present_job_execution, lambda execution: str(execution.id))


@routes.get("/job_executions/{id}", answer=JobExecution, errors=(NotFound,), waits=True)
async def get_job_execution(call: Call) -> Wire:
    """Get a job execution; with `Prefer: wait=…`, as it is once it has ended, if it does within that time."""
    wait = call.wait()
    async with call.presence(wait) as presence:
        found = await call.platform.executions.job_execution(call.account_id, call.path["id"], wait, presence)
    return present_job_execution(found)


@routes.get("/job_executions/{id}/task_executions", answer=Page[TaskExecution], query=PAGING, errors=(NotFound,))
async def list_task_executions(call: Call) -> Wire:
    """List the task executions of a job execution, oldest first."""
    found = await call.platform.executions.task_executions(call.account_id, call.path["id"], call.part())
    return call.listed(found, present_task_execution, lambda execution: str(execution.id))


@routes.get("/job_executions/{id}/why", answer=Why, errors=(NotFound,))
async def explain_job_execution(call: Call) -> Wire:
    """Say why a job execution stands where it does: what it waits for, or who is at work on it."""
    return present_why(*await call.platform.executions.why(call.account_id, call.path["id"]))


@routes.post(
    "/job_executions/{id}/cancel",
    body=CancelRequest,
    body_optional=True,
    answer=JobExecution,
    errors=(NotFound, JobExecutionEnded),
)
async def cancel(call: Call, body: CancelRequest) -> Wire:
    """End a job execution before its time: it is TERMINATED, and its slot is free at once."""
    command = Cancel(account_id=call.account_id, id=call.path["id"], reason=body.reason)
    return present_job_execution(await call.platform.executions.cancel(command))


def _with_files(call: Call, input: str, known: Mapping[str, FileRecord]) -> str:
    """An input in which each file of the account that it names is presented. Others may be another server's."""
    shown = {id: present_file(file, call.origin) for id, file in known.items()}
    return encode(with_files(msgspec.json.decode(input), shown))
