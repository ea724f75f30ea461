"""`data-factory job schedule`: when a job is launched by itself."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Group, RenderableType

from data_factory.cli.connection import connected
from data_factory.cli.jobs import JobName
from data_factory.cli.names import job_named
from data_factory.cli.options import Url
from data_factory.cli.rendering import Json, moment, printable, show, table
from data_factory.client import calls
from data_factory.model.definitions import PeriodicityRule
from data_factory.model.resources import Schedule


def show_schedule(
    job: JobName,
    pause: Annotated[bool, typer.Option("--pause", help="Launch it by its periodicity no more.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Launch it again; what came meanwhile is not made up for.")
    ] = False,
    cron: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help="Launch it at these times, in UTC, and at no others; up to three times.",
            show_default=False,
        ),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take its rules away.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show when a job is launched by itself: its rules, and the next times. Set them, pause that, or resume it.

    \b
    Examples:
      data-factory job schedule run-task
      data-factory job schedule run-task --cron '0 3 * * *' --cron '0 15 * * SAT'
      data-factory job schedule run-task --pause
    """
    if sum((pause, resume, bool(cron), clear)) > 1:
        raise typer.BadParameter("give one of --pause, --resume, --cron and --clear")
    with connected(url) as connection:
        id = job_named(connection, job).value.id
        if cron or clear:
            call = calls.set_schedule(id, [PeriodicityRule(cron_expression=rule) for rule in cron or []])
        else:
            ask = calls.pause_schedule if pause else calls.resume_schedule if resume else calls.get_schedule
            call = ask(id)
        found = connection.ask(call)
        show(as_json, found.json, lambda: _schedule(found.value))


def _schedule(schedule: Schedule) -> RenderableType:
    if not schedule.periodicity:
        return printable("It has no periodicity: nothing launches it by itself.")
    rules = [(rule.cron_expression, "yes" if rule.is_enabled else "no") for rule in schedule.periodicity]
    if schedule.is_paused:
        said = "It is paused."
    elif schedule.next_runs_at:
        said = "\n".join(["The next times:", *(f"  {moment(at)}" for at in schedule.next_runs_at)])
    else:
        said = "Nothing launches it: the job is INACTIVE, or no rule is enabled."
    return Group(table(["CRON (UTC)", "ENABLED"], rules), printable(said))
