"""Every call of the API, described once. Both clients send these; nothing here does I/O.

The functions of one resource share its word: `create_task`, `list_tasks`, …
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from data_factory.client.call import PREFIX, Call, Listing, Pages, Steps
from data_factory.client.payload import first_flaw
from data_factory.model.definitions import JobBody, JobDefinition, PipelineDefinition, TaskDefinition
from data_factory.model.requests import (
    CancelRequest,
    ClaimRequest,
    KeyRequest,
    LaunchInfo,
    LaunchRequest,
    LogRequest,
    LogsRequest,
    ReportBody,
    ReportRequest,
    TaskExecutionPatch,
)
from data_factory.model.resources import (
    ApiKey,
    Claimed,
    Job,
    JobDiff,
    JobExecution,
    JobVersion,
    Log,
    Logged,
    Pipeline,
    Reported,
    Schedule,
    Task,
    TaskExecution,
    Variable,
    Why,
)
from data_factory.model.status import MessageType, Severity, VariableStatus

TaskLike = TaskDefinition | Mapping[str, Any]
JobLike = JobBody | JobDefinition | Mapping[str, Any]

KNOWS_IDEMPOTENCY_KEYS: Final = Call(
    method="GET", path=f"{PREFIX}/pipelines", params={"size": "1"}, result=dict[str, Any]
)
"""Answered by a server that knows `Idempotency-Key`; 404 from the hosted platform, which does not."""


# Tasks


def create_task(definition: TaskLike, *, idempotency_key: str | None = None) -> Call[Task]:
    """Declare a custom task.

    >>> client.tasks.create({"key": "example-task", "retryCount": 3})  # doctest: +SKIP
    """
    return _create("tasks", definition, Task, idempotency_key)


def get_task(task_id: str) -> Call[Task]:
    """The task with this id."""
    return Call(method="GET", path=path_of("tasks", task_id), result=Task)


def update_task(task_id: str, definition: TaskLike) -> Call[Task]:
    """Replace the definition of a task; what is left out gets its default."""
    return _update("tasks", task_id, definition, Task)


def delete_task(task_id: str) -> Call[Task]:
    """Delete a task that no job uses; gives back what it was."""
    return Call(method="DELETE", path=path_of("tasks", task_id), result=Task, repeat="unsent")


def list_tasks(*, key: str | None = None, size: int = 100) -> Pages[Task]:
    """The tasks of the account, newest first, read `size` at a time."""
    return Pages(path=path_of("tasks"), result=Listing[Task], params=_given(key=key), size=size)


def find_task(key: str) -> Steps[Task | None]:
    """The task with this key, or None."""
    return _find(list_tasks(key=key), key)


def poll_task(task_id: str, *, wait: float = 0) -> Call[TaskExecution]:
    """Claim the oldest waiting execution of one task; `NotFound` if none waits (after `wait` seconds)."""
    return Call(
        method="GET",
        path=path_of("tasks", task_id, "poll"),
        result=TaskExecution,
        headers=_prefer(wait),
        wait=wait,
        repeat="unsent",
    )


# Task executions


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
        headers=_prefer(wait),
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


# Jobs


def create_job(definition: JobLike, *, idempotency_key: str | None = None) -> Call[Job]:
    """Publish a job whose key is new in the account. Both dialects are accepted."""
    return _create("jobs", definition, Job, idempotency_key)


def get_job(job_id: str) -> Call[Job]:
    """The job with this id."""
    return Call(method="GET", path=path_of("jobs", job_id), result=Job)


def update_job(job_id: str, definition: JobLike) -> Call[Job]:
    """Publish a new version of a job; executions that have started keep theirs."""
    return _update("jobs", job_id, definition, Job)


def list_jobs(*, key: str | None = None, size: int = 100) -> Pages[Job]:
    """The jobs of the account, newest first, read `size` at a time."""
    return Pages(path=path_of("jobs"), result=Listing[Job], params=_given(key=key), size=size)


def list_job_versions(job_id: str, *, size: int = 100) -> Pages[JobVersion]:
    """The versions of a job, newest first, without their definitions, read `size` at a time."""
    return Pages(path=path_of("jobs", job_id, "versions"), result=Listing[JobVersion], size=size)


def get_job_version(job_id: str, version: int) -> Call[JobVersion]:
    """One version of a job, with its definition."""
    return Call(method="GET", path=path_of("jobs", job_id, "versions", str(version)), result=JobVersion)


def diff_job_versions(job_id: str, from_version: int, to_version: int) -> Call[JobDiff]:
    """What has changed from one version of a job to another."""
    return Call(
        method="GET",
        path=path_of("jobs", job_id, "diff"),
        params={"from": str(from_version), "to": str(to_version)},
        result=JobDiff,
    )


def publish_job_version(job_id: str, version: int) -> Call[Job]:
    """Publish an older version of a job again, as its next version; its pipeline and its status stay."""
    path = path_of("jobs", job_id, "versions", str(version), "publish")
    return Call(method="POST", path=path, result=Job, repeat="unsent")


def get_schedule(job_id: str) -> Call[Schedule]:
    """When a job is launched by itself: its rules, and the next times."""
    return Call(method="GET", path=path_of("jobs", job_id, "schedule"), result=Schedule)


def pause_schedule(job_id: str) -> Call[Schedule]:
    """Launch a job by its periodicity no more, until that is resumed."""
    return Call(method="POST", path=path_of("jobs", job_id, "schedule", "pause"), result=Schedule)


def resume_schedule(job_id: str) -> Call[Schedule]:
    """Launch a job by its periodicity again; what came while it was paused is not made up for."""
    return Call(method="POST", path=path_of("jobs", job_id, "schedule", "resume"), result=Schedule)


def find_job(key: str) -> Steps[Job | None]:
    """The job with this key, or None."""
    return _find(list_jobs(key=key), key)


def publish_job(definition: JobLike) -> Steps[Job]:
    """Publish a job by its key: a new version of the one that has it, else a new job."""
    key = definition.get("key", "") if isinstance(definition, Mapping) else definition.key
    present = yield from find_job(key)
    if present is None:
        return (yield from create_job(definition))
    return (yield from update_job(present.id, definition))


# Job executions


def launch_job(
    job_id: str, input: Mapping[str, Any] | None = None, *, title: str | None = None, idempotency_key: str | None = None
) -> Call[JobExecution]:
    """Run a job with this input. It is launched once, however often the request has to be repeated.

    Give an `idempotency_key` of your own to make the launch safe across restarts of your program too.

    >>> client.job_executions.launch(job.id, {"power": 10}, idempotency_key="order-4711")  # doctest: +SKIP
    """
    given = dict(input or {})
    if flaw := first_flaw(given, "input"):
        raise ValueError(flaw)
    return _create(
        "job_executions",
        LaunchRequest(job_id=job_id, input=given, info=LaunchInfo(title=title)),
        JobExecution,
        idempotency_key,
    )


def get_job_execution(job_execution_id: str, *, wait: float = 0) -> Call[JobExecution]:
    """The job execution with this id; with `wait`, as soon as it has ended, or as it is after so many seconds."""
    return Call(
        method="GET",
        path=path_of("job_executions", job_execution_id),
        result=JobExecution,
        headers=_prefer(wait),
        wait=wait,
    )


def list_job_executions(*, job_id: str | None = None, size: int = 100) -> Pages[JobExecution]:
    """The job executions of the account, or of one job, newest first, read `size` at a time."""
    return Pages(path=path_of("job_executions"), result=Listing[JobExecution], params=_given(jobId=job_id), size=size)


def cancel_job_execution(job_execution_id: str, *, reason: str = "") -> Call[JobExecution]:
    """End a job execution before its time."""
    return Call(
        method="POST",
        path=path_of("job_executions", job_execution_id, "cancel"),
        body=CancelRequest(reason=reason),
        result=JobExecution,
        repeat="unsent",
    )


def list_task_executions(job_execution_id: str, *, size: int = 100) -> Pages[TaskExecution]:
    """The task executions of a job execution, oldest first, every attempt of each."""
    return Pages(
        path=path_of("job_executions", job_execution_id, "task_executions"), result=Listing[TaskExecution], size=size
    )


def explain_job_execution(job_execution_id: str) -> Call[Why]:
    """Why a job execution stands where it does: what it waits for, or who is at work on it."""
    return Call(method="GET", path=path_of("job_executions", job_execution_id, "why"), result=Why)


# Logs


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
        params=_given(severity=severity),
    )


# Pipelines


def create_pipeline(title: str, *, slots: int = 1, idempotency_key: str | None = None) -> Call[Pipeline]:
    """Make a pipeline: a FIFO queue of job executions, of which at most `slots` run at a time."""
    return _create("pipelines", PipelineDefinition(title=title, slots=slots), Pipeline, idempotency_key)


def get_pipeline(pipeline_id: str) -> Call[Pipeline]:
    """The pipeline with this id."""
    return Call(method="GET", path=path_of("pipelines", pipeline_id), result=Pipeline)


def update_pipeline(pipeline_id: str, title: str, *, slots: int = 1) -> Call[Pipeline]:
    """Rename a pipeline, or give it more or fewer slots."""
    definition = PipelineDefinition(title=title, slots=slots)
    return Call(method="PUT", path=path_of("pipelines", pipeline_id), body=definition, result=Pipeline)


def list_pipelines(*, size: int = 100) -> Pages[Pipeline]:
    """The pipelines of the account, newest first."""
    return Pages(path=path_of("pipelines"), result=Listing[Pipeline], size=size)


# Variables


def create_variable(
    key: str,
    value: str = "",
    *,
    name: str = "",
    secret: bool = False,
    status: VariableStatus = "ACTIVE",
    idempotency_key: str | None = None,
) -> Call[Variable]:
    """Make a variable, which jobs read as `${workflow.variable.<key>}`; a secret is never shown again.

    >>> client.variables.create("supplier_token", token, secret=True)  # doctest: +SKIP
    """
    body = {"key": key, "value": value, "name": name, "isSecret": secret, "status": status}
    return _create("variables", body, Variable, idempotency_key)


def get_variable(variable_id: str) -> Call[Variable]:
    """The variable with this id; of a secret without its value."""
    return Call(method="GET", path=path_of("variables", variable_id), result=Variable)


def update_variable(
    variable_id: str,
    key: str,
    value: str | None = None,
    *,
    name: str = "",
    secret: bool = False,
    status: VariableStatus = "ACTIVE",
) -> Call[Variable]:
    """Replace a variable. What stays a secret, and is given no value, keeps the one that it has."""
    body: dict[str, Any] = {"key": key, "name": name, "isSecret": secret, "status": status}
    if value is not None:
        body["value"] = value
    return _update("variables", variable_id, body, Variable)


def delete_variable(variable_id: str) -> Call[Variable]:
    """Delete a variable; jobs that read it are given an empty text from now on."""
    return Call(method="DELETE", path=path_of("variables", variable_id), result=Variable, repeat="unsent")


def list_variables(*, key: str | None = None, size: int = 100) -> Pages[Variable]:
    """The variables of the account, newest first, read `size` at a time."""
    return Pages(path=path_of("variables"), result=Listing[Variable], params=_given(key=key), size=size)


def find_variable(key: str) -> Steps[Variable | None]:
    """The variable with this key, or None."""
    return _find(list_variables(key=key), key)


def set_variable(key: str, value: str, *, secret: bool | None = None, name: str | None = None) -> Steps[Variable]:
    """Give the variable with this key a value, whether it is there or not; what is not given stays as it is."""
    present = yield from find_variable(key)
    if present is None:
        return (yield from create_variable(key, value, name=name or "", secret=bool(secret)))
    return (
        yield from update_variable(
            present.id,
            key,
            value,
            name=present.name if name is None else name,
            secret=present.is_secret if secret is None else secret,
            status=present.status,
        )
    )


# API keys


def create_api_key(title: str) -> Call[ApiKey]:
    """Make an API key. The answer holds the key itself, which cannot be read again."""
    return Call(method="POST", path=path_of("api_keys"), body=KeyRequest(title=title), result=ApiKey, repeat="unsent")


def list_api_keys(*, size: int = 100) -> Pages[ApiKey]:
    """The API keys of the account, newest first, without the keys themselves."""
    return Pages(path=path_of("api_keys"), result=Listing[ApiKey], size=size)


def revoke_api_key(api_key_id: str) -> Call[ApiKey]:
    """Revoke an API key: from now on it is refused."""
    return Call(method="DELETE", path=path_of("api_keys", api_key_id), result=ApiKey, repeat="unsent")


# Health


def health() -> Call[dict[str, Any]]:
    """What the server says of itself; `ServerFailed` if it is not ready. Needs no API key."""
    return Call(method="GET", path="/health/ready", result=dict[str, Any], repeat="unsent")


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


K = TypeVar("K", bound=_Keyed)
R = TypeVar("R")


def _find(pages: Pages[K], key: str) -> Steps[K | None]:
    call: Call[Listing[K]] | None = pages.first()
    while call is not None:
        listing = yield from call
        for item in listing.data:
            if item.key == key:
                return item
        call = pages.after(call, listing)
    return None


def _create(resource: str, body: Any, result: type[R], idempotency_key: str | None) -> Call[R]:
    headers = {"Idempotency-Key": idempotency_key or secrets.token_hex(16)}
    return Call(method="POST", path=path_of(resource), body=body, result=result, headers=headers, repeat="keyed")


def _update(resource: str, resource_id: str, definition: Any, result: type[R]) -> Call[R]:
    plain = dict(definition) if isinstance(definition, Mapping) else msgspec.to_builtins(definition)
    body = {**plain, "id": resource_id}
    return Call(method="PUT", path=path_of(resource, resource_id), body=body, result=result)


def path_of(*parts: str) -> str:
    """The path of a resource, from the names and the ids that it is made of."""
    if "" in parts:
        raise ValueError("an id is empty")
    return "/".join([PREFIX, *(quote(part, safe="") for part in parts)])


def _given(**params: str | None) -> dict[str, str]:
    return {name: value for name, value in params.items() if value is not None}


def _prefer(wait: float) -> dict[str, str]:
    return {"Prefer": f"wait={math.ceil(wait)}"} if wait else {}
