"""The calls about projects, described."""

from __future__ import annotations

from typing import Any

from data_factory.client.call import Call, Listing, Pages
from data_factory.client.calls.parts import create_one, path_of
from data_factory.model.resources import Project
from data_factory.model.status import ProjectStatus


def create_project(
    display_name: str, *, parent_id: str | None = None, idempotency_key: str | None = None
) -> Call[Project]:
    """Make a project: a folder for jobs, in another one or at the top.

    >>> client.projects.create("Imports", parent_id=sales.id)  # doctest: +SKIP
    """
    body = {"displayName": display_name, "parentId": parent_id}
    return create_one("projects", body, Project, idempotency_key)


def get_project(project_id: str) -> Call[Project]:
    """The project with this id."""
    return Call(method="GET", path=path_of("projects", project_id), result=Project)


def list_projects(*, size: int = 100) -> Pages[Project]:
    """The projects of the account, newest first, read `size` at a time."""
    return Pages(path=path_of("projects"), result=Listing[Project], size=size)


def rename_project(project_id: str, display_name: str) -> Call[Project]:
    """Give a project another name."""
    return _patch(project_id, {"displayName": display_name})


def move_project(project_id: str, parent_id: str | None) -> Call[Project]:
    """Move a project, with all that is in it, into another one, or to the top (None)."""
    return _patch(project_id, {"parentId": parent_id})


def set_project_status(project_id: str, status: ProjectStatus) -> Call[Project]:
    """Put a project aside (INACTIVE), or take it up again (ACTIVE)."""
    return _patch(project_id, {"status": status})


def delete_project(project_id: str) -> Call[Project]:
    """Delete a project that has nothing in it; gives back what it was."""
    return Call(method="DELETE", path=path_of("projects", project_id), result=Project, repeat="unsent")


def _patch(project_id: str, changes: dict[str, Any]) -> Call[Project]:
    return Call(method="PATCH", path=path_of("projects", project_id), body=changes, result=Project)
