"""Jobs that are shared with other accounts."""

from __future__ import annotations

from typing import Final

from data_factory.api.call import Call
from data_factory.api.presenting import Wire, present_share, present_shared_job
from data_factory.api.routing import PAGING, Routes
from data_factory.model.errors import NotFound
from data_factory.model.requests import ShareRequest
from data_factory.model.resources import JobShare, Page, SharedJob

routes: Final = Routes("Shares")


@routes.post("/jobs/{id}/shares", body=ShareRequest, answer=JobShare, status=201, errors=(NotFound,))
async def share_job(call: Call, body: ShareRequest) -> Wire:
    """Let another account launch a job. A second time changes nothing."""
    return present_share(
        await call.platform.shares.share(call.account_id, call.path["id"], body.account_id, by=call.actor)
    )


@routes.get("/jobs/{id}/shares", answer=Page[JobShare], query=PAGING, errors=(NotFound,))
async def list_shares(call: Call) -> Wire:
    """List the accounts that a job is shared with, the first of them first."""
    found = await call.platform.shares.shares(call.account_id, call.path["id"], call.part())
    return call.listed(found, present_share, lambda share: str(share.account_id))


@routes.delete("/jobs/{id}/shares/{account}", answer=JobShare, status=201, errors=(NotFound,))
async def unshare_job(call: Call) -> Wire:
    """Let another account launch a job no more; what it has launched goes on."""
    job_id, guest_id = call.path["id"], call.path["account"]
    await call.platform.shares.unshare(call.account_id, job_id, guest_id, by=call.actor)
    return {"object": "job_share", "jobId": job_id, "accountId": guest_id, "createdAt": None}


@routes.get("/shared_jobs", answer=Page[SharedJob], query=PAGING)
async def list_shared_jobs(call: Call) -> Wire:
    """List the jobs of other accounts that this one may launch, newest first."""
    found = await call.platform.shares.shared_with(call.account_id, call.part())
    return call.listed(found, present_shared_job, lambda shared: str(shared[0].id))
