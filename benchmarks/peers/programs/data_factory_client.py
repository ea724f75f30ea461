"""Clients of our server. The work is done by `data-factory worker`, or by a bare HTTP worker in here (BARE=1)."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager

from driving import power, serve

from benchmarks.wire import Connection

PORT, KEY = int(os.environ["SERVER_PORT"]), os.environ["SERVER_KEY"]
LIMIT = 64
"""How many executions the bare worker holds at the most."""


class DataFactory:
    def __init__(self) -> None:
        self._free: list[Connection] = []
        self._jobs: dict[int, str] = {}
        self.task = ""

    async def open(self) -> None:
        async with self._connection() as connection:
            self.task = (await connection.call("POST", "/tasks", {"key": "power", "description": "2 to the power"}))[
                "id"
            ]
            self._pipeline = (await connection.call("POST", "/pipelines", {"title": "bench", "slots": 100_000}))["id"]
        for steps in (1, 40):
            self._jobs[steps] = await self._declare(steps)

    async def _declare(self, steps: int) -> str:
        tasks = [
            {
                "name": "${account}/power",
                "taskReferenceName": f"step{number}",
                "inputParameters": {"sent": "${workflow.input.sent}"},
            }
            for number in range(steps)
        ]
        job = {"key": f"of-{steps}", "title": "Bench", "pipelineId": self._pipeline, "tasks": tasks}
        async with self._connection() as connection:
            return (await connection.call("POST", "/jobs", job))["id"]

    async def create(self, sent: float, steps: int, wait: int | None = None) -> str:
        """The status of a new job execution: at its end if that comes within so many seconds."""
        async with self._connection() as connection:
            body = {"jobId": self._jobs[steps], "input": {"sent": sent}}
            return (await connection.call("POST", "/job_executions", body, wait=wait))["status"]

    async def completed(self, sent: float, steps: int) -> None:
        status = await self.create(sent, steps, wait=60)
        if status != "COMPLETED":
            raise RuntimeError(f"a job execution is {status}")

    async def chain(self, steps: int) -> None:
        await self.completed(0.0, steps)

    @asynccontextmanager
    async def _connection(self):
        connection = self._free.pop() if self._free else await Connection.open(PORT, KEY)
        yield connection
        self._free.append(connection)


class WithTheSdk(DataFactory):
    async def job(self, sent: float) -> None:
        await self.completed(sent, steps=1)


class Bare(DataFactory):
    """Whoever works knows what is completed: nobody asks for it."""

    def __init__(self) -> None:
        super().__init__()
        self._done = asyncio.Semaphore(0)

    async def job(self, sent: float) -> None:
        await self.create(sent, steps=1)

    async def ended(self, count: int) -> None:
        for _ in range(count):
            await self._done.acquire()

    async def work(self) -> None:
        connection = await Connection.open(PORT, KEY)
        claim = {"taskIds": [self.task], "limit": LIMIT, "workerId": "bench"}
        held: list[dict] = []
        while True:
            if not held:
                held = (await connection.call("POST", "/task_executions/claim", claim, wait=20))["data"]
            reports = [
                {
                    "id": one["id"],
                    "lease": one["lease"],
                    "status": "COMPLETED",
                    "output": {"result": power(one["input"]["sent"])},
                }
                for one in held
            ]
            answer = await connection.call("POST", "/task_executions/report", {"reports": reports, "claim": claim})
            for result in answer["results"]:
                if result["accepted"]:
                    self._done.release()
            held = answer["claimed"]


async def main() -> None:
    bare = os.environ.get("BARE") == "1"
    subject = Bare() if bare else WithTheSdk()
    await subject.open()
    worker = asyncio.create_task(subject.work()) if bare else None
    await serve(subject)
    if worker is not None:
        worker.cancel()


asyncio.run(main())
