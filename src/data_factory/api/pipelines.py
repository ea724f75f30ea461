"""Pipelines: the FIFO queues that job executions run in."""

from __future__ import annotations

from typing import Final

from data_factory.api.call import Call
from data_factory.api.finding import SORTING, find_in, is_sorted
from data_factory.api.lists import LISTS
from data_factory.api.presenting import Wire, present_pipeline
from data_factory.api.routing import PAGING, Routes
from data_factory.model.criteria import Criterion
from data_factory.model.definitions import PipelineDefinition
from data_factory.model.errors import IdempotencyKeyReused, NotFound
from data_factory.model.resources import Page, Pipeline

routes: Final = Routes("Pipelines")

ECHOES: Final = frozenset({"object", "id", "createdAt", "updatedAt", "isDefault"})
"""What a client may send back unchanged in a PUT."""


@routes.post(
    "/pipelines", body=PipelineDefinition, answer=Pipeline, status=201, errors=(IdempotencyKeyReused,), idempotent=True
)
async def create_pipeline(call: Call, body: PipelineDefinition) -> Wire:
    """Make a pipeline."""
    return present_pipeline(
        await call.platform.catalog.create_pipeline(call.account_id, body, call.idempotency(), by=call.actor)
    )


@routes.get("/pipelines", answer=Page[Pipeline], query=(*PAGING, *SORTING))
async def list_pipelines(call: Call) -> Wire:
    """List the pipelines, newest first."""
    if is_sorted(call):
        return await find_in(call, Pipeline, LISTS[Pipeline](call), Criterion())
    found = await call.platform.catalog.pipelines(call.account_id, call.part())
    return call.listed(found, present_pipeline, lambda pipeline: str(pipeline.id))


@routes.get("/pipelines/{id}", answer=Pipeline, errors=(NotFound,))
async def get_pipeline(call: Call) -> Wire:
    """Get a pipeline."""
    return present_pipeline(await call.platform.catalog.pipeline(call.account_id, call.path["id"]))


@routes.put("/pipelines/{id}", body=PipelineDefinition, echoes=ECHOES, answer=Pipeline, status=201, errors=(NotFound,))
async def update_pipeline(call: Call, body: PipelineDefinition) -> Wire:
    """Change a pipeline; with more slots, what waits starts at once."""
    return present_pipeline(
        await call.platform.catalog.update_pipeline(call.account_id, call.path["id"], body, by=call.actor)
    )
