"""`data-factory events`: what happens, as it happens."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from data_factory.cli.connection import connected
from data_factory.cli.exit_codes import ExitCode
from data_factory.cli.options import Url
from data_factory.cli.plain import print_line
from data_factory.cli.rendering import Json, console, printable
from data_factory.model.resources import Event


def events(
    execution: Annotated[
        str | None, typer.Option(metavar="ID", help="Only what happens to this job execution.", show_default=False)
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="job_execution, task_execution, log, or a single event; as often as needed.",
            show_default=False,
        ),
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Follow what happens, until Ctrl-C; of one job execution, until it has ended. With --json, an event a line.

    \b
    Example:
      data-factory events
      data-factory events --execution 01a2b3c4d5e6f708192a3b4c --kind log
    """
    with connected(url) as connection:
        try:
            for event in connection.client.events(execution, kinds=kinds or ()):
                if as_json:
                    print_line(msgspec.json.encode(event))
                else:
                    console().print(printable(_line(event)))
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None


def _line(event: Event) -> str:
    about = event.data or {}
    told = [about.get("id", ""), about.get("taskReferenceName", ""), about.get("status", ""), about.get("message", "")]
    return "  ".join([event.event.ljust(24), *(str(one) for one in told if one)])
