"""When jobs are launched by themselves: looked up, set, paused, resumed. The timers launch them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from data_factory.engine.schedules import coming, next_due, periodicity_errors
from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.definitions import PeriodicityRule, UserInput
from data_factory.model.errors import FieldError, Invalid, first_errors
from data_factory.model.ids import NewId
from data_factory.model.records import JobRecord, JobVersionRecord
from data_factory.service import news
from data_factory.service.audit import note
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


class _Asks(msgspec.Struct, frozen=True, rename="camel"):
    """Of the definition of a job, what it asks for."""

    user_inputs: tuple[UserInput, ...] = ()


_asks: Final = msgspec.json.Decoder(_Asks)

Change = Callable[[Transaction, JobRecord], Awaitable[JobRecord]]


class Schedules:
    """The periodicity of the jobs."""

    def __init__(self, store: Store, clock: Clock, new_id: NewId, note: Callable[[int | None], None]) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._note = note

    async def schedule(self, account_id: str, id: str) -> Plan:
        """When a job is launched by itself.

        Raises:
            NotFound: there is no such job.
        """
        return self._plan(await self._store.read(lambda reads: job_of(reads, account_id, id)))

    async def set(self, account_id: str, id: str, rules: Sequence[PeriodicityRule], by: Actor = SYSTEM) -> Plan:
        """Launch a job by these rules, and by no others. Its version stays, and so does whether it is paused.

        Raises:
            NotFound: there is no such job.
            Invalid: with everything that is wrong with the rules.
        """
        if errors := first_errors(periodicity_errors(rules)):
            raise Invalid(errors=errors)

        async def change(transaction: Transaction, job: JobRecord) -> JobRecord:
            (version,) = await transaction.job_versions([(job.id, job.version)])
            if errors := first_errors(_unattended_errors(version, rules)):
                raise Invalid(errors=errors)
            return replace(job, periodicity=msgspec.json.encode(rules).decode())

        return await self._change(account_id, id, "job.scheduled", change, by)

    async def pause(self, account_id: str, id: str, by: Actor = SYSTEM) -> Plan:
        """Launch a job by its periodicity no more, until that is resumed.

        Raises:
            NotFound: there is no such job.
        """
        return await self._change(account_id, id, "job.paused", _paused(1), by)

    async def resume(self, account_id: str, id: str, by: Actor = SYSTEM) -> Plan:
        """Launch a job by its periodicity again, from its next time on: what came meanwhile is not made up for.

        Raises:
            NotFound: there is no such job.
        """
        return await self._change(account_id, id, "job.resumed", _paused(0), by)

    async def _change(self, account_id: str, id: str, kind: str, change: Change, by: Actor) -> Plan:
        async def work(transaction: Transaction) -> JobRecord:
            job = await transaction.hold_job(id)
            if job is None or job.account_id != account_id:
                return await job_of(transaction, account_id, id)
            changed = await change(transaction, job)
            if changed == job:
                return job
            rests = changed.is_paused or changed.status == "INACTIVE"
            due_at = None if rests else next_due(rules_of(changed), self._clock())
            changed = replace(changed, due_at=due_at, updated_at=self._clock())
            await transaction.schedule_job(changed)
            await note(transaction, kind, by, self._clock(), self._new_id, changed, key=changed.key)
            return changed

        job = await self._store.write(work, tell=lambda job: news.of_timer(job.due_at))
        self._note(job.due_at)
        return self._plan(job)

    def _plan(self, job: JobRecord) -> Plan:
        rules = rules_of(job)
        if job.due_at is None:
            return Plan(job, rules, ())
        return Plan(job, rules, (job.due_at, *coming(rules, max(job.due_at, self._clock()), SHOWN - 1)))


def _paused(is_paused: int) -> Change:
    async def change(_transaction: Transaction, job: JobRecord) -> JobRecord:
        return replace(job, is_paused=is_paused)

    return change


def _unattended_errors(version: JobVersionRecord, rules: Sequence[PeriodicityRule]) -> Iterator[FieldError]:
    """What nobody gives to an execution that is launched by a rule."""
    if any(rule.is_enabled for rule in rules):
        for one in _asks.decode(version.definition).user_inputs:
            if one.required and one.default_value is None:
                yield FieldError("periodicity", f"gives no value to the user input {one.key!r}: it needs a default")
