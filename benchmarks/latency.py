"""How long it takes until a worker has what was created, at a load that leaves room."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any, Final

import uvloop

from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Scale
from benchmarks.place import Place
from benchmarks.scene import Scene, drive, launch_of, prepare, work
from benchmarks.server import Server
from benchmarks.wire import Connection, all_connected

PER_SECOND: Final = 50

CONNECTIONS: Final = 20


def latency(place: Place, scale: Scale) -> list[Figure]:
    """From the moment at which a create is sent to the moment at which a worker, that waits in a long poll, has the
    task: at 50 creates a second."""
    count = scale.of(1_000, 50)
    with place.server() as server:
        scene = uvloop.run(prepare(server))
        uvloop.run(drive(server, scene, 64))
        times = uvloop.run(_at_a_rate(server, scene, count, PER_SECOND))
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return [
        Figure("create to worker, p50", cuts[49] * 1e3, "ms", Goal("<", 5)),
        Figure("create to worker, p99", cuts[98] * 1e3, "ms", Goal("<", 20)),
        Figure("create to worker, the longest", max(times) * 1e3, "ms"),
    ]


async def _at_a_rate(server: Server, scene: Scene, count: int, per_second: int) -> list[float]:
    sent: dict[int, float] = {}
    had: dict[int, float] = {}

    def on_claim(held: Sequence[Any]) -> None:
        now = time.perf_counter()
        had.update({one["input"]["power"]: now for one in held})

    async def launch(connection: Connection, number: int) -> None:
        sent[number] = time.perf_counter()
        await connection.call("POST", "/job_executions", launch_of(scene, number))

    worker = asyncio.create_task(work(server, scene, count, limit=10, on_claim=on_claim))
    async with all_connected([server] * CONNECTIONS) as connections:
        loop = asyncio.get_running_loop()
        started = loop.time()
        launches = []
        for number in range(count):
            await asyncio.sleep(max(0, started + number / per_second - loop.time()))
            launches.append(asyncio.create_task(launch(connections[number % CONNECTIONS], number)))
        await asyncio.gather(worker, *launches)
    return [had[number] - sent[number] for number in range(count)]
