"""`data-factory project`: folders for jobs."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.table import Table

from data_factory.cli.asking import Yes, ask_first
from data_factory.cli.connection import Answer, connected
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.options import Url
from data_factory.cli.project_paths import paths_of, project_named
from data_factory.cli.rendering import Json, console, printable, show_json, show_list, status, table
from data_factory.client import calls
from data_factory.model.resources import Project

ProjectName = Annotated[
    str, typer.Argument(metavar="PROJECT", help="The path of the project, or its id.", show_default=False)
]

app: Final = typer.Typer(name="project", help="Keep jobs in folders.", no_args_is_help=True)


@app.command("create")
def create_project(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called, or its path.", show_default=False)],
    inside: Annotated[
        str | None, typer.Option("--in", metavar="PROJECT", help="The project that it is in.  [none]")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a project, at the top or in another one.

    \b
    Examples:
      data-factory project create Sales
      data-factory project create Sales/Imports
      data-factory project create Imports --in Sales
    """
    way, _, last = name.rpartition("/")
    if inside and way:
        raise Stop(ExitCode.USAGE, f"Name the way to it once: {name} or --in {inside}.")
    with connected(url) as connection:
        parent = project_named(connection, way or inside or "").value.id if way or inside else None
        made = connection.ask(calls.create_project(last, parent_id=parent))
        _tell(made, f"Created the project {name}: {made.value.id}", as_json)


@app.command("list")
def list_projects(url: Url = None, as_json: Json = False) -> None:
    """List the projects, each after the one that it is in.

    \b
    Example:
      data-factory project list
    """
    with connected(url) as connection:
        found = list(connection.read(calls.list_projects()))
        hint = f"There are no projects yet: `{connection.command('project create NAME')}` makes one."
        show_list(as_json, [one.json for one in found], lambda: _projects([one.value for one in found]), hint)


@app.command("move")
def move_project(
    project: ProjectName,
    to: Annotated[str | None, typer.Option("--to", metavar="PROJECT", help="The project to move it into.")] = None,
    top: Annotated[bool, typer.Option("--top", help="Move it out of all others.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Move a project, with all that is in it.

    \b
    Examples:
      data-factory project move Sales/Imports --to Archive
      data-factory project move Sales/Imports --top
    """
    if (to is None) == (not top):
        raise Stop(ExitCode.USAGE, "Give one of --to and --top.")
    with connected(url) as connection:
        id = project_named(connection, project).value.id
        parent = project_named(connection, to).value.id if to else None
        moved = connection.ask(calls.move_project(id, parent))
        _tell(moved, f"Moved the project {moved.value.display_name}", as_json)


@app.command("rename")
def rename_project(
    project: ProjectName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called from now on.", show_default=False)],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Give a project another name.

    \b
    Example:
      data-factory project rename Sales/Imports Supplies
    """
    with connected(url) as connection:
        id = project_named(connection, project).value.id
        renamed = connection.ask(calls.rename_project(id, name))
        _tell(renamed, f"Renamed the project: {renamed.value.display_name}", as_json)


@app.command("delete")
def delete_project(project: ProjectName, yes: Yes = False, url: Url = None, as_json: Json = False) -> None:
    """Delete a project that has nothing in it. On a terminal, asks first.

    \b
    Example:
      data-factory project delete Sales/Imports
    """
    with connected(url) as connection:
        id = project_named(connection, project).value.id
        ask_first(yes, f"Delete the project {project}?")
        deleted = connection.ask(calls.delete_project(id))
        _tell(deleted, f"Deleted the project {deleted.value.display_name}", as_json)


def _tell(answer: Answer[Project], said: str, as_json: bool) -> None:
    if as_json:
        show_json(answer.json)
    else:
        console().print(printable(said))


def _projects(found: list[Project]) -> Table:
    paths = paths_of(found)
    rows = [(paths[one.id], one.id, status(one.status)) for one in sorted(found, key=lambda one: paths[one.id])]
    return table(["PROJECT", "ID", "STATUS"], rows)
