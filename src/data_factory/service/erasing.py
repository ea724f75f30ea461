"""Job executions deleted: one, or all that are old, by hand or by themselves; and the loop that erases their rows.

What is deleted is gone at once, in one short transaction. Its task executions and logs are erased afterwards, some in a
transaction, so that nobody waits for that, however many they are; interrupted anywhere, it goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.errors import DataFactoryError, JobExecutionNotEnded, NotFound, Unavailable
from data_factory.model.events import happened
from data_factory.model.ids import NewId
from data_factory.model.records import JobExecutionRecord
from data_factory.model.status import JOB_EXECUTION_ENDED, JobExecutionStatus
from data_factory.service.audit import note_in
from data_factory.service.clock import Clock
from data_factory.service.paging import Part
from data_factory.store.promises import Store, Transaction

log = logging.getLogger(__name__)

PORTION: Final = 500
"""How many rows of a kind one transaction looks at, or erases."""

MAX_PORTIONS: Final = 20
"""How many such transactions one request makes; the next request goes on."""

LOOK_AGAIN_S: Final = 3600.0
RETRY_S: Final = 10.0


class Purged(msgspec.Struct):
    """What was deleted, or would be: how many in each status. `next` is where to go on; None when all was looked at."""

    by_status: Counter[str] = msgspec.field(default_factory=Counter)
    next: int | None = None


class Erasing:
    """Deletes job executions, and erases what is left of them. `keep_ms` deletes by itself what ended before that."""

    def __init__(self, store: Store, clock: Clock, new_id: NewId, keep_ms: int | None = None) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._keep_ms = keep_ms
        self._more = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    async def delete(self, account_id: str, id: str, by: Actor) -> JobExecutionRecord:
        """Delete a job execution that has ended.

        Raises:
            NotFound: there is none.
            JobExecutionNotEnded: it still waits or runs.
        """
        [deleted] = await self.delete_each(account_id, [id], by)
        if isinstance(deleted, DataFactoryError):
            raise deleted
        return deleted

    async def delete_each(
        self, account_id: str, ids: Sequence[str], by: Actor
    ) -> list[JobExecutionRecord | DataFactoryError]:
        """Delete those of these job executions that have ended, in one transaction; of the others, why not."""
        now = self._clock()

        async def work(transaction: Transaction) -> list[JobExecutionRecord | DataFactoryError]:
            found = {one.id: one for one in await transaction.job_executions_by_id(ids)}
            answers: list[JobExecutionRecord | DataFactoryError] = [
                _deletable(id, found.get(id), account_id) for id in ids
            ]
            gone = [one.id for one in answers if not isinstance(one, DataFactoryError)]
            if gone:
                await transaction.begin_erasing(gone, now)
                await transaction.insert_events(
                    [
                        happened("job_execution.deleted", by, now, self._new_id, account_id=account_id, object_id=id)
                        for id in gone
                    ]
                )
            return answers

        answers = await self._store.write(work)
        self._more.set()
        return answers

    async def purge(
        self,
        account_id: str,
        before: int,
        statuses: Collection[JobExecutionStatus] = (),
        after: int = 0,
        *,
        dry_run: bool = False,
        by: Actor = SYSTEM,
    ) -> Purged:
        """Delete what has ended before a time, in one of these statuses if there are any, some at a time."""
        purged = Purged(next=after)
        for _ in range(MAX_PORTIONS):
            if purged.next is None:
                break
            await self._purge_some(account_id, before, statuses, purged, dry_run, by)
        if purged.by_status and not dry_run:
            self._more.set()
        return purged

    async def _purge_some(
        self,
        account_id: str,
        before: int,
        statuses: Collection[JobExecutionStatus],
        purged: Purged,
        dry_run: bool,
        by: Actor,
    ) -> None:
        after = purged.next or 0
        rows = await self._store.ask(lambda reads: reads.aged_job_executions(account_id, after, PORTION))
        old = [
            row
            for row in rows
            if row.ended_at is not None and row.ended_at < before and (not statuses or row.status in statuses)
        ]
        if old and not dry_run:
            ids, now = [row.id for row in old], self._clock()

            async def work(transaction: Transaction) -> None:
                await transaction.begin_erasing(ids, now)
                about = {"count": len(ids), "endedBefore": before}
                await note_in(
                    transaction, account_id, "job_execution.purged", by, now, self._new_id, account_id, **about
                )

            await self._store.write(work)
        purged.by_status.update(row.status for row in old)
        is_last = len(rows) < PORTION or min(row.created_at for row in rows) >= before
        purged.next = None if is_last else rows[-1].seq

    def start(self) -> None:
        """Begin: first with what was left when the last one stopped."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End the loop; what is left of what was deleted is erased after the next start."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])

    async def run_once(self, now: int) -> int:
        """Delete what is too old, if there is such a thing, and erase all that is left; how many were too old."""
        count = await self._delete_old(now - self._keep_ms) if self._keep_ms is not None else 0
        while await self._store.write(lambda transaction: transaction.erase_some(PORTION)):
            pass
        return count

    async def _delete_old(self, before: int) -> int:
        count, part = 0, Part(limit=PORTION)
        while accounts := await self._store.ask(lambda reads, part=part: reads.accounts(part)):  # type: ignore[misc]
            for account in accounts:
                after: int | None = 0
                while after is not None:
                    purged = await self.purge(account.id, before, after=after)
                    count, after = count + purged.by_status.total(), purged.next
            part = Part(limit=PORTION, cursor=accounts[-1].id)
        if count:
            log.info("%d job executions were deleted: they had ended longer ago than is to be kept", count)
        return count

    async def _run(self) -> None:
        while True:
            pause = LOOK_AGAIN_S
            try:
                self._more.clear()
                await self.run_once(self._clock())
            except Unavailable as error:
                log.warning("what was deleted could not be erased; trying again: %s", error)
                pause = RETRY_S
            except Exception:  # whatever it is, time goes on
                log.exception("what was deleted could not be erased; trying again")
                pause = RETRY_S
            try:
                async with asyncio.timeout(pause):
                    await self._more.wait()
            except TimeoutError:
                continue


def _deletable(
    id: str, found: JobExecutionRecord | None, account_id: str
) -> JobExecutionRecord | NotFound | JobExecutionNotEnded:
    """A job execution that can be deleted, or why it cannot."""
    if found is None or found.account_id != account_id:
        return NotFound(f"There is no job execution {id!r} in this account.")
    if found.status not in JOB_EXECUTION_ENDED:
        return JobExecutionNotEnded(f"It is {found.status}: cancel it first.")
    return found
