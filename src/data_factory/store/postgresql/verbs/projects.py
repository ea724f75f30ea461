"""The verbs of projects, on PostgreSQL."""

from __future__ import annotations

from data_factory.model.records import JobRecord, ProjectRecord
from data_factory.store.postgresql.session import Session, WritingSession, as_dict
from data_factory.store.promises import Slice


class ProjectReads(Session):
    """What can be asked of projects."""

    async def project(self, account_id: str, id: str) -> ProjectRecord | None:
        return await self._one(ProjectRecord, "project", account_id=account_id, id=id)

    async def projects_of_account(self, account_id: str, part: Slice) -> list[ProjectRecord]:
        return await self._listed(ProjectRecord, "projects_of_account", part, account_id=account_id)

    async def projects_above(self, account_id: str, id: str) -> list[str]:
        return await self._names("projects_above", account_id=account_id, id=id)

    async def depth_below(self, id: str) -> int:
        depth: int = (await self._fetch("depth_below", id=id))[0][0]
        return depth

    async def projects_in_project(self, id: str) -> list[ProjectRecord]:
        return await self._all(ProjectRecord, "projects_in_project", id=id)

    async def jobs_in_project(self, id: str) -> list[JobRecord]:
        return await self._all(JobRecord, "jobs_in_project", id=id)


class ProjectWrites(ProjectReads, WritingSession):
    """What can be done with projects."""

    async def project(self, account_id: str, id: str) -> ProjectRecord | None:
        return await self._one(ProjectRecord, "hold_project", account_id=account_id, id=id)

    async def jobs_in_project(self, id: str) -> list[JobRecord]:
        await self._fetch("hold_project_alone", id=id)
        return await super().jobs_in_project(id)

    async def hold_projects(self, account_id: str) -> None:
        await self._fetch("hold_projects", account_id=account_id)

    async def insert_project(self, project: ProjectRecord) -> None:
        await self._execute("insert_project", **as_dict(project))

    async def update_project(self, project: ProjectRecord, deeper: int) -> None:
        await self._execute("update_project", **as_dict(project))
        if deeper:
            await self._execute("shift_projects", id=project.id, by=deeper)

    async def delete_project(self, id: str) -> None:
        await self._execute("delete_project", id=id)
