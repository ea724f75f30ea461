"""Taking a measure several times, and telling of it.

A measure is a function that sets up what it needs, and gives the figures of one run. Its docstring is what the report
says of it, so it is written for a reader who has not seen the code.
"""

from __future__ import annotations

import inspect
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import NoReturn

import msgspec
from rich.console import Console

from benchmarks.figures import Figure
from benchmarks.place import Place
from benchmarks.report import Measured
from benchmarks.server import Server


class Scale(msgspec.Struct, frozen=True):
    """How much is to be done: `quick` is for a look at whether it works; `rows` is the size of a big store."""

    quick: bool = False
    rows: int = 1_000_000

    def of(self, full: int, quick: int) -> int:
        """A number of the full measure, or of the quick one."""
        return quick if self.quick else full


Measure = Callable[[Place, Scale], list[Figure]]


class Cost(msgspec.Struct):
    """What something has cost: the time that it took, CPU, bytes written by the servers, and their memory after it."""

    seconds: float = 0.0
    server_cpu_s: float = 0.0
    database_cpu_s: float = 0.0
    written_bytes: int = 0
    rss_mb: float = 0.0


@contextmanager
def metered(place: Place, *servers: Server) -> Iterator[Cost]:
    """What is done inside, measured; the cost is there when it is done."""
    cost = Cost()
    before, database, began = [server.used() for server in servers], place.database_cpu(), time.perf_counter()
    yield cost
    cost.seconds = time.perf_counter() - began
    cost.database_cpu_s = place.database_cpu() - database
    for server, old in zip(servers, before, strict=True):
        used = server.used().since(old)
        cost.server_cpu_s += used.cpu_s
        cost.written_bytes += used.written_bytes
        cost.rss_mb += used.rss_mb


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
        progress.print(f"{name}: run {run + 1} of {runs}", highlight=False)
        found.append(measure())
    return Measured(name, what, command, at, machine, found, left_out)


def end_in_order() -> None:
    """From now on, SIGTERM ends what was started before it ends this process, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


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
