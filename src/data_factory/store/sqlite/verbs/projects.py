"""The verbs of projects, on SQLite."""

from __future__ import annotations

from data_factory.model.records import JobRecord, ProjectRecord
from data_factory.store.promises import Slice
from data_factory.store.sqlite.session import Session, as_dict


class Projects(Session):
    """The verbs of projects."""

    async def project(self, account_id: str, id: str) -> ProjectRecord | None:
        return self._one(ProjectRecord, "project", account_id=account_id, id=id)

    async def projects_of_account(self, account_id: str, part: Slice) -> list[ProjectRecord]:
        return self._listed(ProjectRecord, "projects_of_account", part, account_id=account_id)

    async def projects_above(self, account_id: str, id: str) -> list[str]:
        return [id for (id,) in self._execute("projects_above", account_id=account_id, id=id)]

    async def depth_below(self, id: str) -> int:
        depth: int = self._execute("depth_below", id=id).fetchone()[0]
        return depth

    async def projects_in_project(self, id: str) -> list[ProjectRecord]:
        return self._all(ProjectRecord, "projects_in_project", id=id)

    async def jobs_in_project(self, id: str) -> list[JobRecord]:
        return self._all(JobRecord, "jobs_in_project", id=id)

    async def hold_projects(self, account_id: str) -> None:
        pass  # whoever writes here is alone

    async def insert_project(self, project: ProjectRecord) -> None:
        self._execute("insert_project", **as_dict(project))

    async def update_project(self, project: ProjectRecord, deeper: int) -> None:
        self._execute("update_project", **as_dict(project))
        if deeper:
            self._execute("shift_projects", id=project.id, by=deeper)

    async def delete_project(self, id: str) -> None:
        self._execute("delete_project", id=id)
