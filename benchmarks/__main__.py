"""`python -m benchmarks`: measure, and print the figures with the machine's, as medians of several runs."""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe
from benchmarks.measures import MEASURES, Figure
from benchmarks.server import Place
from tests.postgresql import running_postgres

AS_SERVED = {"fsync": "on", "shared_buffers": "1GB", "max_wal_size": "4GB"}
"""The settings of the PostgreSQL: durable, and with memory as it would have where it serves."""


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("measures", nargs="*", help=f"which: {', '.join(MEASURES)}; all if none is named")
    parser.add_argument("--runs", type=int, default=5, help="how many runs of each (5)")
    parser.add_argument("--quick", action="store_true", help="smaller runs, for a first look")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--where", type=Path, default=Path(".benchmarks"), help="where the data goes: on a real disk")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite", help="where it is kept (sqlite)")
    asked = parser.parse_args()
    unknown = set(asked.measures) - MEASURES.keys()
    if unknown:
        parser.error(f"there is no measure {', '.join(sorted(unknown))}")
    results: list[list[Figure]] = []
    progress = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        postgres = (
            stack.enter_context(running_postgres(asked.where, **AS_SERVED)) if asked.store == "postgresql" else None
        )
        place = Place(asked.where, postgres)
        for name in asked.measures or MEASURES:
            for run in range(asked.runs):
                progress.print(f"{name}: run {run + 1} of {asked.runs}")
                results.append(MEASURES[name](place, asked.quick))
        show(results, describe(asked.where, postgres), as_json=asked.json)


def show(results: list[list[Figure]], machine: list[tuple[str, str]], *, as_json: bool) -> None:
    """Print the median of each figure, with its spread."""
    runs: dict[str, list[Figure]] = {}
    for figure in (figure for result in results for figure in result):
        runs.setdefault(figure.name, []).append(figure)
    if as_json:
        medians = {name: statistics.median(figure.value for figure in figures) for name, figures in runs.items()}
        json.dump({"machine": dict(machine), "figures": medians}, sys.stdout, indent=2)
        return
    console = Console(width=max(Console().width, 120))
    for name, value in machine:
        console.print(f"{name + ':':10} {value}", highlight=False, soft_wrap=True)
    table = Table("figure", "median", "min to max", "goal", "", show_edge=False)
    for name, figures in runs.items():
        values = [figure.value for figure in figures]
        spread = f"{_number(min(values))} to {_number(max(values))}"
        table.add_row(name, _number(statistics.median(values)), spread, figures[0].goal, figures[0].unit)
    console.print(table)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
