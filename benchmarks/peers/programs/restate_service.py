"""The Restate service: a job whose steps run in the handler, and one whose steps are done by a worker outside."""

from __future__ import annotations

import asyncio
import os

import restate
from driving import power

jobs = restate.Service("jobs")


@jobs.handler()
async def handled(ctx: restate.Context, job: dict) -> int:
    result = 0
    for _ in range(job["steps"]):
        result = await ctx.run_typed("step", power, sent=job["sent"])
    return result


@jobs.handler()
async def outside(ctx: restate.Context, job: dict) -> int:
    result = 0
    for _ in range(job["steps"]):
        name, done = ctx.awakeable()
        await ctx.run_typed("hand over", hand_over, name=name, sent=job["sent"])
        result = await done
    return result


async def hand_over(name: str, sent: float) -> None:
    (await worker()).write(f"{name} {sent}\n".encode())


async def worker() -> asyncio.StreamWriter:
    global _worker
    if _worker is None:
        _worker = asyncio.create_task(asyncio.open_connection("127.0.0.1", int(os.environ["WORKER_PORT"])))
    return (await _worker)[1]


_worker: asyncio.Task | None = None
app = restate.app([jobs])
