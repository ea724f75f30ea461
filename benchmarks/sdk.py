"""What the SDK itself costs: a real worker against an empty loop of the same calls; and its memory over many tasks."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import msgspec

from benchmarks.drain import fill
from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Scale
from benchmarks.place import Place
from benchmarks.scene import Scene
from benchmarks.server import Server
from data_factory.client import AsyncClient
from data_factory.model.requests import ClaimRequest, ReportBody
from data_factory.model.resources import TaskExecution
from data_factory.worker.task import task
from data_factory.worker.worker import Worker

CONCURRENCIES: Final = (1, 16, 256)

MEMORY_AT: Final = 256

POINTS: Final = (0.1, 0.25, 0.5, 0.75, 1.0)
"""The parts of the tasks after which the memory is looked at."""

FLAT: Final = Goal("≤", 8)
"""MiB."""


class Spent(msgspec.Struct, frozen=True):
    """What so many tasks took this process: seconds of the clock, and of CPU."""

    count: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Tasks a second."""
        return self.count / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU for each."""
        return self.cpu_s / self.count * 1e6


def sdk(place: Place, scale: Scale) -> list[Figure]:
    """One worker, as users have it: a function in a thread, input and output checked, its log written (to nowhere). It
    works off 10,000 executions at a concurrency of 1, 16 and 256; beside it an empty loop of the same calls, by the
    same client: a report of what was claimed, with the claim of the next ones. The difference in CPU of this process
    for each task is what the SDK costs. Then 100,000 executions at 256, with the worker's memory at several points."""
    count = scale.of(10_000, 64)
    figures: list[Figure] = []
    with _log_to_nowhere():
        for concurrency in CONCURRENCIES[:2] if scale.quick else CONCURRENCIES:
            ours = _on_a_queue(place, count, partial(_worked_off, concurrency=concurrency))
            empty = _on_a_queue(place, count, partial(_looped, limit=concurrency))
            at = f"at {concurrency}"
            figures += [
                Figure(f"tasks by a worker {at}", ours.rate, "/s"),
                Figure(f"tasks by the empty loop {at}", empty.rate, "/s"),
                Figure(f"worker / empty loop {at}", ours.rate / empty.rate, "x"),
                Figure(f"CPU of the worker for each {at}", ours.cpu_us, "µs"),
                Figure(f"overhead of the SDK for each {at}", max(0.0, ours.cpu_us - empty.cpu_us), "µs"),
            ]
        return figures + _memory(place, scale.of(100_000, 64))


def _memory(place: Place, count: int) -> list[Figure]:
    marks: dict[int, float] = {}
    points = [int(count * part) for part in POINTS]

    def look(done: int) -> None:
        if done in points:
            marks[done] = _rss_mb()

    _on_a_queue(place, count, partial(_worked_off, concurrency=MEMORY_AT, look=look))
    first, last = marks[points[0]], marks[points[-1]]
    return [
        *(Figure(f"memory after {done:,} tasks", mb, "MiB") for done, mb in marks.items()),
        Figure(f"memory beyond that after {points[0]:,} tasks", max(0.0, last - first), "MiB", FLAT),
    ]


def _on_a_queue(place: Place, count: int, run: Callable[[Server, Scene, int], Spent]) -> Spent:
    """Run it on a server with so many executions that wait for a worker."""
    with place.data() as data:
        scene = asyncio.run(fill(data, count, {"waiting": count}))
        data.settle()
        with data.served() as server:
            return run(server, scene, count)


def _worked_off(
    server: Server, scene: Scene, count: int, concurrency: int, look: Callable[[int], None] = lambda done: None
) -> Spent:
    numbers = itertools.count(1)

    @task("power")
    def power(power: int) -> dict[str, int]:
        done = next(numbers)
        look(done)
        if done == count:
            worker.stop()
        return {"result": 2**power}

    worker = Worker([power], base_url=_url(server), token=server.key, concurrency=concurrency)
    return _spent(count, lambda: asyncio.run(worker.run_async()))


def _looped(server: Server, scene: Scene, count: int, limit: int) -> Spent:
    return _spent(count, lambda: asyncio.run(_loop(server, scene, limit)))


async def _loop(server: Server, scene: Scene, limit: int) -> None:
    claim = ClaimRequest(task_ids=(scene.task_id,), limit=limit, worker_id="loop")
    async with AsyncClient(_url(server), server.key) as client:
        held = (await client.task_executions.claim([scene.task_id], limit=limit)).data
        while held:
            held = (await client.task_executions.report([_done(one) for one in held], claim=claim)).claimed


def _done(execution: TaskExecution) -> ReportBody:
    output: dict[str, Any] = {"result": 2 ** execution.input["power"]}
    return ReportBody(id=execution.id, status="COMPLETED", output=output, lease=execution.lease)


def _spent(count: int, run: Callable[[], None]) -> Spent:
    began, cpu = time.perf_counter(), time.process_time()
    run()
    return Spent(count, time.perf_counter() - began, time.process_time() - cpu)


def _url(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


def _rss_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - it is no file
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2


@contextmanager
def _log_to_nowhere() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - it is no file
        handler = logging.StreamHandler(nowhere)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        logging.getLogger("httpx").setLevel(logging.WARNING)
        try:
            yield
        finally:
            root.setLevel(before)
            root.removeHandler(handler)
