"""`data-factory`: all commands, as typer has them."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from data_factory.cli.commands import Commands

app: Final = typer.Typer(
    name="data-factory",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("data-factory"))
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Run jobs of custom tasks: the platform, the workers, and everything to work with both.

    \b
    To see it all at work:
      data-factory demo

    \b
    Or piece by piece, each in a terminal of its own:
      data-factory server
      data-factory job push jobs/run-task --create-tasks
      data-factory worker my_module
      data-factory run run-task --input power=10 --wait

    Which server, and with which key: API_BASE_PATH and API_ACCESS_TOKEN, in the environment or in a file .env here.
    For a server of your own on this machine neither is needed.

    \b
    Exit codes:
      0  done
      1  the job execution did not complete: FAILED, TIMEDOUT, TERMINATED, USER_ERROR
      2  wrong use: unknown option, input that is not valid, no such job, refused by the state of things
      3  the server cannot be reached, or does not accept the key
      4  the job execution has not ended after --timeout
    """
