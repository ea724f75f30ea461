"""The calls of jobs: their versions, when they are launched by themselves, and with whom they are shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from data_factory.client.call import Call, Listing, Pages, Steps
from data_factory.client.calls.parts import create_one, find_one, given, path_of, update_one
from data_factory.model.definitions import JobBody, JobDefinition, PeriodicityRule
from data_factory.model.requests import ScheduleRequest, ShareRequest
from data_factory.model.resources import Job, JobDiff, JobShare, JobVersion, Schedule, SharedJob

JobLike = JobBody | JobDefinition | Mapping[str, Any]


def create_job(definition: JobLike, *, idempotency_key: str | None = None) -> Call[Job]:
    """Publish a job whose key is new in the account. Both dialects are accepted."""
    return create_one("jobs", definition, Job, idempotency_key)


def get_job(job_id: str) -> Call[Job]:
    """The job with this id."""
    return Call(method="GET", path=path_of("jobs", job_id), result=Job)


def update_job(job_id: str, definition: JobLike) -> Call[Job]:
    """Publish a new version of a job; executions that have started keep theirs."""
    return update_one("jobs", job_id, definition, Job)


def list_jobs(*, key: str | None = None, size: int = 100) -> Pages[Job]:
    """The jobs of the account, newest first, read `size` at a time."""
    return Pages(path=path_of("jobs"), result=Listing[Job], params=given(key=key), size=size)


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


def set_schedule(job_id: str, periodicity: Iterable[PeriodicityRule]) -> Call[Schedule]:
    """Launch a job by these rules, and by no others. Its version stays, and so does whether it is paused."""
    body = ScheduleRequest(periodicity=tuple(periodicity))
    return Call(method="PUT", path=path_of("jobs", job_id, "schedule"), body=body, result=Schedule)


def pause_schedule(job_id: str) -> Call[Schedule]:
    """Launch a job by its periodicity no more, until that is resumed."""
    return Call(method="POST", path=path_of("jobs", job_id, "schedule", "pause"), result=Schedule)


def resume_schedule(job_id: str) -> Call[Schedule]:
    """Launch a job by its periodicity again; what came while it was paused is not made up for."""
    return Call(method="POST", path=path_of("jobs", job_id, "schedule", "resume"), result=Schedule)


def find_job(key: str) -> Steps[Job | None]:
    """The job with this key, or None."""
    return find_one(list_jobs(key=key), key)


def publish_job(definition: JobLike) -> Steps[Job]:
    """Publish a job by its key: a new version of the one that has it, else a new job."""
    key = definition.get("key", "") if isinstance(definition, Mapping) else definition.key
    present = yield from find_job(key)
    if present is None:
        return (yield from create_job(definition))
    return (yield from update_job(present.id, definition))


def share_job(job_id: str, account_id: str) -> Call[JobShare]:
    """Let another account launch a job."""
    body = ShareRequest(account_id=account_id)
    return Call(method="POST", path=path_of("jobs", job_id, "shares"), body=body, result=JobShare)


def unshare_job(job_id: str, account_id: str) -> Call[JobShare]:
    """Let another account launch a job no more; what it has launched goes on."""
    return Call(method="DELETE", path=path_of("jobs", job_id, "shares", account_id), result=JobShare)


def list_shares(job_id: str, *, size: int = 100) -> Pages[JobShare]:
    """The accounts that a job is shared with."""
    return Pages(path=path_of("jobs", job_id, "shares"), result=Listing[JobShare], size=size)


def list_shared_jobs(*, size: int = 100) -> Pages[SharedJob]:
    """The jobs of other accounts that this one may launch, newest first."""
    return Pages(path=path_of("shared_jobs"), result=Listing[SharedJob], size=size)
