"""Projects: folders for jobs, inside each other."""

from __future__ import annotations

from typing import Final

from data_factory.api.call import Call
from data_factory.api.finding import SORTING, find_in, is_sorted
from data_factory.api.lists import LISTS
from data_factory.api.presenting import Wire, present_project
from data_factory.api.routing import PAGING, Routes
from data_factory.model.criteria import Criterion
from data_factory.model.definitions import ProjectDefinition, ProjectPatch
from data_factory.model.errors import IdempotencyKeyReused, NotFound, ProjectMisplaced, ProjectNotEmpty
from data_factory.model.resources import Page, Project

routes: Final = Routes("Projects")

ECHOES: Final = frozenset({"object", "id", "createdAt", "updatedAt", "depth", "accountId"})
"""What a client may send back unchanged."""


@routes.post(
    "/projects",
    body=ProjectDefinition,
    answer=Project,
    status=201,
    errors=(ProjectMisplaced, IdempotencyKeyReused),
    idempotent=True,
)
async def create_project(call: Call, body: ProjectDefinition) -> Wire:
    """Make a project, in another one or at the top."""
    return present_project(
        await call.platform.projects.create(call.account_id, body, call.idempotency(), by=call.actor)
    )


@routes.get("/projects", answer=Page[Project], query=(*PAGING, *SORTING))
async def list_projects(call: Call) -> Wire:
    """List the projects, newest first."""
    if is_sorted(call):
        return await find_in(call, Project, LISTS[Project](call), Criterion())
    found = await call.platform.projects.projects(call.account_id, call.part())
    return call.listed(found, present_project, lambda project: str(project.id))


@routes.get("/projects/{id}", answer=Project, errors=(NotFound,))
async def get_project(call: Call) -> Wire:
    """Get a project."""
    return present_project(await call.platform.projects.project(call.account_id, call.path["id"]))


@routes.put(
    "/projects/{id}",
    body=ProjectDefinition,
    echoes=ECHOES,
    answer=Project,
    status=201,
    errors=(NotFound, ProjectMisplaced),
)
async def update_project(call: Call, body: ProjectDefinition) -> Wire:
    """Replace a project; with another parent, all that is in it moves with it."""
    patch = ProjectPatch(display_name=body.display_name, parent_id=body.parent_id, status=body.status)
    return present_project(await call.platform.projects.change(call.account_id, call.path["id"], patch, by=call.actor))


@routes.patch("/projects/{id}", body=ProjectPatch, echoes=ECHOES, answer=Project, errors=(NotFound, ProjectMisplaced))
async def patch_project(call: Call, body: ProjectPatch) -> Wire:
    """Change a part of a project: its name, its status, or where it is."""
    return present_project(await call.platform.projects.change(call.account_id, call.path["id"], body, by=call.actor))


@routes.delete("/projects/{id}", answer=Project, status=201, errors=(NotFound, ProjectNotEmpty))
async def delete_project(call: Call) -> Wire:
    """Delete a project that has nothing in it."""
    return present_project(await call.platform.projects.delete(call.account_id, call.path["id"], by=call.actor))
