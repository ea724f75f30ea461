"""What a step of a job costs: in a job of 40 tasks, and at both ends of one of 1,000."""

from __future__ import annotations

import statistics
import time
from itertools import pairwise
from typing import Final

import uvloop

from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Scale
from benchmarks.place import Place
from benchmarks.scene import Scene, launch_all, launch_of, prepare, work
from benchmarks.server import Server
from benchmarks.wire import connected

STEPS: Final = 40


def chain(place: Place, scale: Scale) -> list[Figure]:
    """A job of 40 tasks, one after the other and one job at a time: the time of the whole, from create to COMPLETED,
    for each step. Once with a worker that claims the next step in the call that reports the last one; once with plain
    polls and PATCHes."""
    jobs = scale.of(20, 2)
    with place.server() as server:
        scene = uvloop.run(prepare(server, steps=STEPS))
        plain = uvloop.run(_polled(server, scene, jobs))
        claimed = uvloop.run(_claimed(server, scene, jobs))
    return [
        Figure("a step, claimed with the report of the last", _of_each(claimed), "ms", Goal("<", 4)),
        Figure("a step, by a plain poll and a PATCH", _of_each(plain), "ms"),
    ]


def _of_each(jobs: list[float]) -> float:
    return statistics.median(jobs) / STEPS * 1e3


async def _claimed(server: Server, scene: Scene, jobs: int) -> list[float]:
    async with connected(server) as connection:
        times = []
        for _ in range(jobs):
            began = time.perf_counter()
            await connection.call("POST", "/job_executions", launch_of(scene))
            await work(server, scene, STEPS, limit=1)
            times.append(time.perf_counter() - began)
    return times


async def _polled(server: Server, scene: Scene, jobs: int) -> list[float]:
    async with connected(server) as connection:
        times = []
        for _ in range(jobs):
            began = time.perf_counter()
            await connection.call("POST", "/job_executions", launch_of(scene))
            for _ in range(STEPS):
                held = await connection.call("GET", f"/tasks/{scene.task_id}/poll")
                done = {"status": "COMPLETED", "output": {"result": held["input"]["power"]}}
                await connection.call("PATCH", f"/task_executions/{held['id']}", done)
            times.append(time.perf_counter() - began)
    return times


def steps(place: Place, scale: Scale) -> list[Figure]:
    """A job of 1,000 tasks, eight executions of it at a time: how long a step of all eight takes among the first, and
    among the last."""
    executions, length = scale.of(8, 1), scale.of(1_000, 50)
    with place.server() as server:
        scene = uvloop.run(prepare(server, steps=length))
        early, late = uvloop.run(_walk(server, scene, executions, length))
    return [
        Figure("a step among the first tenth", early * 1e3, "ms"),
        Figure("a step among the last tenth", late * 1e3, "ms"),
        Figure("last / first", late / early, "x", Goal("≤", 1.1)),
    ]


async def _walk(server: Server, scene: Scene, executions: int, length: int) -> tuple[float, float]:
    """Work through a few executions of a long job, step by step; how long the early and the late steps took."""
    marks: list[float] = []
    await launch_all(server, scene, executions, connections=1)
    await work(server, scene, executions * length, executions, lambda held: marks.append(time.perf_counter()))
    took = [after - before for before, after in pairwise(marks)]
    share = len(took) // 10
    return statistics.median(took[:share]), statistics.median(took[-share:])
