"""What is kept does not make anything dearer."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from typing import Any, Final

import uvloop

from benchmarks.big import Marks, big, fill, marks_of
from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Cost, Scale, metered
from benchmarks.place import Place
from benchmarks.scene import Scene, claim_of, launch_of, prepare, report_of
from benchmarks.server import Server
from benchmarks.wire import Connection, all_connected, connected

Times = dict[str, list[float]]

AS_EMPTY: Final = Goal("≤", 1.1)

ENOUGH_S: Final = 60

READ_GOAL: Final = Goal("<", 50)
"""Milliseconds."""


def million(place: Place, scale: Scale) -> list[Figure]:
    """A store with 1,000,000 job executions that have ended and 1,000,000 that wait, half of these for a worker and
    half for a slot, beside one that has next to nothing: a thousandth of it. A server on each; requests go to both in
    turn, one at a time, and their medians are compared. First for a job of which nothing waits; then for the one with
    the queue, where a claim gets the oldest, and a report starts the next that waits for a slot. Then every list,
    every get and some finds, 100 times each."""
    cycles, reads = scale.of(500, 20), scale.of(100, 5)
    data, marks = big(place, scale.rows)
    size = data.size()
    with place.data() as little:
        fill(little, scale.rows // 1_000 + 10)
        with data.served() as full, little.served() as empty:
            name = f"job-{time.time_ns()}"
            scenes = [(server, uvloop.run(prepare(server, name=name))) for server in (full, empty)]
            uvloop.run(_compare(scenes, cycles // 10))
            with metered(place, full) as full_cost, metered(place, empty) as empty_cost:
                here, there = uvloop.run(_compare(scenes, cycles))
            queues = [(full, marks.scene), (empty, marks_of(little).scene)]
            uvloop.run(_compare(queues, cycles // 10))
            queue, short_queue = uvloop.run(_compare(queues, cycles))
            pages = uvloop.run(_read(full, marks, reads))
    return [
        *(Figure(f"{verb}: big / small", _ratio(here, there, verb), "x", AS_EMPTY) for verb in here),
        *(
            Figure(f"{verb}, with the queue: big / small", _ratio(queue, short_queue, verb), "x", AS_EMPTY)
            for verb in queue
        ),
        Figure("server CPU of all three: big / small", _cpu_ratio(full_cost, empty_cost), "x", AS_EMPTY),
        *(Figure(f"{name}: p95", _p95(times) * 1e3, "ms", READ_GOAL) for name, times in pages.items()),
        Figure("a job on the disk", size / (2 * scale.rows), "bytes"),
        Figure("server ready on it", full.start_s, "s"),
    ]


def _ratio(full: Times, empty: Times, verb: str) -> float:
    return statistics.median(full[verb]) / statistics.median(empty[verb])


def _cpu_ratio(full: Cost, empty: Cost) -> float:
    return full.server_cpu_s / empty.server_cpu_s if empty.server_cpu_s else 1.0


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[18]


async def _compare(places: list[tuple[Server, Scene]], cycles: int) -> list[Times]:
    """Launch, claim and report at each server in turn, for a minute at the most; what each took, in seconds."""
    found: list[Times] = [defaultdict(list) for _ in places]
    async with all_connected([server for server, _ in places]) as connections:
        end = time.perf_counter() + ENOUGH_S
        for cycle in range(cycles):
            if time.perf_counter() > end:
                break
            for turn in range(len(places)):
                which = (cycle + turn) % len(places)
                await _cycle(connections[which], places[which][1], found[which])
    return found


async def _cycle(connection: Connection, scene: Scene, times: Times) -> None:
    async def timed(verb: str, path: str, body: dict[str, Any]) -> Any:
        began = time.perf_counter()
        answer = await connection.call("POST", path, body)
        times[verb].append(time.perf_counter() - began)
        return answer

    await timed("launch", "/job_executions", launch_of(scene))
    held = (await timed("claim", "/task_executions/claim", claim_of(scene)))["data"]
    await timed("report", "/task_executions/report", report_of(held))


async def _read(server: Server, marks: Marks, count: int) -> Times:
    async with connected(server) as connection:
        (task_execution,) = (await connection.call("GET", f"/job_executions/{marks.finished_id}/task_executions"))[
            "data"
        ]
        scene = marks.scene
        paths = {
            "100 job executions": "/job_executions?size=100",
            "100 job executions, page 100": "/job_executions?size=100&page=99",
            "100 job executions, by cursor, a million in": f"/job_executions?size=100&cursor={marks.middle_id}",
            "100 job executions of a job": f"/job_executions?size=100&jobId={scene.job_id}",
            "100 job executions of a job, by cursor": (
                f"/job_executions?size=100&jobId={scene.job_id}&cursor={marks.middle_id}"
            ),
            "a job execution that has ended": f"/job_executions/{marks.finished_id}",
            "a job execution that waits": f"/job_executions/{marks.pending_id}",
            "the task executions of a job execution": f"/job_executions/{marks.finished_id}/task_executions",
            "a task execution": f"/task_executions/{task_execution['id']}",
            "100 tasks": "/tasks?size=100",
            "a task": f"/tasks/{scene.task_id}",
            "100 jobs": "/jobs?size=100",
            "a job": f"/jobs/{scene.job_id}",
            "100 pipelines": "/pipelines?size=100",
            "a pipeline": f"/pipelines/{scene.pipeline_id}",
            "API keys": "/api_keys",
        }
        finds = {
            "a find by words of the title": {"type": "search", "field": "info.title", "value": "nowhere to be found"},
            "a find of a job's": {"type": "eq", "field": "jobId", "value": scene.job_id},
            "a find of what has failed": {"type": "eq", "field": "status", "value": "FAILED"},
        }
        found: Times = defaultdict(list)
        for _ in range(count):
            for name, path in paths.items():
                began = time.perf_counter()
                await connection.call("GET", path)
                found[name].append(time.perf_counter() - began)
            for name, criterion in finds.items():
                began = time.perf_counter()
                await connection.call("POST", "/job_executions/find?size=10", criterion)
                found[name].append(time.perf_counter() - began)
    return found
