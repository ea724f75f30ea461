"""The procrastinate worker."""

from __future__ import annotations

import asyncio
import os

from procrastinate_jobs import app


async def main() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        print("ready", flush=True)
        await app.run_worker_async(
            concurrency=int(os.environ["AT_ONCE"]),
            listen_notify=True,
            fetch_job_polling_interval=0.02,  # jobs whose notification it misses wait for so long, else for 5 s
        )


asyncio.run(main())
