"""What a measure finds: figures, the goals that they are held against, and what several runs of them come to."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec


class Goal(msgspec.Struct, frozen=True):
    """What a figure is to be.

    >>> str(Goal("≥", 2500))
    '≥ 2,500'
    >>> Goal("<", 5).reached(4.9), Goal("<", 5).reached(5)
    (True, False)
    """

    bound: Literal["≥", "≤", "<", ">"]
    value: float

    def reached(self, value: float) -> bool:
        """Whether a value is as it is to be."""
        match self.bound:
            case "≥":
                return value >= self.value
            case "≤":
                return value <= self.value
            case "<":
                return value < self.value
            case ">":
                return value > self.value

    def __str__(self) -> str:
        return f"{self.bound} {shown(self.value)}"


class Figure(msgspec.Struct, frozen=True):
    """One figure of one run.

    `system` names what was measured where a table compares several ("DBOS 3.4.0, SQLite"); it is empty where there is
    only ours. A figure that compares two systems of the same run ("ours / the fastest") is a figure like any other.

        Figure("one-task jobs, create to COMPLETED", 2612.0, "/s", Goal("≥", 2500))
    """

    name: str
    value: float
    unit: str
    goal: Goal | None = None
    system: str = ""


class Spread(msgspec.Struct, frozen=True):
    """A figure over several runs: the one of the last run, with the median and the extremes of all."""

    figure: Figure
    median: float
    lowest: float
    highest: float
    runs: int

    @property
    def reached(self) -> bool | None:
        """Whether the median is as it is to be; None where there is no goal."""
        return None if self.figure.goal is None else self.figure.goal.reached(self.median)

    @property
    def range(self) -> str:
        """The extremes, in words; nothing where there was one run."""
        return "" if self.runs == 1 else f"{shown(self.lowest)} to {shown(self.highest)}"

    @property
    def verdict(self) -> str:
        """What there is to say of the goal."""
        return {None: "", True: "reached", False: "NOT REACHED"}[self.reached]


def spreads(runs: Iterable[Sequence[Figure]]) -> list[Spread]:
    """What runs come to: one spread a system and name, in the order in which they are first there.

    >>> [one] = spreads([[Figure("a", 1.0, "s")], [Figure("a", 3.0, "s")], [Figure("a", 2.0, "s")]])
    >>> one.median, one.range
    (2.0, '1 to 3')
    """
    found: dict[tuple[str, str], list[Figure]] = {}
    for figure in (figure for run in runs for figure in run):
        found.setdefault((figure.system, figure.name), []).append(figure)
    return [_spread(figures) for figures in found.values()]


def _spread(figures: list[Figure]) -> Spread:
    values = [figure.value for figure in figures]
    return Spread(figures[-1], statistics.median(values), min(values), max(values), len(values))


def shown(value: float) -> str:
    """A number with as many digits as say something.

    >>> shown(2612.4), shown(4.8137), shown(0.0)
    ('2,612', '4.81', '0')
    """
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"
