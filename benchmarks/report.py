"""What was measured: kept in files, printed, and written as the page `docs/benchmarks.md`.

Whoever measures makes a `Measured` of each measure, and has it kept under one of the `SECTIONS`:

    results = Results(where / "results")
    results.keep("peers", [measured])
    show(console, "peers", [measured])
    write_page(results, PAGE)

The page is made anew from all that is kept, so each command may measure its own part, whenever it likes. What is
measured again takes the place of what was measured before under the same name.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, Spread, shown, spreads

PAGE: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"

Section = Literal["sqlite", "postgresql", "peers"]

SECTIONS: Final[dict[Section, str]] = {
    "sqlite": "Ours, on SQLite",
    "postgresql": "Ours, on PostgreSQL",
    "peers": "Side by side with the peers",
}
"""The sections of the page, in its order, and their headings."""

INTRODUCTION: Final = """\
# Benchmarks

This page is written by the commands that measure: `make bench` measures ours on both stores, `make bench-peers` ours
and the peers side by side. Do not edit it. Each table says by which command, when and on which machine it was made.

A figure is the median of several runs, with the lowest and the highest beside it. A goal is held against the median.
Load, server and database share the machine. [Where each microsecond goes](explanation/performance.md) explains the
figures.
"""


class Measured(msgspec.Struct, frozen=True):
    """A measure as it was taken: what it is, by which command, when and where, and the figures of each run.

    `what` says what is measured, and how, to somebody who has not read the code. `left_out` says what a comparison
    does not show; every comparison with a peer has one. `at` is the time of the first run, as ISO 8601. `machine` has
    what `benchmarks.machine.describe` says.
    """

    name: str
    what: str
    command: str
    at: str
    machine: list[tuple[str, str]]
    runs: list[list[Figure]]
    left_out: str = ""

    @property
    def spreads(self) -> list[Spread]:
        """What the runs come to."""
        return spreads(self.runs)


class Results:
    """A folder that keeps what was measured, one JSON file a section."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, section: Section, measured: Sequence[Measured], order: Sequence[str] = ()) -> None:
        """Keep these, in the place of those that have their names. `order` has the names of all there may be, in the
        order of the page; what it does not name is removed, unless it is empty."""
        kept = {one.name: one for one in (*self.read(section), *measured)}
        self._directory.mkdir(parents=True, exist_ok=True)
        rows = [kept[name] for name in order or kept if name in kept]
        self._file(section).write_bytes(msgspec.json.format(msgspec.json.encode(rows)) + b"\n")

    def read(self, section: Section) -> list[Measured]:
        """What is kept of a section."""
        file = self._file(section)
        return msgspec.json.decode(file.read_bytes(), type=list[Measured]) if file.exists() else []

    def _file(self, section: Section) -> Path:
        return self._directory / f"{section}.json"


def show(console: Console, section: Section, measured: Sequence[Measured]) -> None:
    """Print what was measured, with the machine that it was measured on."""
    for machine, group in itertools.groupby(measured, key=lambda one: one.machine):
        console.print(f"\n[bold]{SECTIONS[section]}")
        for name, value in machine:
            console.print(f"{name + ':':11} {value}", highlight=False, markup=False, soft_wrap=True)
        for one in group:
            console.print(_printed(one))


def _printed(measured: Measured) -> Table:
    columns, rows = _laid_out(measured.spreads, lambda spread: spread.verdict)
    table = Table(title=f"\n{measured.name}", title_justify="left", show_edge=False)
    for column in columns:
        table.add_column(
            column,
            no_wrap=column == "system",
            justify="left" if column in ("system", "figure", "unit", "") else "right",
        )
    for cells, missed in rows:
        table.add_row(*cells, style="bold red" if missed else None)
    return table


def write_page(results: Results, path: Path = PAGE) -> None:
    """Write the page, of all that is kept."""
    path.write_text(page(results), encoding="utf-8")


def page(results: Results) -> str:
    """The page as Markdown."""
    return "\n".join(_page(results))


def _page(results: Results) -> Iterator[str]:
    yield INTRODUCTION
    for section, title in SECTIONS.items():
        if measured := results.read(section):
            yield f"## {title}\n"
            for machine, group in itertools.groupby(measured, key=lambda one: (one.command, one.machine)):
                yield from _group(*machine, list(group))


def _group(command: str, machine: list[tuple[str, str]], measured: list[Measured]) -> Iterator[str]:
    first, last = (pick(one.at for one in measured)[:10] for pick in (min, max))
    yield f"By `{command}`, {first if first == last else f'{first} to {last}'}, {_runs(measured)}.\n"
    yield markdown_table(["", ""], machine)
    for one in measured:
        yield f"### {one.name[:1].upper() + one.name[1:]}\n"
        yield f"{one.what}\n"
        columns, rows = _laid_out(one.spreads, _mark)
        yield markdown_table(columns, [cells for cells, _ in rows])
        if one.left_out:
            yield f"Left out: {one.left_out}\n"


def _runs(measured: Sequence[Measured]) -> str:
    counts = sorted({len(one.runs) for one in measured})
    said = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return "one run of each" if said == "1" else f"{said} runs of each"


Rows = list[tuple[list[str], bool]]
"""The cells of each row, and whether it has a goal that was not reached."""


def _laid_out(spreads: Sequence[Spread], verdict: Callable[[Spread], str]) -> tuple[list[str], Rows]:
    """The columns and rows of a table: a row a figure, or a row a system where nothing but systems is compared."""
    if all(spread.figure.system and spread.figure.goal is None for spread in spreads):
        return _by_system(spreads)
    compares = any(spread.figure.system for spread in spreads)
    columns = [*(["system"] if compares else []), "figure", "median", "lowest to highest", "unit", "goal"]
    return columns, [
        ([*([spread.figure.system] if compares else []), *_cells(spread, verdict(spread))], spread.reached is False)
        for spread in spreads
    ]


def _mark(spread: Spread) -> str:
    return {None: "", True: "✓", False: "✗ **not reached**"}[spread.reached]


def _cells(spread: Spread, verdict: str) -> list[str]:
    goal = "" if spread.figure.goal is None else f"{spread.figure.goal} {verdict}"
    return [spread.figure.name, shown(spread.median), spread.range, spread.figure.unit, goal]


def _by_system(spreads: Sequence[Spread]) -> tuple[list[str], Rows]:
    titles = {spread.figure.name: spread.figure.unit for spread in spreads}
    found = {(spread.figure.system, spread.figure.name): spread for spread in spreads}
    columns = ["system", *(f"{name}, {unit}" if unit else name for name, unit in titles.items())]
    return columns, [
        ([system, *(_with_range(found.get((system, name))) for name in titles)], False)
        for system in dict.fromkeys(spread.figure.system for spread in spreads)
    ]


def _with_range(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return shown(spread.median) if spread.lowest == spread.highest else f"{shown(spread.median)} ({spread.range})"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [_line(columns), "|" + "---|" * len(columns), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
