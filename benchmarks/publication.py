"""What it costs to publish a large job."""

from __future__ import annotations

import statistics
import time

import uvloop

from benchmarks.figures import Figure
from benchmarks.measuring import Scale
from benchmarks.place import Place
from benchmarks.scene import prepare
from benchmarks.server import Server
from benchmarks.wire import connected


def publication(place: Place, scale: Scale) -> list[Figure]:
    """A job of 1,000 tasks, each of which reads what the one before gave: how long it takes to create it, to publish
    another version of it, to launch that for the first time (its graph is made then), and to launch it again."""
    length, versions = scale.of(1_000, 50), scale.of(10, 2)
    with place.server() as server:
        created, updated, first, second = uvloop.run(_published(server, length, versions))
    return [
        Figure("create", created * 1e3, "ms"),
        Figure("another version", updated * 1e3, "ms"),
        Figure("its first launch", first * 1e3, "ms"),
        Figure("a launch after that", second * 1e3, "ms"),
    ]


async def _published(server: Server, length: int, versions: int) -> list[float]:
    scene = await prepare(server)
    times: dict[str, list[float]] = {"create": [], "update": [], "first": [], "second": []}
    async with connected(server) as connection:

        async def timed(what: str, method: str, path: str, body: object) -> str:
            began = time.perf_counter()
            answer = await connection.call(method, path, body)
            times[what].append(time.perf_counter() - began)
            return str(answer["id"])

        for number in range(versions):
            tasks = [
                {
                    "name": "${account}/power",
                    "taskReferenceName": f"step{step}",
                    "inputParameters": {"power": f"${{step{step - 1}.output.result}}" if step else number},
                }
                for step in range(length)
            ]
            job = {"key": f"long-{number}", "title": "Long", "pipelineId": scene.pipeline_id, "tasks": tasks}
            id = await timed("create", "POST", "/jobs", job)
            await timed("update", "PUT", f"/jobs/{id}", {**job, "title": "Longer"})
            await timed("first", "POST", "/job_executions", {"jobId": id, "input": {}})
            await timed("second", "POST", "/job_executions", {"jobId": id, "input": {}})
    return [statistics.median(each) for each in times.values()]
