"""How long a server takes to be back."""

from __future__ import annotations

import time
from typing import Final

import uvloop

from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Scale
from benchmarks.place import Data, Place
from benchmarks.scene import Scene, claim_of, drive, prepare
from benchmarks.seeding import field
from benchmarks.server import Server
from benchmarks.wire import connected

GOAL: Final = Goal("<", 2)
"""Seconds."""


def restart(place: Place, scale: Scale) -> list[Figure]:
    """A server is killed with 100,000 job executions running, each with a task in the hands of a worker, and started
    again: from the start of the process until `/health/ready` says that it serves, and until the first claim is
    answered. Then the same after an outage that was longer than all leases, which are given a respite at the start. An
    empty store, for comparison."""
    count = scale.of(100_000, 500)
    with place.data() as empty, empty.served() as server:
        alone = server.start_s
    with place.data() as data:
        scene = uvloop.run(_fill(data, count, lease_ends_in_ms=3_600_000))
        data.settle()
        with data.served(kill=True) as server:
            uvloop.run(drive(server, uvloop.run(prepare(server, name="other")), 64))
        with data.served() as server:
            killed = (server.start_s, uvloop.run(_first_claim(server, scene)))
    with place.data() as data:
        scene = uvloop.run(_fill(data, count, lease_ends_in_ms=-1_000))
        data.settle()
        with data.served(kill=True) as server:
            outage = (server.start_s, uvloop.run(_first_claim(server, scene)))
    return [
        Figure("killed and started again: serving", killed[0], "s", GOAL),
        Figure("killed and started again: first claim answered", sum(killed), "s", GOAL),
        Figure("after an outage longer than the leases: serving", outage[0], "s", GOAL),
        Figure("after an outage longer than the leases: first claim answered", sum(outage), "s", GOAL),
        Figure("an empty store: serving", alone, "s"),
    ]


async def _fill(data: Data, count: int, lease_ends_in_ms: int) -> Scene:
    """Executions in the hands of workers, and one that waits for a worker."""
    async with field(data) as plot:
        await plot.prepare(slots=2 * count)
        end = int(time.time() * 1000) + lease_ends_in_ms
        await plot.sow("held", count, lease_ms=60_000, lease_expires_at=end, timer_at=end)
        await plot.sow("waiting", 1)
        return plot.scene


async def _first_claim(server: Server, scene: Scene) -> float:
    """The seconds until a claim is answered, its connection included."""
    began = time.perf_counter()
    async with connected(server) as connection:
        claimed = await connection.call("POST", "/task_executions/claim", claim_of(scene))
        assert len(claimed["data"]) == 1
    return time.perf_counter() - began
