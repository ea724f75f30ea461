"""What is kept does not make anything dearer."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

import uvloop

from benchmarks.big import Marks, big, fill, marks_of
from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Scale, metered
from benchmarks.place import Place
from benchmarks.scene import Scene, claim_of, launch_of, prepare, report_of
from benchmarks.server import Server
from benchmarks.wire import Connection, all_connected, connected

Times = dict[str, list[float]]

AS_EMPTY: Final = Goal("≤", 1.1)

STARTS: Final = 5
"""How often the servers are started."""

IN_A_ROW: Final = 20
"""So many cycles at one server before it is the next one's turn, as a server has that is not measured beside others."""

ENOUGH_S: Final = 20

READ_GOAL: Final = Goal("<", 50)
"""Milliseconds."""


def million(place: Place, scale: Scale) -> list[Figure]:
    """A store with 1,000,000 job executions that have ended and 1,000,000 that wait, half of these for a worker and
    half for a slot, beside one that has next to nothing, a thousandth of it, and another like that. A server on each;
    requests go to them by turns, one at a time and 20 jobs in a row, and their medians are compared. First for a job of
    which nothing waits; then for the one with the queue, where a claim gets the oldest, and a report starts the next
    that waits for a slot. The servers are started anew five times: two equal ones on equal stores differ, too, and
    *small / small* says by how much. Then every list, every get and some finds, 100 times each."""
    data, marks = big(place, scale.rows)
    size = data.size()
    alone, queued = Compared(), Compared()
    with place.data() as little, place.data() as twin:
        for one in (little, twin):
            fill(one, scale.rows // 1_000 + 10)
        for _ in range(scale.of(STARTS, 1)):
            with contextlib.ExitStack() as stack:
                servers = [stack.enter_context(one.served()) for one in (data, little, twin)]
                name = f"job-{time.time_ns()}"
                alone.add(place, servers, [uvloop.run(prepare(server, name=name)) for server in servers], scale)
                queued.add(place, servers, [marks.scene, marks_of(little).scene, marks_of(twin).scene], scale)
                pages = uvloop.run(_read(servers[0], marks, scale.of(100, 5)))
    return [
        *alone.figures("{}: {} / small"),
        *queued.figures("{}, with the queue: {} / small"),
        Figure("server CPU of all three: big / small", alone.cpu_ratio, "x", AS_EMPTY),
        *(Figure(f"{name}: p95", _p95(times) * 1e3, "ms", READ_GOAL) for name, times in pages.items()),
        Figure("a job on the disk", size / (2 * scale.rows), "bytes"),
        Figure("server ready on it", servers[0].start_s, "s"),
    ]


class Compared:
    """What launch, claim and report took at the servers on a big store and on two small ones."""

    def __init__(self) -> None:
        self._times: list[Times] = [defaultdict(list) for _ in range(3)]
        self._cpu_s = [0.0, 0.0, 0.0]

    def add(self, place: Place, servers: Sequence[Server], scenes: Sequence[Scene], scale: Scale) -> None:
        """Ask these servers for so many cycles, after as many tenths to warm up."""
        cycles = scale.of(120, 20)
        places = list(zip(servers, scenes, strict=True))
        uvloop.run(_compare(places, cycles // 10))
        with contextlib.ExitStack() as stack:
            costs = [stack.enter_context(metered(place, server)) for server in servers]
            found = uvloop.run(_compare(places, cycles))
        for number, (times, cost) in enumerate(zip(found, costs, strict=True)):
            self._cpu_s[number] += cost.server_cpu_s
            for verb, took in times.items():
                self._times[number][verb] += took

    def figures(self, title: str) -> Iterator[Figure]:
        """Big beside small, and small beside small."""
        big, small, twin = ({verb: statistics.median(took) for verb, took in each.items()} for each in self._times)
        for verb in big:
            yield Figure(title.format(verb, "big"), big[verb] / small[verb], "x", AS_EMPTY)
            yield Figure(title.format(verb, "small"), twin[verb] / small[verb], "x")

    @property
    def cpu_ratio(self) -> float:
        """The CPU of the server on the big store beside that on a small one."""
        return self._cpu_s[0] / self._cpu_s[1] if self._cpu_s[1] else 1.0


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[18]


async def _compare(places: list[tuple[Server, Scene]], cycles: int) -> list[Times]:
    """Launch, claim and report at the servers by turns, for 20 seconds at the most; what each took, in seconds."""
    found: list[Times] = [defaultdict(list) for _ in places]
    async with all_connected([server for server, _ in places]) as connections:
        end = time.perf_counter() + ENOUGH_S
        for turn in range(-(-cycles // IN_A_ROW)):
            if time.perf_counter() > end:
                break
            for number in range(len(places)):
                which = (turn + number) % len(places)
                for _ in range(min(IN_A_ROW, cycles)):
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
