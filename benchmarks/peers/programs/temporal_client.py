"""A client of Temporal: each job is a workflow whose result is waited for."""

from __future__ import annotations

import asyncio
import os
import uuid

from driving import serve
from temporal_jobs import Job
from temporalio.client import Client


class Workflows:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def job(self, sent: float) -> None:
        await self._run(sent, 1)

    async def chain(self, steps: int) -> None:
        await self._run(0.0, steps)

    async def _run(self, sent: float, steps: int) -> None:
        await self._client.execute_workflow(Job.run, args=[sent, steps], id=str(uuid.uuid4()), task_queue="bench")


async def main() -> None:
    await serve(Workflows(await Client.connect(os.environ["TEMPORAL"])))


asyncio.run(main())
