"""Projects as users name them: by id, or by the names on the way to them."""

from __future__ import annotations

from collections.abc import Iterable

from data_factory.cli.connection import Answer, Connection
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.client import calls
from data_factory.model.ids import is_id
from data_factory.model.resources import Project


def paths_of(found: Iterable[Project]) -> dict[str, str]:
    """The path of each project by its id: `Sales/Imports`."""
    by_id = {project.id: project for project in found}
    paths: dict[str, str] = {}

    def path(project: Project) -> str:
        parent = by_id.get(project.parent_id or "")
        return f"{path(parent)}/{project.display_name}" if parent else project.display_name

    for project in by_id.values():
        paths[project.id] = path(project)
    return paths


def project_named(connection: Connection, name: str) -> Answer[Project]:
    """The project with this id or path; ends the command if there is none, or more than one."""
    if is_id(name):
        return connection.ask(calls.get_project(name))
    every = {answer.value.id: answer for answer in connection.read(calls.list_projects())}
    ids = [id for id, path in paths_of(answer.value for answer in every.values()).items() if path == name]
    if len(ids) > 1:
        raise Stop(ExitCode.USAGE, f"There is more than one project {name!r}: name it by its id.", ids)
    if not ids:
        raise Stop(ExitCode.USAGE, f"There is no project {name!r}: `{connection.command('project list')}` shows them.")
    return every[ids[0]]
