"""What a retry of a large job execution costs, and whom it holds up."""

from __future__ import annotations

import time

import uvloop

from benchmarks.course import others_at_work
from benchmarks.figures import Figure
from benchmarks.flow import JOIN, all_begun, canceled, dynamic, launched, scene_of
from benchmarks.measuring import Scale
from benchmarks.place import Place
from benchmarks.scene import work
from benchmarks.server import Server
from benchmarks.wire import connected


def retry(place: Place, scale: Scale) -> list[Figure]:
    """A fork of 10,000 branches is canceled when half of them have ended, and retried: how long the request takes,
    which takes over what has been done, and from there until the other half has begun again; and the longest request
    meanwhile of somebody else, who launches and works."""
    branches = scale.of(10_000, 60)
    with place.server() as server:
        asked, begun, longest = uvloop.run(_retried(server, branches))
    return [
        Figure("the request", asked * 1e3, "ms"),
        Figure("from there until all have begun again", begun * 1e3, "ms"),
        Figure("the longest request of somebody else meanwhile", longest * 1e3, "ms"),
    ]


async def _retried(server: Server, branches: int) -> tuple[float, float, float]:
    scene = await scene_of(server, dynamic(branches), JOIN)
    run = await launched(server, scene)
    await all_begun(server, run, branches)
    await work(server, scene, branches // 2, 10)
    await canceled(server, run)
    async with others_at_work(server) as longest, connected(server) as connection:
        began = time.perf_counter()
        again = (await connection.call("POST", f"/job_executions/{run}/retry"))["id"]
        asked = time.perf_counter() - began
        await all_begun(server, again, branches)
        begun = time.perf_counter() - began - asked
    return asked, begun, longest()
