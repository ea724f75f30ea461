"""Hands tasks to Prefect's background worker; how many have ended is asked of the server."""

from __future__ import annotations

import asyncio

from driving import serve
from prefect import get_client
from prefect_jobs import step


class Background:
    def __init__(self, client) -> None:
        self._client = client
        self._started = 0

    def job(self, sent: float) -> None:
        step.delay(sent)

    async def ended(self, count: int) -> None:
        self._started += count
        while await self._completed() < self._started:
            await asyncio.sleep(0.05)

    async def _completed(self) -> int:
        asked = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
        return (await self._client.request("POST", "/task_runs/count", json=asked)).json()


async def main() -> None:
    async with get_client() as client:
        await serve(Background(client))


asyncio.run(main())
