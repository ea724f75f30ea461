"""Projects: folders for jobs, inside each other."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.definitions import ProjectDefinition, ProjectPatch
from data_factory.model.errors import FieldError, IdempotencyKeyReused, Invalid, ProjectMisplaced, ProjectNotEmpty
from data_factory.model.ids import NewId
from data_factory.model.records import IdempotencyRecord, ProjectRecord
from data_factory.service.audit import note
from data_factory.service.batch import IDEMPOTENCY_MS
from data_factory.service.clock import Clock
from data_factory.service.commands import IdempotencyKey
from data_factory.service.lookups import project_of
from data_factory.service.paging import Part
from data_factory.store.promises import Reads, Store, Transaction

MAX_DEPTH: Final = 9
"""How many projects a project may be in."""


class Projects:
    """The projects of the accounts."""

    def __init__(self, store: Store, clock: Clock, new_id: NewId) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id

    async def create(
        self,
        account_id: str,
        definition: ProjectDefinition,
        idempotency: IdempotencyKey | None = None,
        by: Actor = SYSTEM,
    ) -> ProjectRecord:
        """Make a project.

        Raises:
            Invalid: there is no such parent.
            ProjectMisplaced: it would be too deep.
        """
        now, id = self._clock(), self._new_id()

        async def work(transaction: Transaction) -> ProjectRecord:
            if idempotency is not None:
                for earlier in await transaction.idempotency_keys([(account_id, idempotency.key)]):
                    if earlier.fingerprint != idempotency.fingerprint:
                        raise IdempotencyKeyReused
                    return await project_of(transaction, account_id, earlier.resource_id)
            await transaction.hold_projects(account_id)
            project = ProjectRecord(
                id=id,
                account_id=account_id,
                title=definition.display_name,
                parent_id=definition.parent_id,
                depth=await _depth_in(transaction, account_id, definition.parent_id),
                status=definition.status,
                created_at=now,
                updated_at=now,
            )
            await transaction.insert_project(project)
            await note(transaction, "project.created", by, now, self._new_id, project, title=project.title)
            if idempotency is not None:
                made = IdempotencyRecord(account_id, idempotency.key, idempotency.fingerprint, id, now)
                await transaction.insert_idempotency_keys([made], now - IDEMPOTENCY_MS)
            return project

        return await self._store.write(work)

    async def project(self, account_id: str, id: str) -> ProjectRecord:
        """A project; NotFound when there is none."""
        return await self._store.ask(lambda reads: project_of(reads, account_id, id))

    async def projects(self, account_id: str, part: Part) -> list[ProjectRecord]:
        """Projects, newest first."""
        return await self._store.ask(lambda reads: reads.projects_of_account(account_id, part))

    async def change(self, account_id: str, id: str, patch: ProjectPatch, by: Actor = SYSTEM) -> ProjectRecord:
        """Rename a project, move it with all that is in it, or change its status.

        Raises:
            NotFound: there is none.
            Invalid: there is no such parent.
            ProjectMisplaced: it would be in itself, or something in it would be too deep.
        """

        async def work(transaction: Transaction) -> ProjectRecord:
            await transaction.hold_projects(account_id)
            present = await project_of(transaction, account_id, id)
            parent_id = present.parent_id if patch.parent_id is UNSET else patch.parent_id
            depth = present.depth
            if parent_id != present.parent_id:
                depth = await _depth_in(transaction, account_id, parent_id, id)
            changed = replace(
                present,
                title=present.title if patch.display_name is UNSET else patch.display_name,
                parent_id=parent_id,
                depth=depth,
                status=present.status if patch.status is UNSET else patch.status,
                updated_at=self._clock(),
            )
            await transaction.update_project(changed, depth - present.depth)
            about = {"title": changed.title, "parentId": changed.parent_id, "status": changed.status}
            await note(transaction, "project.updated", by, changed.updated_at, self._new_id, changed, **about)
            return changed

        return await self._store.write(work)

    async def delete(self, account_id: str, id: str, by: Actor = SYSTEM) -> ProjectRecord:
        """Delete a project that has nothing in it.

        Raises:
            NotFound: there is none.
            ProjectNotEmpty: there is something in it; the message says what.
        """

        async def work(transaction: Transaction) -> ProjectRecord:
            await transaction.hold_projects(account_id)
            project = await project_of(transaction, account_id, id)
            jobs = [f"the job {job.key!r}" for job in await transaction.jobs_in_project(id)]
            inner = [f"the project {one.title!r}" for one in await transaction.projects_in_project(id)]
            if jobs or inner:
                raise ProjectNotEmpty(f"In the project {project.title!r} there are: {', '.join(jobs + inner)}.")
            await transaction.delete_project(id)
            await note(transaction, "project.deleted", by, self._clock(), self._new_id, project, title=project.title)
            return project

        return await self._store.write(work)


async def _depth_in(reads: Reads, account_id: str, parent_id: str | None, id: str | None = None) -> int:
    """How deep something is in a project: a new one, or one that is there with all that is in it."""
    above = [] if parent_id is None else await reads.projects_above(account_id, parent_id)
    if parent_id is not None and not above:
        raise Invalid(errors=(FieldError("parentId", f"there is no project {parent_id!r} in this account"),))
    if id in above:
        raise ProjectMisplaced("A project cannot be in itself, nor in one that is in it.")
    below = 0 if id is None else await reads.depth_below(id)
    if len(above) + below > MAX_DEPTH:
        raise ProjectMisplaced(f"A project can be in {MAX_DEPTH} others at the most, one inside the other.")
    return len(above)
