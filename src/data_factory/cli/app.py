"""`data-factory`: all commands, as typer has them."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Final

import typer

from data_factory.cli import executions, files, jobs, keys, stores, tasks, variables
from data_factory.cli.demo import demo
from data_factory.cli.init import init
from data_factory.cli.migrate import migrate
from data_factory.cli.options import for_typer
from data_factory.cli.packing import pack_job
from data_factory.cli.run import run
from data_factory.cli.schedules import show_schedule
from data_factory.cli.server import server
from data_factory.cli.validate import show_schema, validate_job
from data_factory.cli.versions import diff_versions, list_versions, republish
from data_factory.cli.worker import worker

app: Final = typer.Typer(
    name="data-factory",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
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


app.command(short_help="Run the platform on this machine.")(server)
app.command(short_help="Change the schema of the data for a new version.")(migrate)
app.command(short_help="Run the tasks of a module.")(for_typer(worker))
app.command(short_help="Make a project for a task.")(for_typer(init))
app.add_typer(tasks.app)
jobs.app.command("validate")(validate_job)
jobs.app.command("schema")(show_schema)
jobs.app.command("pack")(pack_job)
jobs.app.command("versions")(list_versions)
jobs.app.command("diff")(diff_versions)
jobs.app.command("republish")(republish)
jobs.app.command("schedule")(show_schedule)
app.add_typer(jobs.app)
app.command()(run)
app.add_typer(executions.app)
app.add_typer(files.app)
app.add_typer(variables.app)
app.add_typer(keys.app)
app.add_typer(stores.app)
app.command(short_help="See it all at work, from nothing to a result.")(demo)
