"""When a job is launched by itself: looked up, set, paused, resumed."""

from __future__ import annotations

from typing import Final

from data_factory.api.call import Call
from data_factory.api.presenting import Wire, present_schedule
from data_factory.api.routing import Routes
from data_factory.model.errors import NotFound
from data_factory.model.requests import ScheduleRequest
from data_factory.model.resources import Schedule

routes: Final = Routes("Schedules")


@routes.get("/jobs/{id}/schedule", answer=Schedule, errors=(NotFound,))
async def get_schedule(call: Call) -> Wire:
    """Get when a job is launched by itself: its rules, and the next times."""
    return present_schedule(await call.platform.schedules.schedule(call.account_id, call.path["id"]))


@routes.put(
    "/jobs/{id}/schedule",
    body=ScheduleRequest,
    echoes=frozenset({"object", "jobId", "isPaused", "nextRunsAt"}),
    answer=Schedule,
    status=201,
    errors=(NotFound,),
)
async def set_schedule(call: Call, body: ScheduleRequest) -> Wire:
    """Set when a job is launched by itself; its version stays, and so does whether it is paused."""
    account_id, id = call.account_id, call.path["id"]
    return present_schedule(await call.platform.schedules.set(account_id, id, body.periodicity, by=call.actor))


@routes.post("/jobs/{id}/schedule/pause", answer=Schedule, errors=(NotFound,))
async def pause_schedule(call: Call) -> Wire:
    """Launch a job by its periodicity no more, until that is resumed."""
    return present_schedule(await call.platform.schedules.pause(call.account_id, call.path["id"], by=call.actor))


@routes.post("/jobs/{id}/schedule/resume", answer=Schedule, errors=(NotFound,))
async def resume_schedule(call: Call) -> Wire:
    """Launch a job by its periodicity again; what came while it was paused is not made up for."""
    return present_schedule(await call.platform.schedules.resume(call.account_id, call.path["id"], by=call.actor))
