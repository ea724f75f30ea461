"""How something long went: at its beginning, in its middle, at its end, and for others meanwhile."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import msgspec

from benchmarks.scene import claim_of, launch_of, prepare, report_of
from benchmarks.server import Server
from benchmarks.wire import connected


class Course(msgspec.Struct, frozen=True):
    """How a fork went, in seconds."""

    begun: float
    joined: float
    early: float
    middle: float
    late: float
    canceled: float
    longest: float


def ends(marks: Sequence[float]) -> tuple[float, float, float]:
    """The time from mark to mark: among the first tenth, the tenth in the middle, and the last."""
    took = [after - before for before, after in pairwise(marks)]
    share = max(1, len(took) // 10)
    middle = (len(took) - share) // 2
    early, centre, late = (took[begin : begin + share] for begin in (0, middle, len(took) - share))
    return statistics.median(early), statistics.median(centre), statistics.median(late)


@asynccontextmanager
async def others_at_work(server: Server) -> AsyncIterator[Callable[[], float]]:
    """Somebody else launches a job of one task, claims it and reports it, again and again: gives how long the longest
    of these requests took, in seconds, when what is inside is over."""
    scene = await prepare(server, name=f"other-{time.time_ns()}")
    times: list[float] = []
    over = asyncio.Event()

    async def go_on() -> None:
        async with connected(server) as connection:

            async def timed(path: str, body: object) -> dict[str, list[object]]:
                began = time.perf_counter()
                answer: dict[str, list[object]] = await connection.call("POST", path, body)
                times.append(time.perf_counter() - began)
                return answer

            while not over.is_set():
                await timed("/job_executions", launch_of(scene))
                held = (await timed("/task_executions/claim", claim_of(scene)))["data"]
                await timed("/task_executions/report", report_of(held))

    other = asyncio.create_task(go_on())
    try:
        yield lambda: max(times)
    finally:
        over.set()
        await other
