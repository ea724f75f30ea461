"""How many jobs a second, and what each costs: from create to COMPLETED."""

from __future__ import annotations

import asyncio
from typing import Final

import uvloop

from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Cost, Scale, metered
from benchmarks.place import Place, StoreName
from benchmarks.scene import Scene, drive, launch_of, prepare
from benchmarks.server import Server
from benchmarks.wire import connected

WARM_UP: Final = 640

GOALS: Final[dict[StoreName, Goal]] = {"sqlite": Goal("≥", 2_500), "postgresql": Goal("≥", 1_500)}
"""Jobs a second."""

CPU_GOAL: Final = Goal("≤", 400)
"""Microseconds of server CPU a job, on SQLite."""

PLAIN_GOAL: Final = Goal("≥", 1_500)

CONNECTIONS: Final = 32


def throughput(place: Place, scale: Scale) -> list[Figure]:
    """Jobs of one task, from create to COMPLETED, as our clients do it: 32 connections create, one request each; a
    worker claims up to 64 at a time, and reports them and claims the next ones in one call."""
    count = scale.of(16_000, 640)
    with place.server() as server:
        scene = uvloop.run(prepare(server))
        uvloop.run(drive(server, scene, scale.of(WARM_UP, 64)))
        with metered(place, server) as cost:
            uvloop.run(drive(server, scene, count))
    return [
        Figure("jobs, create to COMPLETED", count / cost.seconds, "/s", GOALS[place.store]),
        *cpu_of_each(place, cost, count, CPU_GOAL if place.store == "sqlite" else None),
        Figure("server memory afterwards", cost.rss_mb, "MiB"),
    ]


def polls(place: Place, scale: Scale) -> list[Figure]:
    """Jobs of one task, from create to COMPLETED, as an unchanged client of the platform does it: 32 connections, each
    of which creates a job, polls for a task, and reports it with a PATCH. Three requests a job, none for more than
    one, none that waits."""
    count = scale.of(8_000, 320)
    with place.server() as server:
        scene = uvloop.run(prepare(server))
        uvloop.run(poll_and_patch(server, scene, scale.of(WARM_UP, 64)))
        with metered(place, server) as cost:
            uvloop.run(poll_and_patch(server, scene, count))
    return [
        Figure("jobs by plain polls and PATCHes", count / cost.seconds, "/s", PLAIN_GOAL),
        *cpu_of_each(place, cost, count),
    ]


def cpu_of_each(place: Place, cost: Cost, count: int, goal: Goal | None = None) -> list[Figure]:
    """What each job costs the server, and the database."""
    server = Figure("server CPU for each", cost.server_cpu_s / count * 1e6, "µs", goal)
    if place.postgres is None:
        return [server]
    return [server, Figure("PostgreSQL CPU for each", cost.database_cpu_s / count * 1e6, "µs")]


async def poll_and_patch(server: Server, scene: Scene, count: int) -> None:
    """Run `count` (a multiple of 32) executions from create to COMPLETED, by plain requests on 32 connections."""

    async def client(share: int) -> None:
        async with connected(server) as connection:
            for _ in range(share):
                await connection.call("POST", "/job_executions", launch_of(scene))
                status = 404
                while status == 404:
                    status, held = await connection.answer("GET", f"/tasks/{scene.task_id}/poll")
                done = {"status": "COMPLETED", "output": {"result": held["input"]["power"]}}
                await connection.call("PATCH", f"/task_executions/{held['id']}", done)

    await asyncio.gather(*(client(count // CONNECTIONS) for _ in range(CONNECTIONS)))
