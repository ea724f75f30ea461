"""The calls of what is told of job executions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data_factory.client.call import Call, Listing, Pages
from data_factory.client.calls.parts import given, path_of
from data_factory.model.requests import LogRequest, LogsRequest
from data_factory.model.resources import Log, Logged
from data_factory.model.status import MessageType, Severity


def create_log(
    job_execution_id: str,
    message: str,
    *,
    emitter_name: str,
    severity: Severity = "info",
    message_type: MessageType = "DEFAULT",
    task_execution_id: str | None = None,
) -> Call[Log]:
    """Tell something of a job execution; who looks at it there sees it, as text or as Markdown."""
    log: dict[str, Any] = {
        "message": message,
        "emitterName": emitter_name,
        "eventCorrelationId": job_execution_id,
        "severity": severity,
        "messageType": message_type,
    }
    if task_execution_id is not None:
        log["taskExecutionId"] = task_execution_id
    # The header is how the hosted platform knows which execution is meant.
    headers = {"cid": job_execution_id}
    return Call(method="POST", path=path_of("logs"), body=log, headers=headers, result=Log, repeat="unsent")


def create_logs(logs: Sequence[LogRequest]) -> Call[Logged]:
    """Tell up to 1,000 things in one call, of any job executions."""
    return Call(
        method="POST", path=path_of("logs", "batch"), body=LogsRequest(tuple(logs)), result=Logged, repeat="unsent"
    )


def list_logs(job_execution_id: str, *, severity: Severity | None = None, size: int = 100) -> Pages[Log]:
    """What was told of a job execution, oldest first; with `severity`, only what is as bad as that, or worse."""
    return Pages(
        path=path_of("job_executions", job_execution_id, "logs"),
        result=Listing[Log],
        size=size,
        params=given(severity=severity),
    )
