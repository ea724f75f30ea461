"""The accounts of a platform. The first one is the operator's: its admins make the others, and disable them.

What a disabled account has stays as it is. Its keys are refused, its jobs are not due, and its pipelines give no slot:
meanwhile the number of their slots is kept as a negative one, so that nobody who starts executions has to ask for more
than he does anyway.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

from msgspec.structs import replace

from data_factory.engine.schedules import next_due
from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.errors import NotFound, NotTheOperator, OperatorsAccount
from data_factory.model.ids import NewId
from data_factory.model.records import AccountRecord, ApiKeyRecord, JobRecord, PipelineRecord
from data_factory.service import news
from data_factory.service.audit import note_in
from data_factory.service.clock import Clock
from data_factory.service.filling import Filling
from data_factory.service.keys import Keys, insert_account
from data_factory.service.paging import Part
from data_factory.service.publications import rules_of
from data_factory.store.promises import Reads, Slice, Store, Transaction, WriteUnderWay

AT_A_TIME: Final = 100

T = TypeVar("T", JobRecord, PipelineRecord)


class Accounts:
    """The accounts of a platform."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        filling: Filling,
        note_timer: Callable[[int | None], None],
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._store = store
        self._keys = keys
        self._filling = filling
        self._note_timer = note_timer
        self._clock = clock
        self._new_id = new_id

    async def create(
        self, caller_account_id: str, title: str, by: Actor = SYSTEM
    ) -> tuple[AccountRecord, ApiKeyRecord, str]:
        """A new account with its default pipeline and its first admin key: both records, and the key.

        Raises:
            NotTheOperator: the caller's account is not the first one.
        """

        async def work(transaction: Transaction) -> tuple[AccountRecord, ApiKeyRecord, str]:
            first = await transaction.oldest_account()
            if first is None or first.id != caller_account_id:
                raise NotTheOperator
            now = max(self._clock(), first.created_at + 1)  # by a clock that was set back it would be the first
            account = await insert_account(transaction, title, now, self._new_id)
            record, key = self._keys.made(account.id, "admin")
            await transaction.insert_api_key(record)
            await self._write_down(transaction, caller_account_id, "account.created", by, account.id, title=title)
            return account, record, key

        return await self._store.write(work)

    async def account(self, caller_account_id: str, id: str) -> AccountRecord:
        """An account: one's own, or any for the operator.

        Raises:
            NotFound: there is none, or it is another's.
        """
        return await self._store.read(lambda reads: _visible(reads, caller_account_id, id))

    async def accounts(self, caller_account_id: str, part: Part) -> list[AccountRecord]:
        """The accounts that one can see, newest first."""

        async def work(reads: Reads) -> list[AccountRecord]:
            if await _is_operator(reads, caller_account_id):
                return await reads.accounts(part)
            own = await reads.account(caller_account_id)
            return [own] if own is not None and part.cursor is None and part.offset == 0 else []

        return await self._store.read(work)

    async def rename(self, caller_account_id: str, id: str, title: str, by: Actor = SYSTEM) -> AccountRecord:
        """Give an account another title.

        Raises:
            NotFound: there is none, or it is another's.
            NotTheOperator: the caller's account is not the first one.
        """

        async def work(transaction: Transaction) -> AccountRecord:
            account = await _held(transaction, caller_account_id, id)
            await transaction.update_account(renamed := replace(account, title=title))
            await self._write_down(transaction, caller_account_id, "account.updated", by, id, title=title)
            return renamed

        return await self._store.write(work)

    async def create_key(
        self, caller_account_id: str, id: str, title: str, by: Actor = SYSTEM
    ) -> tuple[ApiKeyRecord, str]:
        """An admin key of an account, for who has lost theirs: its record, and the key.

        Raises:
            NotFound: there is no such account, or it is another's.
            NotTheOperator: the caller's account is not the first one.
        """

        async def work(transaction: Transaction) -> tuple[ApiKeyRecord, str]:
            await _held(transaction, caller_account_id, id)
            record, key = self._keys.made(id, title)
            await transaction.insert_api_key(record)
            about = {"title": title, "role": record.role, "accountId": id}
            await self._write_down(transaction, caller_account_id, "api_key.created", by, record.id, **about)
            if id != caller_account_id:
                await self._write_down(transaction, id, "api_key.created", by, record.id, **about)
            return record, key

        return await self._store.write(work)

    async def disable(self, caller_account_id: str, id: str, by: Actor = SYSTEM) -> AccountRecord:
        """From now on the keys of an account are refused and nothing of it starts. What runs is left alone, but its
        workers are refused too. A second time changes nothing.

        Raises:
            NotFound: there is none, or it is another's.
            NotTheOperator: the caller's account is not the first one.
            OperatorsAccount: it is the first one.
        """

        async def work(transaction: Transaction) -> AccountRecord:
            account = await _held(transaction, caller_account_id, id)
            if id == caller_account_id:
                raise OperatorsAccount
            if account.disabled_at is not None:
                return account
            await transaction.update_account(disabled := replace(account, disabled_at=self._clock()))
            await transaction.unschedule_jobs(id)
            await _turn_slots(transaction, id, -1)
            await self._write_down(transaction, caller_account_id, "account.disabled", by, id, title=account.title)
            return disabled

        try:
            account = await self._store.write(work, tell=lambda account: news.of_revoked([account.id]))
        except WriteUnderWay as unknown:
            unknown.end.add_done_callback(lambda _: self._keys.forget([id]))
            raise
        self._keys.forget([id])
        return account

    async def enable(self, caller_account_id: str, id: str, by: Actor = SYSTEM) -> AccountRecord:
        """An account goes on where it was disabled: jobs are due again at their next times, what waits starts.

        Raises:
            NotFound: there is none, or it is another's.
            NotTheOperator: the caller's account is not the first one.
        """

        async def work(transaction: Transaction) -> tuple[AccountRecord, list[str], int | None]:
            account = await _held(transaction, caller_account_id, id)
            if account.disabled_at is None:
                return account, [], None
            await transaction.update_account(enabled := replace(account, disabled_at=None))
            due = await self._schedule_again(transaction, id)
            await self._write_down(transaction, caller_account_id, "account.enabled", by, id, title=account.title)
            return enabled, await _turn_slots(transaction, id, 1), due

        account, pipeline_ids, due = await self._store.write(work, tell=lambda done: news.of_timer(done[2]))
        self._note_timer(due)
        if pipeline_ids:
            await self._filling.fill(pipeline_ids)
        return account

    async def _write_down(
        self, transaction: Transaction, account_id: str, kind: str, by: Actor, id: str, **detail: str
    ) -> None:
        await note_in(transaction, account_id, kind, by, self._clock(), self._new_id, id, **detail)

    async def _schedule_again(self, transaction: Transaction, account_id: str) -> int | None:
        """When the next of its jobs is due."""
        now = self._clock()
        scheduled: list[JobRecord] = []
        async for job in _all(lambda part: transaction.jobs_of_account(account_id, part)):
            if not job.is_paused and job.status != "INACTIVE" and job.periodicity != "[]":
                held = await transaction.hold_job(job.id) or job
                scheduled.append(replace(held, due_at=next_due(rules_of(held), now)))
        await transaction.reschedule_jobs(scheduled)
        return min((job.due_at for job in scheduled if job.due_at is not None), default=None)


async def _turn_slots(transaction: Transaction, account_id: str, sign: int) -> list[str]:
    """Slots that are negative are none, and none of them forgotten. The ids of the pipelines."""
    ids = [one.id async for one in _all(lambda part: transaction.pipelines_of_account(account_id, part))]
    held = await transaction.pipelines_of(ids)
    await transaction.update_pipelines([replace(one, slots=sign * abs(one.slots)) for one in held])
    return ids


async def _all(read: Callable[[Slice], Awaitable[list[T]]]) -> AsyncIterator[T]:
    """All of a list, read part by part."""
    cursor = None
    while found := await read(Part(cursor=cursor, limit=AT_A_TIME)):
        for one in found:
            yield one
        cursor = found[-1].id


async def _is_operator(reads: Reads, account_id: str) -> bool:
    first = await reads.oldest_account()
    return first is not None and first.id == account_id


async def _visible(reads: Reads, caller_account_id: str, id: str) -> AccountRecord:
    account = await reads.account(id)
    if account is None or (id != caller_account_id and not await _is_operator(reads, caller_account_id)):
        raise NotFound(f"There is no account {id!r}.")
    return account


async def _held(transaction: Transaction, caller_account_id: str, id: str) -> AccountRecord:
    """An account that the operator is to change."""
    account = await _visible(transaction, caller_account_id, id)
    if not await _is_operator(transaction, caller_account_id):
        raise NotTheOperator
    return account
