"""Sends tasks to the Celery worker and waits for their results: in one thread, as Celery's client wants it."""

from __future__ import annotations

from celery import chain
from celery_jobs import power
from driving import drive


class Tasks:
    def __init__(self) -> None:
        self._results = []

    async def job(self, sent: float) -> None:
        self._results.append(power.delay(sent))

    async def ended(self, count: int) -> None:
        results, self._results = self._results, []
        for result in results:  # `join_native` waits for half a second more
            result.get(timeout=120)

    async def chain(self, steps: int) -> None:
        chain(power.si(0.0) for _ in range(steps))().get(timeout=120)


drive(Tasks())
