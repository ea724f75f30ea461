"""What every measurement needs: a task, a job of it, a pipeline, and a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from benchmarks.server import Server
from benchmarks.wire import Connection


class Scene(msgspec.Struct, frozen=True):
    """A job that is ready to be launched, and the task that it is made of."""

    task_id: str
    job_id: str


async def prepare(server: Server, steps: int = 1, slots: int = 10_000) -> Scene:
    """Declare the task, the pipeline, and a job of `steps` tasks one after the other."""
    connection = await Connection.open(server.port, server.key)
    task = await connection.call("POST", "/tasks", {"key": "power", "description": "2 to the power"})
    pipeline = await connection.call("POST", "/pipelines", {"title": "bench", "slots": slots})
    tasks = [
        {
            "name": "${account}/power",
            "taskReferenceName": f"step{number}",
            "inputParameters": {} if number == 0 else {"power": f"${{step{number - 1}.output.result}}"},
        }
        for number in range(steps)
    ]
    job = await connection.call(
        "POST", "/jobs", {"key": "bench", "title": "Bench", "pipelineId": pipeline["id"], "tasks": tasks}
    )
    connection.close()
    return Scene(task_id=task["id"], job_id=job["id"])


async def work(
    server: Server, scene: Scene, count: int, limit: int, on_claim: Callable[[Sequence[Any]], None] | None = None
) -> None:
    """A worker that does `count` executions: claims up to `limit` in a long poll, reports them in one call."""
    connection = await Connection.open(server.port, server.key)
    claim = {"taskIds": [scene.task_id], "limit": limit, "workerId": "bench"}
    done = 0
    held: list[Any] = []
    while done < count:
        if not held:
            held = (await connection.call("POST", "/task_executions/claim", claim, wait=20))["data"]
            if on_claim:
                on_claim(held)
        reports = [
            {"id": one["id"], "lease": one["lease"], "status": "COMPLETED", "output": {"result": one["input"]["power"]}}
            for one in held
        ]
        answer = await connection.call("POST", "/task_executions/report", {"reports": reports, "claim": claim})
        done += sum(result["accepted"] for result in answer["results"])
        held = answer["claimed"]
        if held and on_claim:
            on_claim(held)
    connection.close()


async def launch_all(server: Server, scene: Scene, count: int, connections: int) -> None:
    """Launch `count` executions, one a request, over some connections."""

    async def launch(share: int) -> None:
        connection = await Connection.open(server.port, server.key)
        body = {"jobId": scene.job_id, "input": {"power": 10}}
        for _ in range(share):
            await connection.call("POST", "/job_executions", body)
        connection.close()

    await asyncio.gather(*(launch(count // connections) for _ in range(connections)))
