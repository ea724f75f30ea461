"""The calls that look for something by a criterion, described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from data_factory.client.call import Call, Listing, Pages
from data_factory.client.calls.parts import keyed, path_of
from data_factory.model.criteria import Criterion
from data_factory.model.requests import BulkVerb, VersionChoice
from data_factory.model.resources import (
    Bulk,
    File,
    Job,
    JobExecution,
    Log,
    Pipeline,
    Project,
    Task,
    TaskExecution,
    Variable,
)

CriterionLike = Criterion | Mapping[str, Any]
SortOrder = Literal["ASC", "DESC"]
T = TypeVar("T")


def search_tasks(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Task]:
    """The tasks for which a criterion holds, read `size` at a time."""
    return _search("tasks", criterion, Listing[Task], sort, order, size)


def search_jobs(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Job]:
    """The jobs for which a criterion holds, read `size` at a time."""
    return _search("jobs", criterion, Listing[Job], sort, order, size)


def search_job_executions(
    criterion: CriterionLike, *, order: SortOrder | None = None, size: int = 100
) -> Pages[JobExecution]:
    """The job executions for which a criterion holds, the newest first unless `order` is ASC.

    >>> client.job_executions.search({"type": "eq", "field": "status", "value": "FAILED"})  # doctest: +SKIP
    """
    return _search("job_executions", criterion, Listing[JobExecution], None, order, size)


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
    return _search("task_executions", criterion, Listing[TaskExecution], sort, order, size, job_execution_id)


def search_logs(
    criterion: CriterionLike,
    *,
    job_execution_id: str | None = None,
    sort: str | None = None,
    order: SortOrder | None = None,
    size: int = 100,
) -> Pages[Log]:
    """What was told, and for which a criterion holds: of one job execution, or of all, as `search_task_executions`."""
    return _search("logs", criterion, Listing[Log], sort, order, size, job_execution_id)


def search_pipelines(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Pipeline]:
    """The pipelines for which a criterion holds, read `size` at a time."""
    return _search("pipelines", criterion, Listing[Pipeline], sort, order, size)


def search_projects(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Project]:
    """The projects for which a criterion holds, read `size` at a time."""
    return _search("projects", criterion, Listing[Project], sort, order, size)


def search_variables(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[Variable]:
    """The variables for which a criterion holds; what they say is in no criterion."""
    return _search("variables", criterion, Listing[Variable], sort, order, size)


def search_files(
    criterion: CriterionLike, *, sort: str | None = None, order: SortOrder | None = None, size: int = 100
) -> Pages[File]:
    """The files for which a criterion holds, read `size` at a time."""
    return _search("files", criterion, Listing[File], sort, order, size)


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


def _search(
    resource: str,
    criterion: CriterionLike,
    result: type[Listing[T]],
    sort: str | None,
    order: str | None,
    size: int,
    job_execution_id: str | None = None,
) -> Pages[T]:
    given = {"sort": sort, "sortOrder": order}
    params = {name: value for name, value in given.items() if value is not None}
    of = () if job_execution_id is None else ("job_executions", job_execution_id)
    return Pages(path=path_of(*of, resource, "find"), result=result, params=params, size=size, body=criterion)
