"""What every measurement needs: a task, a job of it, a pipeline, and a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from benchmarks.server import Server
from benchmarks.wire import connected

OnClaim = Callable[[Sequence[Any]], None]


class Scene(msgspec.Struct, frozen=True):
    """A job that is ready to be launched, and the task that it is made of."""

    task_id: str
    job_id: str
    pipeline_id: str


async def prepare(server: Server, steps: int = 1, slots: int = 10_000, name: str = "power") -> Scene:
    """Declare the task, the pipeline, and a job of `steps` tasks one after the other."""
    async with connected(server) as connection:
        task = await connection.call("POST", "/tasks", {"key": name, "description": "2 to the power"})
        pipeline = await connection.call("POST", "/pipelines", {"title": name, "slots": slots})
        tasks = [
            {
                "name": f"${{account}}/{name}",
                "taskReferenceName": f"step{number}",
                "inputParameters": {} if number == 0 else {"power": f"${{step{number - 1}.output.result}}"},
            }
            for number in range(steps)
        ]
        job = await connection.call(
            "POST", "/jobs", {"key": name, "title": "Power", "pipelineId": pipeline["id"], "tasks": tasks}
        )
    return Scene(task_id=task["id"], job_id=job["id"], pipeline_id=pipeline["id"])


async def find(server: Server, name: str = "power") -> Scene:
    """What was declared earlier."""
    async with connected(server) as connection:
        (task,) = (await connection.call("GET", f"/tasks?key={name}"))["data"]
        (job,) = (await connection.call("GET", f"/jobs?key={name}"))["data"]
    return Scene(task_id=task["id"], job_id=job["id"], pipeline_id=job["pipelineId"])


def launch_of(scene: Scene, power: int = 10) -> dict[str, Any]:
    """The body of a launch."""
    return {"jobId": scene.job_id, "input": {"power": power}}


def claim_of(scene: Scene, limit: int = 1) -> dict[str, Any]:
    """The body of a claim."""
    return {"taskIds": [scene.task_id], "limit": limit, "workerId": "bench"}


def report_of(held: Sequence[Any], claim: dict[str, Any] | None = None) -> dict[str, Any]:
    """The body of a report of these task executions, all of them done, with a claim of the next ones."""
    reports = [
        {"id": one["id"], "lease": one["lease"], "status": "COMPLETED", "output": {"result": one["input"]["power"]}}
        for one in held
    ]
    return {"reports": reports} if claim is None else {"reports": reports, "claim": claim}


async def work(server: Server, scene: Scene, count: int, limit: int, on_claim: OnClaim | None = None) -> None:
    """A worker that does `count` executions: claims up to `limit` in a long poll, reports them in one call."""
    async with connected(server) as connection:
        claim = claim_of(scene, limit)
        done = 0
        held: list[Any] = []
        while done < count:
            if not held:
                held = (await connection.call("POST", "/task_executions/claim", claim, wait=20))["data"]
                if on_claim:
                    on_claim(held)
            answer = await connection.call("POST", "/task_executions/report", report_of(held, claim))
            done += sum(result["accepted"] for result in answer["results"])
            held = answer["claimed"]
            if held and on_claim:
                on_claim(held)


async def launch_all(server: Server, scene: Scene, count: int, connections: int) -> None:
    """Launch `count` executions, one a request, over some connections."""

    async def launch(share: int) -> None:
        async with connected(server) as connection:
            body = launch_of(scene)
            for _ in range(share):
                await connection.call("POST", "/job_executions", body)

    await asyncio.gather(*(launch(count // connections) for _ in range(connections)))


async def drive(server: Server, scene: Scene, count: int) -> None:
    """Run `count` (a multiple of 32) executions from create to COMPLETED: single creates on 32 connections, and a
    worker that claims and reports up to 64 at a time."""
    await asyncio.gather(launch_all(server, scene, count, connections=32), work(server, scene, count, limit=64))
