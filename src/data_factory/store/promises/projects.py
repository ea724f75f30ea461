"""What a store promises of projects."""

from __future__ import annotations

from typing import Protocol

from data_factory.model.records import JobRecord, ProjectRecord
from data_factory.store.promises.parts import Slice


class ProjectReads(Protocol):
    """What can be asked of projects."""

    async def project(self, account_id: str, id: str) -> ProjectRecord | None:
        """A project; in a transaction it is there until that ends."""
        ...

    async def projects_of_account(self, account_id: str, part: Slice) -> list[ProjectRecord]: ...

    async def projects_above(self, account_id: str, id: str) -> list[str]:
        """The ids of a project and of those that it is in, the innermost first."""
        ...

    async def depth_below(self, id: str) -> int:
        """How many levels of projects there are in a project."""
        ...

    async def projects_in_project(self, id: str) -> list[ProjectRecord]:
        """Some of the projects that are in a project."""
        ...

    async def jobs_in_project(self, id: str) -> list[JobRecord]:
        """Some of the jobs that are in a project; in a transaction none comes into it until that ends."""
        ...


class ProjectWrites(Protocol):
    """What can be done of projects."""

    async def hold_projects(self, account_id: str) -> None:
        """Be alone, until the transaction ends, in changing which projects the account has, and where they are."""
        ...

    async def insert_project(self, project: ProjectRecord) -> None: ...

    async def update_project(self, project: ProjectRecord, deeper: int) -> None:
        """Change a project; what is in it is so much deeper now."""
        ...

    async def delete_project(self, id: str) -> None: ...
