"""Defers jobs to the procrastinate worker; a job has no result, so that their end is looked for in the queue."""

from __future__ import annotations

import asyncio
import time

from driving import ARRIVALS, serve
from procrastinate_jobs import app, step


class Jobs:
    async def job(self, sent: float) -> None:
        await step.defer_async(sent=sent, steps=1)

    async def ended(self, count: int) -> None:
        while any(queue["todo"] + queue["doing"] for queue in await app.job_manager.list_queues_async()):
            await asyncio.sleep(0.02)

    async def chain(self, steps: int) -> None:
        """Its last step tells when it is there."""
        ARRIVALS.write_text("")
        await step.defer_async(sent=time.perf_counter(), steps=steps)
        while not ARRIVALS.stat().st_size:
            await asyncio.sleep(0.001)


async def main() -> None:
    async with app.open_async():
        await serve(Jobs())


asyncio.run(main())
