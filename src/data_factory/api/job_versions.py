"""The versions of a job: listed, compared, and published again."""

from __future__ import annotations

import re
from typing import Final

from data_factory.api.call import Call
from data_factory.api.presenting import Wire, present_job, present_job_version
from data_factory.api.routing import PAGING, Query, Routes
from data_factory.model.errors import FieldError, Invalid, KeyTaken, NotFound
from data_factory.model.resources import Job, JobDiff, JobVersion, Page
from data_factory.service.catalog import MAX_DIFFERENCES, version_cursor

routes: Final = Routes("Job versions")

_NUMBER: Final = {"type": "integer", "minimum": 1}


@routes.get("/jobs/{id}/versions", answer=Page[JobVersion], query=PAGING, errors=(NotFound,))
async def list_job_versions(call: Call) -> Wire:
    """List the versions of a job, newest first, without their definitions."""
    job, found = await call.platform.catalog.job_versions(call.account_id, call.path["id"], call.part())
    return call.listed(
        found, lambda version: present_job_version(job, version), lambda one: version_cursor(one.version)
    )


@routes.get("/jobs/{id}/versions/{version}", answer=JobVersion, errors=(NotFound,))
async def get_job_version(call: Call) -> Wire:
    """Get one version of a job, with its definition."""
    return present_job_version(
        *await call.platform.catalog.job_version(call.account_id, call.path["id"], _in_path(call))
    )


@routes.get(
    "/jobs/{id}/diff",
    answer=JobDiff,
    query=(
        Query("from", "The version to compare with; without it, the one before `to`.", _NUMBER),
        Query("to", "The version to compare; without it, the present one.", _NUMBER),
    ),
    errors=(NotFound,),
)
async def diff_job_versions(call: Call) -> Wire:
    """Say what has changed from one version of a job to another."""
    job, _ = await call.platform.catalog.job(call.account_id, call.path["id"])
    new = _asked(call, "to") or job.version
    old = _asked(call, "from") or max(1, new - 1)
    found = await call.platform.catalog.job_differences(call.account_id, job.id, old, new)
    return {
        "object": "job_diff",
        "jobId": job.id,
        "fromVersion": old,
        "toVersion": new,
        "changes": found[:MAX_DIFFERENCES],
        "more": len(found) > MAX_DIFFERENCES,
    }


@routes.post("/jobs/{id}/versions/{version}/publish", answer=Job, status=201, errors=(NotFound, KeyTaken))
async def publish_job_version(call: Call) -> Wire:
    """Publish an older version of a job again, as its next version. Its pipeline and its status stay."""
    return present_job(
        await call.platform.catalog.publish_again(call.account_id, call.path["id"], _in_path(call), by=call.actor)
    )


def _in_path(call: Call) -> int:
    text = call.path["version"]
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise NotFound(f"There is no version {text!r}: versions are numbers.")
    return int(text)


def _asked(call: Call, name: str) -> int | None:
    text = call.query(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise Invalid(errors=(FieldError(name, "expected the number of a version"),))
    return int(text)
