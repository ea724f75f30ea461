"""What control flow costs: each branch of a wide fork, each time round of a long loop."""

from __future__ import annotations

import asyncio
import statistics
import time
from itertools import pairwise
from typing import Any, Final

import msgspec
import uvloop

from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Scale
from benchmarks.place import Place
from benchmarks.scene import Scene, launch_of, prepare, work
from benchmarks.server import Server
from benchmarks.wire import connected

AT_A_TIME: Final = 10
"""How many branches a worker claims and reports in one call."""


def fork(place: Place, scale: Scale) -> list[Figure]:
    """A job that is a fork of 1,000 branches of one task each, and their JOIN: how long it takes until all have begun
    (100 in a transaction), and then, with a worker that does ten of them in a call, until they are joined; and how long
    such a call takes among the first tenth and among the last."""
    branches = scale.of(1_000, 50)
    with place.server() as server:
        begun, joined, early, late = uvloop.run(_forked(server, branches))
    return [
        Figure("from create until all have begun", begun * 1e3, "ms"),
        Figure("from there until they are joined", joined * 1e3, "ms"),
        Figure("ten branches among the first tenth", early * 1e3, "ms"),
        Figure("ten branches among the last tenth", late * 1e3, "ms"),
        Figure("last / first", late / early, "x", Goal("≤", 1.2)),
    ]


def loop(place: Place, scale: Scale) -> list[Figure]:
    """A job that is a loop of 10,000 iterations of one task, with a worker that claims the next one in the call that
    reports the last: the time of an iteration, its condition in JavaScript included, at both ends."""
    rounds = scale.of(10_000, 50)
    with place.server() as server:
        early, late = uvloop.run(_looped(server, rounds))
    return [
        Figure("an iteration among the first tenth", early * 1e3, "ms"),
        Figure("an iteration among the last tenth", late * 1e3, "ms"),
        Figure("last / first", late / early, "x", Goal("≤", 1.1)),
    ]


async def _forked(server: Server, branches: int) -> tuple[float, float, float, float]:
    began_each: list[float] = []
    work_of_it = [
        [{"name": "${account}/power", "taskReferenceName": f"t{number}", "type": "SUB_WORKFLOW"}]
        for number in range(branches)
    ]
    scene = await _scene(
        server,
        {"name": "fork", "taskReferenceName": "fork", "type": "FORK_JOIN", "forkTasks": work_of_it},
        {"name": "join", "taskReferenceName": "join", "type": "JOIN"},
    )
    began = time.perf_counter()
    run = await _launched(server, scene)
    await _all_begun(server, run, branches)
    all_begun = time.perf_counter()
    await work(server, scene, branches, AT_A_TIME, lambda held: began_each.append(time.perf_counter()))
    await _ended(server, run)
    return all_begun - began, time.perf_counter() - all_begun, *_ends(began_each)


async def _all_begun(server: Server, run: str, branches: int) -> None:
    async with connected(server) as connection:
        _, join = (await connection.call("GET", f"/job_executions/{run}/task_executions?size=2"))["data"]
        while join["output"]["begun"] < branches:
            await asyncio.sleep(0.005)
            join = await connection.call("GET", f"/task_executions/{join['id']}")


async def _looped(server: Server, rounds: int) -> tuple[float, float]:
    began_each: list[float] = []
    over = [{"name": "${account}/power", "taskReferenceName": "body", "type": "SUB_WORKFLOW"}]
    condition = {"loopCondition": f"$.loop.iteration < {rounds}", "loopOver": over}
    scene = await _scene(server, {"name": "loop", "taskReferenceName": "loop", "type": "DO_WHILE", **condition})
    run = await _launched(server, scene)
    await work(server, scene, rounds, 1, lambda held: began_each.append(time.perf_counter()))
    await _ended(server, run)
    return _ends(began_each)


async def _scene(server: Server, *tasks: dict[str, Any]) -> Scene:
    """A job of these tasks, which gives nothing back."""
    scene = await prepare(server)
    async with connected(server) as connection:
        job = {"key": "flow", "pipelineId": scene.pipeline_id, "tasks": tasks, "outputParameters": {}}
        published = await connection.call("POST", "/jobs", job)
    return msgspec.structs.replace(scene, job_id=published["id"])


async def _launched(server: Server, scene: Scene) -> str:
    async with connected(server) as connection:
        return str((await connection.call("POST", "/job_executions", launch_of(scene)))["id"])


async def _ended(server: Server, run: str) -> None:
    """Make sure that it has come to its end, and well."""
    async with connected(server) as connection:
        execution = await connection.call("GET", f"/job_executions/{run}", wait=20)
    assert execution["status"] == "COMPLETED", execution


def _ends(marks: list[float]) -> tuple[float, float]:
    """The time from mark to mark, among the first tenth and among the last."""
    took = [after - before for before, after in pairwise(marks)]
    share = max(1, len(took) // 10)
    return statistics.median(took[:share]), statistics.median(took[-share:])
