"""Prefect flows in the process that calls them; each run is kept by the server."""

from __future__ import annotations

from driving import drive
from prefect_jobs import job


class Flows:
    async def job(self, sent: float) -> None:
        await job(sent, 1)

    async def chain(self, steps: int) -> None:
        await job(0.0, steps)


drive(Flows())
