"""Jobs: published and published again."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from data_factory.api.bodies import Misfit
from data_factory.api.call import Call
from data_factory.api.finding import SORTING, find_in, is_sorted, of_key
from data_factory.api.job_bodies import what_fits_of_a_job
from data_factory.api.lists import LISTS
from data_factory.api.presenting import Wire, present_job
from data_factory.api.routing import PAGING, Query, Routes
from data_factory.model.definitions import JobBody
from data_factory.model.errors import IdempotencyKeyReused, Invalid, KeyTaken, NotFound
from data_factory.model.resources import Job, Page

routes: Final = Routes("Jobs")

ECHOES: Final = frozenset({"object", "id", "createdAt", "updatedAt", "version"})
"""What a client may send back unchanged in a PUT."""


async def refuse_job(call: Call, misfit: Misfit, brought: Collection[str] = ()) -> Invalid:
    """Of a job that does not fit, what does is checked too: all that is wrong is told at once."""
    body = await asyncio.to_thread(what_fits_of_a_job, misfit.value)
    return await call.platform.catalog.job_refusal(call.account_id, body, misfit.errors, brought)


@routes.post(
    "/jobs",
    body=JobBody,
    by_hand=True,
    answer=Job,
    status=201,
    errors=(KeyTaken, IdempotencyKeyReused),
    idempotent=True,
    refuse=refuse_job,
)
async def create_job(call: Call, body: JobBody) -> Wire:
    """Publish a job. Everything that is wrong with it is told at once."""
    return present_job(await call.platform.catalog.create_job(call.account_id, body, call.idempotency(), by=call.actor))


@routes.get("/jobs", answer=Page[Job], query=(*PAGING, *SORTING, Query("key", "Only the job with this key.")))
async def list_jobs(call: Call) -> Wire:
    """List the jobs, newest first."""
    if is_sorted(call):
        return await find_in(call, Job, LISTS[Job](call), of_key(call))
    jobs = await call.platform.catalog.jobs(call.account_id, call.part(), call.query("key"))
    return call.listed(jobs, present_job, lambda published: str(published[0].id))


@routes.get("/jobs/{id}", answer=Job, errors=(NotFound,))
async def get_job(call: Call) -> Wire:
    """Get a job."""
    return present_job(await call.platform.catalog.job(call.account_id, call.path["id"]))


@routes.put(
    "/jobs/{id}",
    body=JobBody,
    by_hand=True,
    echoes=ECHOES,
    answer=Job,
    status=201,
    errors=(NotFound, KeyTaken),
    refuse=refuse_job,
)
async def update_job(call: Call, body: JobBody) -> Wire:
    """Publish the next version of a job. What runs goes on with the version that it started with."""
    return present_job(await call.platform.catalog.update_job(call.account_id, call.path["id"], body, by=call.actor))
