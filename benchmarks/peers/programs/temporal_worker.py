"""The Temporal worker: sticky workflows and eager activities, as they are by default, and no sandbox."""

from __future__ import annotations

import asyncio
import os

from temporal_jobs import Job, step
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker


async def main() -> None:
    worker = Worker(
        await Client.connect(os.environ["TEMPORAL"]),
        task_queue="bench",
        workflows=[Job],
        activities=[step],
        workflow_runner=UnsandboxedWorkflowRunner(),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )
    print("ready", flush=True)
    await worker.run()


asyncio.run(main())
