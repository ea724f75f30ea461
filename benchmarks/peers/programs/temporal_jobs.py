"""The workflow, and the activity that it hands out."""

from __future__ import annotations

from datetime import timedelta

from driving import power
from temporalio import activity, workflow


@activity.defn
async def step(sent: float) -> int:
    return power(sent)


@workflow.defn
class Job:
    @workflow.run
    async def run(self, sent: float, steps: int) -> int:
        result = 0
        for _ in range(steps):
            result = await workflow.execute_activity(step, sent, start_to_close_timeout=timedelta(seconds=60))
        return result
