"""`data-factory pipeline`: where job executions wait for their turn, and how many run at a time."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.table import Table

from data_factory.cli.connection import connected
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.holding import Reason
from data_factory.cli.names import filled
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rendering import Json, console, moment, printable, show, show_json, show_list, table
from data_factory.client import calls
from data_factory.model.resources import Paused, Pipeline

app: Final = typer.Typer(name="pipeline", help="Make, change, pause and resume pipelines.", no_args_is_help=True)

PipelineId = Annotated[
    str, typer.Argument(metavar="ID", help="The id of the pipeline.", show_default=False, callback=filled)
]


@app.command("create")
def create_pipeline(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What it is called.", show_default=False)],
    slots: Annotated[int, typer.Option(metavar="N", min=1, help="How many of its job executions run at a time.")] = 1,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a pipeline. A job is put into it when it is published.

    \b
    Example:
      data-factory pipeline create "at night" --slots 4
    """
    with connected(url) as connection:
        made = connection.ask(calls.create_pipeline(title, slots=slots))
        if as_json:
            show_json(made.json)
        else:
            console().print(printable(f"Created the pipeline {made.value.title}: {made.value.id}"))
            note(f"Put a job into it: {connection.command(f'job push FOLDER --pipeline {made.value.id}')}")


@app.command("update")
def update_pipeline(
    pipeline: PipelineId,
    title: Annotated[str | None, typer.Option(metavar="TITLE", help="What it is called from now on.")] = None,
    slots: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How many run at a time from now on.", show_default=False)
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Change a pipeline. With more slots, more is started at once; with fewer, what runs goes on.

    \b
    Example:
      data-factory pipeline update 01a2b3c4d5e6f708192a3b4c --slots 8
    """
    if title is None and slots is None:
        raise Stop(ExitCode.USAGE, "Say what is to change: --title, --slots.")
    with connected(url) as connection:
        found = connection.ask(calls.get_pipeline(pipeline)).value
        call = calls.update_pipeline(pipeline, found.title if title is None else title, slots=slots or found.slots)
        changed = connection.ask(call)
        show(as_json, changed.json, lambda: _shown([changed.value]))


@app.command("list")
def list_pipelines(
    limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 20, url: Url = None, as_json: Json = False
) -> None:
    """List the pipelines, newest first.

    \b
    Example:
      data-factory pipeline list
    """
    with connected(url) as connection:
        found, more = connection.some(calls.list_pipelines(), limit)
        show_list(as_json, [one.json for one in found], lambda: _shown([one.value for one in found]), "There are none.")
        if more:
            note(f"There are more: --limit {limit * 5}")


@app.command("pause")
def pause_pipeline(pipeline: PipelineId, reason: Reason = "", url: Url = None, as_json: Json = False) -> None:
    """Pause a pipeline: no job execution is started in it until it is resumed. What runs goes on.

    \b
    Example:
      data-factory pipeline pause 01a2b3c4d5e6f708192a3b4c --reason "maintenance until noon"
    """
    with connected(url) as connection:
        paused = connection.ask(calls.pause_pipeline(pipeline, reason=reason))
        if as_json:
            show_json(paused.json)
        else:
            console().print(printable(f"Paused {paused.value.title}."))


@app.command("resume")
def resume_pipeline(pipeline: PipelineId, url: Url = None, as_json: Json = False) -> None:
    """Let a paused pipeline go on.

    \b
    Example:
      data-factory pipeline resume 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
        resumed = connection.ask(calls.resume_pipeline(pipeline))
        if as_json:
            show_json(resumed.json)
        else:
            console().print(printable(f"Resumed {resumed.value.title}."))


def _shown(found: list[Pipeline]) -> Table:
    rows = [(one.id, one.title, str(one.slots), _pause(one.paused) if one.paused else "") for one in found]
    return table(["ID", "TITLE", "SLOTS", ""], rows)


def _pause(paused: Paused) -> str:
    return f"paused since {moment(paused.since)}{f': {paused.reason}' if paused.reason else ''}"
