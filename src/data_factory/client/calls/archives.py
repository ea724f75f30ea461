"""The calls that publish jobs from ZIP archives (`data-factory job pack` makes them)."""

from __future__ import annotations

from data_factory.client.call import Call
from data_factory.client.calls.parts import keyed, path_of
from data_factory.client.transfer import Advance, Source, upload
from data_factory.model.resources import Job

_TYPE = "application/zip"


def create_job_from_zip(
    source: Source,
    *,
    pipeline_id: str | None = None,
    project_id: str | None = None,
    idempotency_key: str | None = None,
    advance: Advance | None = None,
) -> Call[Job]:
    """Publish a job whose key is new in the account: `job.json`, and what it names below `assets/`.

    >>> client.jobs.create_from_zip("run-task.bundle.zip")  # doctest: +SKIP
    """
    content = upload(source, None, _TYPE, advance)
    return Call(
        method="POST",
        path=path_of("jobs", "zip"),
        result=Job,
        params=_places(pipeline_id, project_id),
        headers=keyed(idempotency_key),
        repeat="keyed" if content.can_be_repeated else "unsent",
        upload=content,
    )


def update_job_from_zip(
    job_id: str,
    source: Source,
    *,
    pipeline_id: str | None = None,
    project_id: str | None = None,
    advance: Advance | None = None,
) -> Call[Job]:
    """Publish a new version of a job; its pipeline and its project stay unless you give others, and its status
    unless `job.json` does."""
    return Call(
        method="PUT",
        path=path_of("jobs", job_id, "zip"),
        result=Job,
        params=_places(pipeline_id, project_id),
        repeat="unsent",
        upload=upload(source, None, _TYPE, advance),
    )


def _places(pipeline_id: str | None, project_id: str | None) -> dict[str, str]:
    places = {"pipelineId": pipeline_id, "projectId": project_id}
    return {name: id for name, id in places.items() if id}
