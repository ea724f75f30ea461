"""Logs: what tasks, and programs beside them, tell of a job execution."""

from __future__ import annotations

from typing import Final

from data_factory.api.call import Call
from data_factory.api.presenting import Wire, present_log
from data_factory.api.routing import PAGING, Query, Routes
from data_factory.model.errors import DataFactoryError, FieldError, Invalid, NotFound
from data_factory.model.records import LogRecord
from data_factory.model.requests import LogRequest, LogsRequest
from data_factory.model.resources import Log, Logged, Page
from data_factory.model.status import Severity
from data_factory.service.logbook import Kept

routes: Final = Routes("Logs")

SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "error")


@routes.post("/logs", body=LogRequest, answer=Log, status=201)
async def create_log(call: Call, body: LogRequest) -> Wire:
    """Tell something of a job execution: that of the header `cid`, or else of `eventCorrelationId`."""
    log = _log(call, body, call.header(b"cid") or body.event_correlation_id)
    (answer,) = await call.platform.executions.write_logs(call.account_id, [log])
    if isinstance(answer, DataFactoryError):
        raise answer
    return present_log(answer.log, kept=answer.kept)


@routes.post("/logs/batch", body=LogsRequest, answer=Logged)
async def create_logs(call: Call, body: LogsRequest) -> Wire:
    """Tell many things, of any job executions. One that is refused does not hinder the others."""
    logs = [_log(call, one, one.event_correlation_id) for one in body.logs]
    answers = await call.platform.executions.write_logs(call.account_id, logs)
    return {"object": "logged", "results": [_verdict(answer) for answer in answers]}


@routes.get(
    "/job_executions/{id}/logs",
    answer=Page[Log],
    query=(
        *PAGING,
        Query("severity", "Only what is as bad as this, or worse.", {"type": "string", "enum": list(SEVERITIES)}),
    ),
    errors=(NotFound,),
)
async def list_logs(call: Call) -> Wire:
    """List what was told of a job execution, oldest first."""
    found = await call.platform.executions.logs(call.account_id, call.path["id"], call.part(), _severities(call))
    return call.listed(found, present_log, lambda log: str(log.id))


def _severities(call: Call) -> tuple[Severity, ...]:
    least = call.query("severity")
    for place, severity in enumerate(SEVERITIES):
        if least in (None, severity):
            return SEVERITIES[place:]
    raise Invalid(errors=(FieldError("severity", f"expected one of {', '.join(SEVERITIES)}"),))


def _log(call: Call, body: LogRequest, job_execution_id: str) -> LogRecord:
    now = call.platform.clock()
    return LogRecord(
        id=call.platform.new_id(),
        account_id=call.account_id,
        job_execution_id=job_execution_id,
        task_execution_id=body.task_execution_id,
        emitter_name=body.emitter_name,
        severity=body.severity,
        message_type=body.message_type,
        message=body.message,
        logged_at=now if body.logged_at is None else max(0, round(body.logged_at.timestamp() * 1000)),
        created_at=now,
    )


def _verdict(answer: Kept | DataFactoryError) -> Wire:
    if isinstance(answer, DataFactoryError):
        return {"kept": False, "code": answer.code, "message": answer.message}
    return {"kept": answer.kept, "id": answer.log.id if answer.kept else None}
