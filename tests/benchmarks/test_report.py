"""What was measured is kept, printed, and written as a page."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.figures import Figure, Goal
from benchmarks.report import Measured, Results, page, show

MACHINE = [("CPU", "one of the tests"), ("Disk", "fast | small")]


def measured(name: str, *values: float, goal: Goal | None = None, system: str = "", left_out: str = "") -> Measured:
    runs = [[Figure("jobs", value, "/s", goal, system)] for value in values]
    return Measured(name, f"What {name} is.", "make bench", "2026-11-25T12:00:00", MACHINE, runs, left_out)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "results")


def test_the_median_is_shown_with_its_spread_and_held_against_the_goal(results: Results) -> None:
    results.keep("sqlite", [measured("speed", 10, 30, 20, goal=Goal("≥", 20))])
    assert "| jobs | 20 | 10 to 30 | /s | ≥ 20 ✓ |" in page(results)


def test_what_is_not_reached_is_marked(results: Results) -> None:
    results.keep("sqlite", [measured("speed", 10, 30, 20, goal=Goal("<", 20))])
    assert "| jobs | 20 | 10 to 30 | /s | < 20 ✗ **not reached** |" in page(results)


def test_the_page_says_what_it_is_how_it_was_made_and_where(results: Results) -> None:
    results.keep("postgresql", [measured("speed", 1, 2)])
    text = page(results)
    assert "## Ours, on PostgreSQL\n\nBy `make bench`, 2026-11-25, 2 runs of each.\n" in text
    assert "| Disk | fast \\| small |" in text
    assert "### Speed\n\nWhat speed is.\n" in text
    assert "SQLite" not in text, "nothing was measured there"


def test_what_is_measured_again_takes_the_place_of_what_was_there(results: Results) -> None:
    order = ["first", "second", "third"]
    results.keep("sqlite", [measured("third", 1), measured("second", 1), measured("given up", 1)])
    results.keep("sqlite", [measured("first", 1), measured("second", 2)], order=order)
    assert [(one.name, one.runs[0][0].value) for one in results.read("sqlite")] == [
        ("first", 1),
        ("second", 2),
        ("third", 1),
    ]


def test_systems_that_are_compared_are_named_and_what_the_comparison_leaves_out_is_said(results: Results) -> None:
    runs = [[Figure("jobs", 9, "/s", system="ours"), Figure("jobs", 3, "/s", system="theirs"), Figure("ratio", 3, "x")]]
    one = Measured("both", "Both.", "make bench-peers", "2026-11-25T12:00:00", MACHINE, runs, "Their web console.")
    results.keep("peers", [one])
    text = page(results)
    assert "| ours | jobs | 9 |  | /s |  |\n| theirs | jobs | 3 |  | /s |  |\n|  | ratio | 3 |" in text
    assert "Left out: Their web console.\n" in text


def test_systems_that_are_only_compared_stand_side_by_side(results: Results) -> None:
    runs = [
        [
            Figure("jobs", 9, "/s", system="ours"),
            Figure("at a time", 8, "", system="ours"),
            Figure("jobs", n, "/s", system="theirs"),
        ]
        for n in (2, 4)
    ]
    results.keep("peers", [Measured("both", "Both.", "make bench-peers", "2026-11-25T12:00:00", MACHINE, runs)])
    text = page(results)
    assert "| system | jobs, /s | at a time |\n|---|---|---|\n| ours | 9 | 8 |\n| theirs | 3 (2 to 4) |  |\n" in text


def test_a_table_is_printed_for_each_measure(results: Results) -> None:
    console = Console(file=StringIO(), width=120)
    show(console, "sqlite", [measured("speed", 1, goal=Goal("≥", 2)), measured("size", 1)])
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "one of the tests" in printed
    assert printed.index("speed") < printed.index("NOT REACHED") < printed.index("size")
