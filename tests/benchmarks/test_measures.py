"""Every measure of `make bench` works, with tiny numbers. What it finds is not looked at: that would be a test of the
machine."""

from __future__ import annotations

import math

import pytest

from benchmarks.measures import MEASURES
from benchmarks.measuring import Scale, said_of

TINY = Scale(quick=True, rows=200)

ON_POSTGRESQL = ("million", "idle", "counts", "floor")
"""Those that go about it in another way there."""


@pytest.mark.parametrize(
    ("name", "store"), [*((name, "sqlite") for name in MEASURES), *((name, "postgresql") for name in ON_POSTGRESQL)]
)
def test_a_measure_gives_figures(name: str, store: str, request: pytest.FixtureRequest) -> None:
    figures = MEASURES[name](request.getfixturevalue(store), TINY)
    assert figures
    assert len({figure.name for figure in figures}) == len(figures), "a name is one figure"
    assert all(math.isfinite(figure.value) and figure.value >= 0 for figure in figures)


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_says_what_it_is_and_how_it_is_taken(name: str) -> None:
    assert len(said_of(MEASURES[name])) > 80
