"""The measurements. Each starts a server of its own, on an empty database."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from benchmarks.figures import Figure, Goal
from benchmarks.scene import Scene, launch_all, prepare, work
from benchmarks.server import Place, Server
from benchmarks.wire import Connection


def throughput(place: Place, quick: bool) -> list[Figure]:
    """Job executions of one task from create to COMPLETED: single creates, batched claims and reports."""
    count = 3_200 if quick else 16_000
    with place.server() as server:
        scene = asyncio.run(prepare(server))
        asyncio.run(_drive(server, scene, 640))
        before, started = server.used(), time.perf_counter()
        asyncio.run(_drive(server, scene, count))
        seconds, used = time.perf_counter() - started, server.used().since(before)
    return [
        Figure("one-task job executions, create to COMPLETED", count / seconds, "/s", Goal("≥", 2_500)),
        Figure("server CPU for each", used.cpu_s / count * 1e6, "µs", Goal("≤", 400)),
        Figure("server memory afterwards", used.rss_mb, "MiB"),
    ]


async def _drive(server: Server, scene: Scene, count: int) -> None:
    await asyncio.gather(launch_all(server, scene, count, connections=32), work(server, scene, count, limit=64))


def latency(place: Place, quick: bool) -> list[Figure]:
    """From the moment a create is sent to the moment the worker has the execution, at 100 creates a second."""
    count = 300 if quick else 2_000
    with place.server() as server:
        scene = asyncio.run(prepare(server))
        asyncio.run(_drive(server, scene, 640))
        times = asyncio.run(_at_a_rate(server, scene, count, per_second=100))
    cuts = statistics.quantiles(times, n=100)
    return [
        Figure("create to the worker's having it, p50", cuts[49] * 1e3, "ms", Goal("<", 5)),
        Figure("create to the worker's having it, p99", cuts[98] * 1e3, "ms", Goal("<", 20)),
    ]


async def _at_a_rate(server: Server, scene: Scene, count: int, per_second: int) -> list[float]:
    sent: dict[int, float] = {}
    had: dict[int, float] = {}

    def on_claim(held: Sequence[Any]) -> None:
        now = time.perf_counter()
        had.update({one["input"]["power"]: now for one in held})

    async def launch(connection: Connection, number: int) -> None:
        sent[number] = time.perf_counter()
        await connection.call("POST", "/job_executions", {"jobId": scene.job_id, "input": {"power": number}})

    worker = asyncio.create_task(work(server, scene, count, limit=10, on_claim=on_claim))
    connections = [await Connection.open(server.port, server.key) for _ in range(20)]
    loop = asyncio.get_running_loop()
    started = loop.time()
    launches = []
    for number in range(count):
        await asyncio.sleep(max(0, started + number / per_second - loop.time()))
        launches.append(asyncio.create_task(launch(connections[number % 20], number)))
    await asyncio.gather(worker, *launches)
    return [had[number] - sent[number] for number in range(count)]


def steps(place: Place, quick: bool) -> list[Figure]:
    """What a step costs at the beginning of a job of 1,000 tasks, and at its end."""
    executions, length = (2, 1_000) if quick else (8, 1_000)
    with place.server() as server:
        scene = asyncio.run(prepare(server, steps=length))
        early, late = asyncio.run(_walk(server, scene, executions, length))
    return [
        Figure("a step among the first 100 of 1,000", early * 1e3, "ms"),
        Figure("a step among the last 100 of 1,000", late * 1e3, "ms"),
        Figure("late / early", late / early, "x"),
    ]


async def _walk(server: Server, scene: Scene, executions: int, length: int) -> tuple[float, float]:
    """Work through a few executions of a long job, step by step; how long the early and the late steps took."""
    marks: list[float] = []
    await launch_all(server, scene, executions, connections=1)
    await work(server, scene, executions * length, executions, lambda held: marks.append(time.perf_counter()))
    took = [after - before for before, after in pairwise(marks)]
    share = len(took) // 10
    return statistics.median(took[:share]), statistics.median(took[-share:])


def idle(place: Place, quick: bool) -> list[Figure]:
    """What the server does while 100 long polls wait and nothing happens."""
    seconds = 5 if quick else 20
    with place.server() as server:
        scene = asyncio.run(prepare(server))
        cpu, calls = asyncio.run(_wait_in_100_polls(server, scene, seconds))
    return [
        Figure("CPU of an idle server with 100 long polls", cpu * 100, "% of a core", Goal("<", 2)),
        Figure("reads and writes that it does meanwhile", calls / seconds, "/s"),
    ]


async def _wait_in_100_polls(server: Server, scene: Scene, seconds: int) -> tuple[float, float]:
    connections = [await Connection.open(server.port, server.key) for _ in range(100)]
    path = f"/tasks/{scene.task_id}/poll"
    polls = [asyncio.create_task(one.answer("GET", path, wait=seconds + 5)) for one in connections]
    await asyncio.sleep(2)
    before = server.used()
    await asyncio.sleep(seconds)
    used = server.used().since(before)
    if any(poll.done() for poll in polls):
        raise RuntimeError("a poll was answered although nothing was there")
    for poll in polls:
        poll.cancel()
    return used.cpu_s / seconds, used.io_calls


MEASURES = {"throughput": throughput, "latency": latency, "steps": steps, "idle": idle}
