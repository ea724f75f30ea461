"""Job executions deleted: one, or all that are old."""

from __future__ import annotations

from typing import Final

from data_factory.api.call import Call
from data_factory.api.presenting import Wire, iso, present_job_execution
from data_factory.api.routing import Routes
from data_factory.model.ages import age_ms
from data_factory.model.errors import JobExecutionNotEnded, NotFound
from data_factory.model.requests import PurgeRequest
from data_factory.model.resources import JobExecution, Purge

routes: Final = Routes("Deleting")


@routes.delete("/job_executions/{id}", answer=JobExecution, status=201, errors=(NotFound, JobExecutionNotEnded))
async def delete_job_execution(call: Call) -> Wire:
    """Delete a job execution that has ended, with its task executions and logs."""
    return present_job_execution(await call.platform.erasing.delete(call.account_id, call.path["id"], call.actor))


@routes.post("/job_executions/purge", body=PurgeRequest, answer=Purge)
async def purge(call: Call, body: PurgeRequest) -> Wire:
    """Delete the job executions that ended longer ago than this, thousands in a request: `next` is where to go on."""
    before = call.platform.clock() - age_ms(body.older_than)
    purged = await call.platform.erasing.purge(
        call.account_id, before, body.statuses, body.after, dry_run=body.dry_run, by=call.actor
    )
    return {
        "object": "purge",
        "before": iso(max(before, 0)),
        "dryRun": body.dry_run,
        "count": purged.by_status.total(),
        "byStatus": dict(purged.by_status),
        "next": purged.next,
    }
