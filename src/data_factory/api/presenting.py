"""Records as the resources that the API answers with (`model.resources`), ready to be encoded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from data_factory.model.definitions import JobDefinition
from data_factory.model.file_values import CONTENT_PATH
from data_factory.model.parents import decode_parent
from data_factory.model.pauses import decode_pause
from data_factory.model.records import (
    AccountRecord,
    ApiKeyRecord,
    FileRecord,
    JobExecutionRecord,
    JobPublicationRecord,
    JobRecord,
    JobShareRecord,
    JobVersionRecord,
    LinkRecord,
    LogRecord,
    PipelineRecord,
    ProjectRecord,
    TaskExecutionRecord,
    TaskRecord,
    TraceRecord,
    VariableRecord,
)
from data_factory.model.variables import shown
from data_factory.service.guests import as_launched
from data_factory.service.reruns import Retry
from data_factory.service.schedules import Plan
from data_factory.service.timeline import Told
from data_factory.service.why import Cause, summary

Wire = dict[str, Any]


def iso(at: int) -> str:
    """A time in ISO 8601, UTC, with milliseconds.

    >>> iso(1690794693236)
    '2023-07-31T09:11:33.236Z'
    """
    seconds, milliseconds = divmod(at, 1000)
    return f"{_second(seconds)}.{milliseconds:03d}Z"


def present_task(task: TaskRecord) -> Wire:
    """A `Task`."""
    return {
        "object": "task",
        "id": task.id,
        "createdAt": iso(task.created_at),
        "updatedAt": iso(task.updated_at),
        **msgspec.json.decode(task.definition),
    }


def present_job(published: tuple[JobRecord, JobVersionRecord]) -> Wire:
    """A `Job`."""
    job, version = published
    return {
        "object": "job",
        "id": job.id,
        "createdAt": iso(job.created_at),
        "updatedAt": iso(job.updated_at),
        "pipelineId": job.pipeline_id,
        "projectId": job.project_id,
        "version": version.version,
        "periodicity": msgspec.Raw(job.periodicity.encode()),
        **msgspec.json.decode(version.definition),
    }


def present_schedule(plan: Plan) -> Wire:
    """A `Schedule`."""
    return {
        "object": "schedule",
        "jobId": plan.job.id,
        "periodicity": plan.rules,
        "isPaused": bool(plan.job.is_paused),
        "nextRunsAt": [iso(at) for at in plan.times],
    }


def present_job_version(job: JobRecord, version: JobPublicationRecord | JobVersionRecord) -> Wire:
    """A `JobVersion`; with its definition if that is known."""
    return {
        "object": "job_version",
        "id": job.id,
        "createdAt": iso(version.created_at),
        "version": version.version,
        "isCurrent": version.version == job.version,
        "definition": msgspec.Raw(version.definition.encode()) if isinstance(version, JobVersionRecord) else None,
    }


def present_pipeline(pipeline: PipelineRecord) -> Wire:
    """A `Pipeline`."""
    return {
        "object": "pipeline",
        "id": pipeline.id,
        "createdAt": iso(pipeline.created_at),
        "updatedAt": iso(pipeline.updated_at),
        "title": pipeline.title,
        "slots": pipeline.slots,
        "isDefault": bool(pipeline.is_default),
        **({} if pipeline.pause is None else {"paused": _paused(pipeline.pause)}),
    }


def present_project(project: ProjectRecord) -> Wire:
    """A `Project`."""
    return {
        "object": "project",
        "id": project.id,
        "createdAt": iso(project.created_at),
        "updatedAt": iso(project.updated_at),
        "displayName": project.title,
        "parentId": project.parent_id,
        "depth": project.depth,
        "status": project.status,
        "accountId": project.account_id,
    }


def present_variable(variable: VariableRecord) -> Wire:
    """A `Variable`; what a secret says is for nobody."""
    return {
        "object": "variable",
        "id": variable.id,
        "createdAt": iso(variable.created_at),
        "updatedAt": iso(variable.updated_at),
        "key": variable.key,
        "name": variable.title,
        "value": "" if variable.is_secret else variable.value,
        "status": variable.status,
        "isSecret": bool(variable.is_secret),
        "secret": bool(variable.is_secret),
    }


def present_api_key(record: ApiKeyRecord, key: str | None = None) -> Wire:
    """An `ApiKey`; the key itself only for who has just made it."""
    shown = {
        "object": "api_key",
        "id": record.id,
        "createdAt": iso(record.created_at),
        "title": record.title,
        "prefix": record.prefix,
        "role": record.role,
        "expiresAt": _iso_or_null(record.expires_at),
        "lastUsedAt": _iso_or_null(record.used_at),
        "rateLimit": record.rate_limit,
    }
    return shown if key is None else {**shown, "key": key}


def present_account(account: AccountRecord, api_key: Wire | None = None) -> Wire:
    """An `Account`; its first key only for who has just made both."""
    shown = {
        "object": "account",
        "id": account.id,
        "createdAt": iso(account.created_at),
        "title": account.title,
        "disabledAt": _iso_or_null(account.disabled_at),
    }
    return shown if api_key is None else {**shown, "apiKey": api_key}


def present_share(share: JobShareRecord) -> Wire:
    """A `JobShare`."""
    return {
        "object": "job_share",
        "jobId": share.job_id,
        "accountId": share.account_id,
        "createdAt": iso(share.created_at),
    }


def present_shared_job(shared: tuple[JobRecord, JobDefinition]) -> Wire:
    """A `SharedJob`."""
    job, definition = shared
    return {
        "object": "shared_job",
        "id": job.id,
        "createdAt": iso(job.created_at),
        "accountId": job.account_id,
        "key": job.key,
        "title": job.title,
        "description": definition.description,
        "userInputs": definition.user_inputs,
        "status": job.status,
    }


MAX_SHOWN: Final = 100
"""How many steps of each kind a plan shows."""

_AGAIN: Final = {"RERUN": "rerunOf", "RETRY": "retryOf"}


def present_job_execution(execution: JobExecutionRecord, links: Sequence[LinkRecord] = ()) -> Wire:
    """A `JobExecution`; `links` say which one it runs again, and which run it again."""
    execution = as_launched(execution)
    shown: Wire = {
        "object": "job_execution",
        "id": execution.id,
        "jobId": execution.job_id,
        "jobVersion": execution.job_version,
        "pipelineId": execution.pipeline_id,
        "createdAt": iso(execution.created_at),
        "startedAt": _iso_or_null(execution.started_at),
        "endedAt": _iso_or_null(execution.ended_at),
        "status": execution.status,
        "input": _with_member(execution.input, "context", execution.context),
        "output": msgspec.Raw(execution.output.encode()),
        "info": {"title": execution.title},
        "origin": execution.origin,
        "failure": _raw_or_null(execution.failure),
    }
    if execution.variables != "{}":
        shown["variables"] = msgspec.Raw(execution.variables.encode())
    for link in links:
        if link.id == execution.id:
            shown[_AGAIN[link.kind]] = link.of_id
        if link.of_id == execution.id:
            shown.setdefault("runAgainAs", []).append(link.id)
    if execution.pause is not None:
        shown["paused"] = _paused(execution.pause)
    if execution.priority:
        shown["priority"] = execution.priority
    if execution.status == "PENDING" and execution.deadline_at is not None:
        shown["startAt"] = iso(execution.deadline_at)
    if execution.parent is not None:
        parent = decode_parent(execution.parent)
        shown["parent"] = {"jobExecutionId": parent.job_execution_id, "taskExecutionId": parent.task_execution_id}
    return shown


def present_task_execution(execution: TaskExecutionRecord, *, to_worker: bool = False) -> Wire:
    """A `TaskExecution`; `to_worker` gives the lease too, which is for nobody else."""
    return {
        "object": "task_execution",
        "id": execution.id,
        "taskId": execution.task_id,
        "type": execution.type,
        "jobExecutionId": execution.job_execution_id,
        "taskReferenceName": execution.path,
        "attempt": execution.attempt,
        "status": execution.status,
        "createdAt": iso(execution.created_at),
        "updatedAt": iso(execution.updated_at),
        "availableAt": _iso_or_null(execution.available_at),
        "startedAt": _iso_or_null(execution.started_at),
        "endedAt": _iso_or_null(execution.ended_at),
        "workerId": execution.worker_id,
        "lease": execution.lease if to_worker else None,
        "leaseExpiresAt": _iso_or_null(execution.lease_expires_at),
        "timeoutAt": _iso_or_null(execution.timeout_at),
        "input": _with_member(shown(execution.input), "eventCorrelationId", execution.job_execution_id),
        "output": msgspec.Raw(execution.output.encode()),
        "progress": _raw_or_null(execution.progress),
        "failure": _raw_or_null(execution.failure),
        "warning": _raw_or_null(execution.warning),
        **({} if execution.paused_at is None else {"pausedAt": iso(execution.paused_at)}),
        **({} if execution.traceparent is None else {"traceparent": execution.traceparent}),
    }


def present_why(execution: JobExecutionRecord, causes: list[Cause]) -> Wire:
    """A `Why`."""
    return {
        "object": "why",
        "jobExecutionId": execution.id,
        "status": execution.status,
        "message": summary(causes),
        "reasons": [_present_cause(cause) for cause in causes],
    }


def present_told(told: Told) -> Wire:
    """A `Happening`."""
    shown: Wire = msgspec.to_builtins(told)
    return shown | {name: iso(shown[name]) for name in ("at", "until") if name in shown}


def _present_cause(cause: Cause) -> Wire:
    shown: Wire = msgspec.to_builtins(cause)
    return shown | {name: iso(shown[name]) for name in ("since", "until", "lastPolledAt") if name in shown}


def present_retry_plan(retry: Retry) -> Wire:
    """A `RetryPlan`."""
    plan = retry.plan
    return {
        "object": "retry_plan",
        "jobExecutionId": retry.execution.id,
        "jobVersion": retry.version,
        "message": plan.message,
        "reusedCount": len(plan.reused),
        "continuedCount": len(plan.reopened),
        "againCount": len(plan.again) + plan.unbegun,
        "reused": _present_steps(plan.reused[:MAX_SHOWN]),
        "continued": _present_steps(plan.reopened[:MAX_SHOWN]),
        "again": _present_steps(plan.again[:MAX_SHOWN]),
    }


def _present_steps(rows: Sequence[TraceRecord]) -> list[Wire]:
    return [
        {"taskReferenceName": row.path, "taskExecutionId": row.id, "type": row.type, "status": row.status}
        for row in rows
    ]


def present_log(log: LogRecord, *, kept: bool = True) -> Wire:
    """A `Log`."""
    return {
        "object": "log",
        "id": log.id,
        "createdAt": iso(log.created_at),
        "eventCorrelationId": log.job_execution_id,
        "jobExecutionId": log.job_execution_id,
        "taskExecutionId": log.task_execution_id,
        "emitterName": log.emitter_name,
        "severity": log.severity,
        "messageType": log.message_type,
        "message": log.message,
        "loggedAt": iso(log.logged_at),
        "kept": kept,
    }


def present_file(file: FileRecord, origin: str) -> Wire:
    """A `File`; `origin` is the address under which the server was asked."""
    return {
        "object": "data_factory_file",
        "id": file.id,
        "createdAt": iso(file.created_at),
        "updatedAt": iso(file.updated_at),
        "url": origin + CONTENT_PATH.format(id=file.id),
        "filename": file.filename,
        "contentType": file.content_type,
        "size": file.size,
        "sha256": file.sha256,
        "expiresAt": _iso_or_null(file.due_at),
    }


def _paused(kept: str) -> Wire:
    pause = decode_pause(kept)
    return {"since": iso(pause.at), "by": pause.by, "reason": pause.reason}


@lru_cache(maxsize=1024)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))


def _iso_or_null(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _raw_or_null(json: str | None) -> msgspec.Raw | None:
    return None if json is None else msgspec.Raw(json.encode())


def _with_member(json: str, name: str, value: Any) -> Any:
    """An object that is kept as JSON, with one more member; put in as text where that is enough."""
    if f'"{name}"' in json:
        return {**msgspec.json.decode(json), name: value}
    member = b'"%s":%s' % (name.encode(), msgspec.json.encode(value))
    return msgspec.Raw(b"{%s}" % member if json == "{}" else b"%s,%s}" % (json[:-1].encode(), member))
