"""Task executions: claimed, reported on, looked at."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from data_factory.api.bodies import encode
from data_factory.api.call import Call
from data_factory.api.presenting import Wire, iso, present_task_execution
from data_factory.api.routing import Routes
from data_factory.model.actors import SYSTEM
from data_factory.model.errors import (
    DataFactoryError,
    FieldError,
    Invalid,
    LeaseLost,
    NotClaimed,
    NotForWorkers,
    NotFound,
    TaskExecutionCanceled,
    TaskExecutionEnded,
    TaskExecutionTimedOut,
)
from data_factory.model.records import TaskExecutionRecord
from data_factory.model.requests import ClaimRequest, ReportBody, ReportRequest, TaskExecutionPatch
from data_factory.model.resources import Claimed, Reported, TaskExecution
from data_factory.service.commands import Claim, Report

routes: Final = Routes("Task executions")

STALE: Final = (
    NotClaimed,
    NotForWorkers,
    LeaseLost,
    TaskExecutionEnded,
    TaskExecutionTimedOut,
    TaskExecutionCanceled,
)


@routes.get("/task_executions/{id}", answer=TaskExecution, errors=(NotFound,))
async def get_task_execution(call: Call) -> Wire:
    """Get a task execution."""
    return present_task_execution(await call.platform.executions.task_execution(call.account_id, call.path["id"]))


@routes.patch("/task_executions/{id}", body=TaskExecutionPatch, answer=TaskExecution, errors=(NotFound, *STALE))
async def patch_task_execution(call: Call, body: TaskExecutionPatch) -> Wire:
    """Report on a task execution: its end, a heartbeat (IN_PROGRESS), or SCHEDULED to hand it back."""
    id = call.path["id"]
    if body.id not in (None, id):
        raise Invalid(errors=(FieldError("id", "is not the id of the path"),))
    return present_task_execution(await call.platform.executions.report(_report(call, id, body)))


@routes.post("/task_executions/claim", body=ClaimRequest, answer=Claimed, errors=(NotFound,), waits=True)
async def claim_task_executions(call: Call, body: ClaimRequest) -> Wire:
    """Claim waiting executions of many tasks, oldest first; empty when nothing waits."""
    wait = call.wait()
    async with call.presence(wait) as presence:
        taken = await call.platform.executions.claim(_claim(call.account_id, body), wait, presence)
    return {"object": "list", "data": [present_task_execution(one, to_worker=True) for one in taken]}


@routes.post("/task_executions/report", body=ReportRequest, answer=Reported, errors=(NotFound,))
async def report_task_executions(call: Call, body: ReportRequest) -> Wire:
    """Report on many executions, and claim the next ones in the same call."""
    reports = [_report(call, one.id, one) for one in body.reports]
    claim = None if body.claim is None else _claim(call.account_id, body.claim, with_reports=True)
    answers, taken = await call.platform.executions.report_and_claim(reports, claim)
    return {
        "object": "report",
        "results": [_verdict(report.id, answer) for report, answer in zip(reports, answers, strict=True)],
        "claimed": [present_task_execution(one, to_worker=True) for one in taken],
    }


def _claim(account_id: str, body: ClaimRequest, *, with_reports: bool = False) -> Claim:
    return Claim(
        account_id=account_id,
        task_ids=tuple(dict.fromkeys(body.task_ids)),
        limit=body.limit,
        lease_ms=body.lease_seconds * 1000,
        worker_id=body.worker_id,
        claim_id=body.request_id,
        with_reports=with_reports,
    )


def _report(call: Call, id: str, body: ReportBody | TaskExecutionPatch) -> Report:
    return Report(
        account_id=call.account_id,
        id=id,
        status=body.status,
        output=None if body.output is UNSET else encode(body.output),
        lease=body.lease,
        progress=None if body.progress is None else encode(body.progress),
        delay_ms=0 if body.delay_seconds is UNSET else body.delay_seconds * 1000,
        by=call.actor if body.lease is None else SYSTEM,  # who answers a HUMAN has no lease, and workers mostly do
    )


def _verdict(id: str, answer: TaskExecutionRecord | DataFactoryError) -> Wire:
    if isinstance(answer, DataFactoryError):
        return {"id": id, "accepted": False, "code": answer.code, "message": answer.message}
    expires_at = answer.lease_expires_at
    shown = None if expires_at is None else iso(expires_at)
    verdict = {"id": id, "accepted": True, "status": answer.status, "leaseExpiresAt": shown}
    return verdict if answer.paused_at is None else {**verdict, "pausedAt": iso(answer.paused_at)}
