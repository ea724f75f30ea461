"""When jobs are launched by themselves: looked up, paused, resumed. The timers launch them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec.structs import replace

from data_factory.engine.schedules import coming, next_due
from data_factory.model.definitions import PeriodicityRule
from data_factory.model.records import JobRecord
from data_factory.service import news
from data_factory.service.clock import Clock
from data_factory.service.lookups import job_of
from data_factory.service.publications import rules_of
from data_factory.store.promises import Store, Transaction

SHOWN: Final = 5
"""How many of the next times are told."""


class Plan(msgspec.Struct, frozen=True):
    """When a job is launched by itself: its rules, and the next times that they name."""

    job: JobRecord
    rules: tuple[PeriodicityRule, ...]
    times: tuple[int, ...]


class Schedules:
    """The periodicity of the jobs."""

    def __init__(self, store: Store, clock: Clock, note: Callable[[int | None], None]) -> None:
        self._store = store
        self._clock = clock
        self._note = note

    async def schedule(self, account_id: str, id: str) -> Plan:
        """When a job is launched by itself.

        Raises:
            NotFound: there is no such job.
        """
        return self._plan(await self._store.read(lambda reads: job_of(reads, account_id, id)))

    async def pause(self, account_id: str, id: str) -> Plan:
        """Launch a job by its periodicity no more, until that is resumed.

        Raises:
            NotFound: there is no such job.
        """
        return await self._change(account_id, id, is_paused=1)

    async def resume(self, account_id: str, id: str) -> Plan:
        """Launch a job by its periodicity again, from its next time on: what came meanwhile is not made up for.

        Raises:
            NotFound: there is no such job.
        """
        return await self._change(account_id, id, is_paused=0)

    async def _change(self, account_id: str, id: str, is_paused: int) -> Plan:
        async def work(transaction: Transaction) -> JobRecord:
            job = await transaction.hold_job(id)
            if job is None or job.account_id != account_id:
                return await job_of(transaction, account_id, id)
            if job.is_paused == is_paused:
                return job
            rests = is_paused or job.status == "INACTIVE"
            changed = replace(
                job, is_paused=is_paused, due_at=None if rests else next_due(rules_of(job), self._clock())
            )
            await transaction.schedule_job(changed)
            return changed

        job = await self._store.write(work, tell=lambda job: news.of_timer(job.due_at))
        self._note(job.due_at)
        return self._plan(job)

    def _plan(self, job: JobRecord) -> Plan:
        rules = rules_of(job)
        if job.due_at is None:
            return Plan(job, rules, ())
        return Plan(job, rules, (job.due_at, *coming(rules, max(job.due_at, self._clock()), SHOWN - 1)))
