"""What is shown: tables and cards, in colour on a terminal and as plain text in a pipe, or JSON when asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec
import typer
from rich.console import Console, RenderableType
from rich.highlighter import JSONHighlighter
from rich.table import Table
from rich.text import Text

from data_factory.cli.plain import cleaned, note, print_json
from data_factory.client.decoding import UNKNOWN_TIME
from data_factory.model.ids import is_id
from data_factory.model.resources import Failure, JobExecution, TaskExecution

Json = Annotated[bool, typer.Option("--json", help="Print what the API answers, as JSON.")]

NO_VALUE: Final = "-"

_PIPE_WIDTH: Final = 100_000
_LAST_WIDTH: Final = 10
_GAP: Final = 3
_MOST_LINES: Final = 40
_MOST_CHARACTERS: Final = 4_000
_STYLES: Final = {
    "COMPLETED": "green",
    "COMPLETED_WITH_ERRORS": "yellow",
    "ACTIVE": "green",
    "RUNNING": "cyan",
    "IN_PROGRESS": "cyan",
    "PENDING": "yellow",
    "SCHEDULED": "yellow",
    "DRAFT": "yellow",
    "INACTIVE": "dim",
    "SKIPPED": "dim",
    "CANCELED": "magenta",
    "TERMINATED": "magenta",
}

T = TypeVar("T")


def console(*, stderr: bool = False) -> Console:
    """Standard output, or standard error: in colour only on a terminal, and without line breaks of ours in a pipe."""
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr, width=None if is_terminal else _PIPE_WIDTH, markup=False, highlight=False, emoji=False
    )


def printable(text: str, style: str = "") -> Text:
    """Text from anywhere, without what a terminal would obey."""
    return Text(cleaned(text), style)


def status(text: str) -> Text:
    """A status in its colour."""
    return printable(text, _STYLES.get(text, "red"))


def moment(at: datetime | None) -> str:
    """A time on this machine's clock."""
    return NO_VALUE if at is None or at == UNKNOWN_TIME else f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def when(at: datetime | None) -> str:
    """A time in a table: how long ago, where a table must be narrow, else as it is."""
    if at is None or at == UNKNOWN_TIME or not sys.stdout.isatty():
        return moment(at)
    return f"{_rounded((datetime.now(UTC) - at).total_seconds())} ago"


def _rounded(seconds: float) -> str:
    """A length of time in one unit.

    >>> _rounded(59), _rounded(7_300), _rounded(200_000)
    ('59 s', '2 h', '2 d')
    """
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def duration(seconds: float) -> str:
    """A length of time, as exact as anybody wants to read it.

    >>> duration(0.25), duration(75), duration(7_500)
    ('0.25 s', '1 min 15 s', '2 h 5 min')
    """
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def elapsed(execution: JobExecution | TaskExecution) -> str:
    """How long it ran, or has been running; nothing if it has not started."""
    if execution.started_at is None:
        return ""
    return duration(((execution.ended_at or datetime.now(UTC)) - execution.started_at).total_seconds())


def explained(failure: Failure) -> str:
    """Why something failed."""
    where = f" (task {failure.task_reference_name})" if failure.task_reference_name else ""
    return f"{failure.code}{where}: {failure.message}"


def table(headers: Sequence[str], rows: Iterable[Sequence[str | RenderableType]]) -> Table:
    """A table, of which only the last column is broken into lines: all others can be copied whole."""
    cells = [[printable(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    *firm, last = headers
    widths = [max(_LAST_WIDTH, len(last))]
    for index, header in enumerate(firm):
        texts = [row[index] for row in cells]
        widths.append(max([len(header), *(text.cell_len for text in texts if isinstance(text, Text))]))
        made.add_column(header, no_wrap=True, min_width=widths[-1])
    made.add_column(last, overflow="fold")
    for row in cells:
        made.add_row(*row)
    needed = sum(widths) + _GAP * len(firm)
    if needed > console().width:
        made.width = needed  # the terminal breaks the lines, rather than that we hide a column
    return made


def card(fields: Mapping[str, str | RenderableType | None]) -> Table:
    """What is known of one thing: names and values; None is left out."""
    made = Table.grid(padding=(0, 3, 0, 0))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in fields.items():
        if value is not None:
            made.add_row(name, _value(value) if isinstance(value, str) else value)
    return made


def excerpt(value: Any) -> Text:
    """A JSON value for people: laid out, in colour, and cut where it gets long."""
    whole = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    lines = whole[:_MOST_CHARACTERS].splitlines()[:_MOST_LINES]
    shown = JSONHighlighter()(printable("\n".join(lines)))
    if len(shown) < len(whole):
        shown.append("\n… (--json prints all of it)", "dim")
    return shown


def show_json(json: bytes) -> None:
    """Print a JSON document, laid out and otherwise exactly as it is."""
    if sys.stdout.isatty():
        console().print(JSONHighlighter()(msgspec.json.format(json, indent=2).decode()), soft_wrap=True)
    else:
        print_json(json)


def show(as_json: bool, json: bytes, render: Callable[[], RenderableType]) -> None:
    """Print a resource in one of the two ways."""
    if as_json:
        show_json(json)
    else:
        console().print(render(), crop=False)


def show_list(as_json: bool, items: Sequence[bytes], render: Callable[[], RenderableType], hint: str) -> None:
    """Print a list of resources; the hint stands for an empty one."""
    if as_json:
        show_json(b"[" + b",".join(items) + b"]")
    elif items:
        console().print(render(), crop=False)
    else:
        note(hint)


def _value(text: str) -> Text:
    return printable(text, "cyan" if is_id(text) else "")
