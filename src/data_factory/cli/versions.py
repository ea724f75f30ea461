"""`data-factory job versions`, `diff` and `republish`: what a job has been."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.console import Group, RenderableType

from data_factory.cli.connection import connected
from data_factory.cli.jobs import JobName
from data_factory.cli.names import job_named
from data_factory.cli.options import Url
from data_factory.cli.rendering import Json, console, printable, show, show_json, show_list, table, when
from data_factory.client import calls
from data_factory.model.resources import Difference, JobDiff, JobVersion

_MARKS = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}
_STYLES = {"added": "green", "removed": "red", "changed": "yellow", "moved": "cyan"}


def list_versions(job: JobName, url: Url = None, as_json: Json = False) -> None:
    """List the versions of a job, newest first.

    \b
    Example:
      data-factory job versions run-task
    """
    with connected(url) as connection:
        found = list(connection.read(calls.list_job_versions(job_named(connection, job).value.id)))
        show_list(as_json, [one.json for one in found], lambda: _versions([one.value for one in found]), "")


def diff_versions(
    job: JobName,
    old: Annotated[
        int | None, typer.Argument(metavar="[FROM]", min=1, help="The version to compare with.  [the one before]")
    ] = None,
    new: Annotated[
        int | None, typer.Argument(metavar="[TO]", min=1, help="The version to compare.  [the present one]")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show what has changed from one version of a job to another.

    \b
    Examples:
      data-factory job diff run-task
      data-factory job diff run-task 2 5
    """
    with connected(url) as connection:
        found = job_named(connection, job).value
        to = new or found.version
        diff = connection.ask(calls.diff_job_versions(found.id, old or max(1, to - 1), to))
        show(as_json, diff.json, lambda: _diff(diff.value))


def republish(
    job: JobName,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The older version.", show_default=False)],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Publish an older version of a job again, as its next one. Its pipeline and its status stay as they are.

    \b
    Example:
      data-factory job republish run-task 2
    """
    with connected(url) as connection:
        id = job_named(connection, job).value.id
        made = connection.ask(calls.publish_job_version(id, version))
        if as_json:
            show_json(made.json)
        else:
            console().print(
                printable(f"Published version {version} of {made.value.key} again, as version {made.value.version}")
            )


def _versions(versions: list[JobVersion]) -> RenderableType:
    rows = [(str(one.version), when(one.created_at), "present" if one.is_current else "") for one in versions]
    return table(["VERSION", "PUBLISHED", ""], rows)


def _diff(diff: JobDiff) -> RenderableType:
    title = f"From version {diff.from_version} to {diff.to_version}"
    if not diff.changes:
        return printable(f"{title}: nothing has changed.")
    more = [printable("… and more.")] if diff.more else []
    return Group(printable(f"{title}:"), *map(_change, diff.changes), *more)


def _change(one: Difference) -> RenderableType:
    match one.kind:
        case "added":
            said = _short(one.after)
        case "removed":
            said = _short(one.before)
        case "moved":
            said = f"from place {one.before} to {one.after}"
        case _:
            said = f"{_short(one.before)} → {_short(one.after)}"
    return printable(f"{_MARKS[one.kind]} {one.path}: {said}", _STYLES[one.kind])


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else f"{text[:200]}…"
