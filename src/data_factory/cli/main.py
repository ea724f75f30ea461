"""`data-factory`: the command line."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from dotenv import load_dotenv

from data_factory.cli.server import server

app = typer.Typer(
    name="data-factory",
    help="Run jobs of custom tasks: the platform, the workers, and everything to work with both.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(server)


@app.callback()
def options(
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and stop.", is_eager=True)] = False,
) -> None:
    """What comes before the command."""
    if show_version:
        typer.echo(version("data-factory"))
        raise typer.Exit


def main() -> None:
    """Run the command line, with the settings of `.env` where the environment does not have them."""
    load_dotenv(Path(".env"))
    app()
