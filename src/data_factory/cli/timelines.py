"""`data-factory execution timeline`: what happened in a job execution, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Final

import typer
from rich.console import Group
from rich.text import Text

from data_factory.cli.connection import connected
from data_factory.cli.executions import ExecutionId
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rendering import Json, duration, moment, printable, show_list
from data_factory.client import calls
from data_factory.model.resources import Happening

_STYLES: Final = {
    "completed": "green",
    "claimed": "cyan",
    "started": "cyan",
    "failed": "red",
    "timed_out": "red",
    "heartbeat_lost": "red",
    "retried": "yellow",
    "handed_back": "yellow",
    "given_up": "red",
    "queued": "yellow",
    "canceled": "magenta",
}
_ENDS: Final = {"COMPLETED": "green", "TERMINATED": "magenta"}


def tell_timeline(
    execution: ExecutionId,
    limit: Annotated[int, typer.Option(min=1, help="How many lines, at most.")] = 1_000,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Tell what happened in a job execution, oldest first: by whom it was launched, what each task did, how it ended.

    Each line has the time since the launch.

    \b
    Example:
      data-factory execution timeline 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
        found, more = connection.some(calls.tell_timeline(execution), limit)
        lines = [one.value for one in found]
        show_list(as_json, [one.json for one in found], lambda: Group(*_lines(lines)), "Nothing has happened yet.")
        if more:
            note(f"There is more: --limit {limit * 5}")


def _lines(told: Sequence[Happening]) -> Iterator[Text]:
    begin = told[0].at
    yield Text(f"{moment(begin)}", "dim")
    for one in told:
        yield Text.assemble((f"{_since(begin, one.at):>14}  ", "dim"), printable(one.message, _style(one)))


def _since(begin: datetime, at: datetime) -> str:
    return "+" + duration((at - begin).total_seconds())


def _style(told: Happening) -> str:
    what = told.kind.partition(".")[2]
    if told.kind == "job_execution.ended":
        return _ENDS.get(told.status or "", "red") + " bold"
    return _STYLES.get(what, "")
