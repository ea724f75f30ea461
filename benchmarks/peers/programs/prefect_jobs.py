"""Prefect: a task for a background worker, and flows of tasks that run where they are called."""

from __future__ import annotations

from driving import power
from prefect import flow, task


@task
async def step(sent: float) -> int:
    return power(sent)


@flow
async def job(sent: float, steps: int) -> int:
    result = 0
    for _ in range(steps):
        result = await step(sent)
    return result
