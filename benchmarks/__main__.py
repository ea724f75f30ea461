"""Measure, print the figures with the machine's, as medians of several runs, and write docs/benchmarks.md.

With --quick, the page and the results go to a folder of their own below --where.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.machine import describe
from benchmarks.measures import LONG, MEASURES
from benchmarks.measuring import Scale, end_in_order, said_of, take, typed
from benchmarks.place import STORES, StoreName, opened
from benchmarks.report import PAGE, Measured, Results, show, write_page

QUICK_ROWS: Final = 1_000

LONG_RUNS: Final = 3


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("measures", nargs="*", help=f"which: {', '.join(MEASURES)}; all if none is named")
    parser.add_argument(
        "--runs", type=int, default=5, help="how many runs of each (5; 3 at the most of what takes minutes)"
    )
    parser.add_argument("--quick", action="store_true", help="tiny numbers, to see that it works")
    parser.add_argument("--rows", type=int, help="how many executions a big store has of each kind (1,000,000)")
    parser.add_argument("--where", type=Path, default=Path(".benchmarks"), help="where the data goes: on a real disk")
    parser.add_argument("--store", choices=[*STORES, "both"], default="both", help="where it is kept (both)")
    asked = parser.parse_args()
    end_in_order()
    unknown = set(asked.measures) - MEASURES.keys()
    if unknown:
        parser.error(f"there is no measure {', '.join(sorted(unknown))}")
    folder = asked.where / "quick" if asked.quick else asked.where
    results = Results(folder / "results")
    page = folder / "benchmarks.md" if asked.quick else PAGE
    failed = []
    for store in STORES if asked.store == "both" else (asked.store,):
        failed += _measure(store, asked, results)
        write_page(results, page)
    Console(stderr=True).print(f"written: {page}", highlight=False)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _measure(store: StoreName, asked: argparse.Namespace, results: Results) -> list[str]:
    """Take the measures on one store, each kept as soon as it is there; those that failed."""
    progress = Console(stderr=True)
    command = typed("bench", sys.argv[1:])
    scale = Scale(asked.quick, asked.rows or (QUICK_ROWS if asked.quick else Scale().rows))
    measured: list[Measured] = []
    failed: list[str] = []
    with opened(asked.where, store) as place:
        machine = describe(asked.where, place.postgres)
        for name in asked.measures or MEASURES:
            measure = MEASURES[name]
            try:
                one = take(
                    name,
                    partial(measure, place, scale),
                    runs=min(asked.runs, LONG_RUNS) if name in LONG else asked.runs,
                    command=command,
                    machine=machine,
                    what=said_of(measure),
                    progress=progress,
                )
            except Exception:  # noqa: BLE001 - it is told, and what the others find is worth having
                progress.print_exception()
                failed.append(f"{name} on {store}")
                continue
            results.keep(store, [one], order=list(MEASURES))
            measured.append(one)
    show(Console(width=max(Console().width, 120)), store, measured)
    return failed


if __name__ == "__main__":
    main()
