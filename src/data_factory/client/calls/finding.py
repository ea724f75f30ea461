"""The calls that look for something by a criterion, described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from data_factory.client.call import Call, Listing, Pages
from data_factory.client.calls.parts import keyed, path_of
from data_factory.model.criteria import Criterion
from data_factory.model.requests import BulkVerb, VersionChoice
from data_factory.model.resources import (
    Account,
    ApiKey,
    Bulk,
    Deed,
    File,
    Job,
    JobExecution,
    JobShare,
    JobVersion,
    Log,
    Pipeline,
    Project,
    SharedJob,
    Task,
    TaskExecution,
    Variable,
    Webhook,
    WebhookDelivery,
)

CriterionLike = Criterion | Mapping[str, Any]
SortOrder = Literal["ASC", "DESC"]
T = TypeVar("T")


def search_tasks(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Task]:
    """The tasks for which a criterion holds, read `size` at a time."""
    return _search(criterion, Listing[Task], sort, order, size, "tasks")


def search_jobs(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Job]:
    """The jobs for which a criterion holds, read `size` at a time."""
    return _search(criterion, Listing[Job], sort, order, size, "jobs")


def search_job_executions(
    criterion: CriterionLike, *, order: SortOrder | None = None, size: int = 100
) -> Pages[JobExecution]:
    """The job executions for which a criterion holds, the newest first unless `order` is ASC.

    >>> client.job_executions.search({"type": "eq", "field": "status", "value": "FAILED"})  # doctest: +SKIP
    """
    return _search(criterion, Listing[JobExecution], None, order, size, "job_executions")


def search_task_executions(
    criterion: CriterionLike,
    *,
    job_execution_id: str | None = None,
    sort: str | None = None,
    order: SortOrder | None = None,
    size: int = 100,
) -> Pages[TaskExecution]:
    """The task executions for which a criterion holds: of one job execution, oldest first, or sorted by any field; else
    of all, those of the job execution that was launched last first.

    >>> client.task_executions.search({"type": "eq", "field": "status", "value": "FAILED"})  # doctest: +SKIP
    """
    return _search(criterion, Listing[TaskExecution], sort, order, size, *_of(job_execution_id), "task_executions")


def search_logs(
    criterion: CriterionLike,
    *,
    job_execution_id: str | None = None,
    sort: str | None = None,
    order: SortOrder | None = None,
    size: int = 100,
) -> Pages[Log]:
    """What was told, and for which a criterion holds: of one job execution, or of all, as `search_task_executions`."""
    return _search(criterion, Listing[Log], sort, order, size, *_of(job_execution_id), "logs")


def search_pipelines(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Pipeline]:
    """The pipelines for which a criterion holds, read `size` at a time."""
    return _search(criterion, Listing[Pipeline], sort, order, size, "pipelines")


def search_projects(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Project]:
    """The projects for which a criterion holds, read `size` at a time."""
    return _search(criterion, Listing[Project], sort, order, size, "projects")


def search_variables(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Variable]:
    """The variables for which a criterion holds; what they say is in no criterion."""
    return _search(criterion, Listing[Variable], sort, order, size, "variables")


def search_files(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[File]:
    """The files for which a criterion holds, read `size` at a time."""
    return _search(criterion, Listing[File], sort, order, size, "files")


def search_job_versions(
    job_id: str, criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[JobVersion]:
    """The versions of a job for which a criterion holds."""
    return _search(criterion, Listing[JobVersion], sort, order, size, "jobs", job_id, "versions")


def search_shares(
    job_id: str, criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[JobShare]:
    """The accounts that a job is shared with and for which a criterion holds."""
    return _search(criterion, Listing[JobShare], sort, order, size, "jobs", job_id, "shares")


def search_shared_jobs(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[SharedJob]:
    """The jobs of other accounts that one may launch and for which a criterion holds."""
    return _search(criterion, Listing[SharedJob], sort, order, size, "shared_jobs")


def search_webhooks(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Webhook]:
    """The webhooks for which a criterion holds."""
    return _search(criterion, Listing[Webhook], sort, order, size, "webhooks")


def search_deliveries(
    webhook_id: str,
    criterion: CriterionLike,
    *,
    sort: str | None = None,
    order: SortOrder | None = None,
    size: int = 100,
) -> Pages[WebhookDelivery]:
    """What a webhook was told and for which a criterion holds: where `status` is FAILED, for one."""
    return _search(criterion, Listing[WebhookDelivery], sort, order, size, "webhooks", webhook_id, "deliveries")


def search_execution_webhooks(
    job_execution_id: str,
    criterion: CriterionLike,
    *,
    sort: str | None = None,
    order: SortOrder | None = None,
    size: int = 100,
) -> Pages[WebhookDelivery]:
    """What webhooks were told of the end of a job execution and for which a criterion holds."""
    return _search(criterion, Listing[WebhookDelivery], sort, order, size, *_of(job_execution_id), "webhooks")


def search_api_keys(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[ApiKey]:
    """The API keys for which a criterion holds."""
    return _search(criterion, Listing[ApiKey], sort, order, size, "api_keys")


def search_audit(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Deed]:
    """What people have done and for which a criterion holds."""
    return _search(criterion, Listing[Deed], sort, order, size, "audit")


def search_accounts(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Account]:
    """The accounts for which a criterion holds; who is not the operator sees their own."""
    return _search(criterion, Listing[Account], sort, order, size, "accounts")


def bulk_job_executions(
    verb: BulkVerb,
    criterion: CriterionLike,
    *,
    dry_run: bool = False,
    reason: str = "",
    version: VersionChoice = "same",
    cursor: str | None = None,
    size: int = 100,
    idempotency_key: str | None = None,
) -> Call[Bulk]:
    """Do a verb to the next portion of the job executions for which a criterion holds; go on with its `next_cursor`.
    With one `idempotency_key` for all portions nothing is run again twice, and nothing that this has launched.

    >>> client.job_executions.bulk("cancel", {"type": "eq", "field": "jobId", "value": job.id})  # doctest: +SKIP
    """
    body = {
        "verb": verb, "filter": criterion, "dryRun": dry_run, "reason": reason, "version": version,
        "cursor": cursor, "size": size,
    }  # fmt: skip
    return Call(
        method="POST",
        path=path_of("job_executions", "bulk"),
        body=body,
        result=Bulk,
        headers=keyed(idempotency_key),
    )


def _of(job_execution_id: str | None) -> tuple[str, ...]:
    return () if job_execution_id is None else ("job_executions", job_execution_id)


def _search(
    criterion: CriterionLike, result: type[Listing[T]], sort: str | None, order: str | None, size: int, *names: str
) -> Pages[T]:
    given = {"sort": sort, "sortOrder": order}
    params = {name: value for name, value in given.items() if value is not None}
    return Pages(path=path_of(*names, "find"), result=result, params=params, size=size, body=criterion)
