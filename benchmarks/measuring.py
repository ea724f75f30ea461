"""Taking a measure several times, and telling of it.

A measure is a function that sets up what it needs, and gives the figures of one run. Its docstring is what the report
says of it, so it is written for a reader who has not seen the code.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rich.console import Console

from benchmarks.figures import Figure
from benchmarks.report import Measured


def take(
    name: str,
    measure: Callable[[], list[Figure]],
    *,
    runs: int,
    command: str,
    machine: list[tuple[str, str]],
    what: str,
    left_out: str = "",
    progress: Console,
) -> Measured:
    """Take a measure, so many times one after the other."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    found = []
    for run in range(runs):
        progress.print(f"{name}: run {run + 1} of {runs}")
        found.append(measure())
    return Measured(name, what, command, at, machine, found, left_out)


def said_of(measure: Callable[..., object]) -> str:
    """What the docstring of a measure says."""
    said = inspect.getdoc(measure)
    assert said, f"{measure} has no docstring"
    return said


def typed(target: str, arguments: Sequence[str]) -> str:
    """The command that somebody types to measure this again.

    >>> typed("bench", ["idle", "--runs", "3"])
    'make bench ARGS="idle --runs 3"'
    """
    return f'make {target} ARGS="{shlex.join(arguments)}"' if arguments else f"make {target}"
