"""A long queue, worked off: is its end as quick as its beginning, and what does it take in memory?"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import msgspec
import uvloop

from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Scale
from benchmarks.place import Data, Place, StoreName
from benchmarks.scene import Scene, claim_of, report_of
from benchmarks.seeding import Kind, field
from benchmarks.server import Server
from benchmarks.wire import connected

WORKERS: Final = 2

LINEAR: Final = Goal("≥", 0.9)

FLAT: Final[dict[StoreName, Goal]] = {"sqlite": Goal("≤", 64 + 8), "postgresql": Goal("≤", 8)}
"""MiB. SQLite has a page cache of 64, which fills."""


class Mark(msgspec.Struct, frozen=True):
    """How far one was at a time (seconds), and the server's memory (MiB)."""

    done: int
    at: float
    rss_mb: float


def drain(place: Place, scale: Scale) -> list[Figure]:
    """100,000 job executions that wait are worked off by two workers, each of which claims up to 64 at a time and
    reports them and claims the next ones in one call. The rate of the last tenth against that of the first, and how
    much memory the server takes beyond what it has after the first tenth (on SQLite its page cache of 64 MiB fills
    meanwhile). First all wait for a worker; then all wait for one of 1,000 slots, so that every end is a start."""
    count = scale.of(100_000, 1_000)
    slots = scale.of(1_000, 100)
    return [
        *_drained(place, "for a worker", count, count, {"waiting": count}),
        *_drained(place, "for a slot", count, slots, {"waiting": slots, "pending": count - slots}),
    ]


def _drained(place: Place, what: str, count: int, slots: int, seeds: dict[Kind, int]) -> list[Figure]:
    with place.data() as data:
        scene = uvloop.run(fill(data, slots, seeds))
        data.settle()
        with data.served() as server:
            marks = uvloop.run(_work_off(server, scene))
    tenth = count // 10
    start, early, late, end = (_first_at(marks, done) for done in (0, tenth, count - tenth, count))
    growth = max(mark.rss_mb for mark in marks if mark.done >= early.done) - early.rss_mb
    return [
        Figure(f"waiting {what}: jobs", count / (end.at - start.at), "/s"),
        Figure(f"waiting {what}: rate, last tenth / first", _rate(late, end) / _rate(start, early), "x", LINEAR),
        Figure(f"waiting {what}: memory after a tenth", early.rss_mb, "MiB"),
        Figure(f"waiting {what}: memory, most beyond that", growth, "MiB", FLAT[place.store]),
    ]


async def fill(data: Data, slots: int, seeds: dict[Kind, int]) -> Scene:
    """Make executions of each kind, so many, in a pipeline with so many slots."""
    async with field(data) as plot:
        await plot.prepare(slots)
        for kind, count in seeds.items():
            await plot.sow(kind, count)
        return plot.scene


async def _work_off(server: Server, scene: Scene) -> list[Mark]:
    marks: list[Mark] = []
    done = 0

    def mark() -> None:
        marks.append(Mark(done, time.perf_counter(), server.used().rss_mb))

    async def work() -> None:
        nonlocal done
        async with connected(server) as connection:
            claim = claim_of(scene, limit=64)
            held: list[Any] = (await connection.call("POST", "/task_executions/claim", claim))["data"]
            while held:
                answer = await connection.call("POST", "/task_executions/report", report_of(held, claim))
                done += len(held)
                mark()
                held = answer["claimed"]

    mark()
    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return marks


def _first_at(marks: list[Mark], done: int) -> Mark:
    return next(mark for mark in marks if mark.done >= done)


def _rate(start: Mark, end: Mark) -> float:
    return (end.done - start.done) / (end.at - start.at)
