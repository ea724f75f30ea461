"""The loop that sweeps files: those whose time is over, that were deleted, or that never came to their end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Final

from data_factory.model.errors import Unavailable
from data_factory.model.records import FileTallyRecord
from data_factory.service.clock import Clock
from data_factory.store.blobs import Blobs
from data_factory.store.promises import Store, Transaction

log = logging.getLogger(__name__)

AT_A_TIME: Final = 100

LOOK_AGAIN_S: Final = 3600.0
"""The longest sleep: what another server has noted, and did not live to sweep, is looked up now and then."""

RETRY_S: Final = 10.0


class Retention:
    """Sweeps what is due, when it is due."""

    def __init__(self, store: Store, blobs: Blobs, clock: Clock) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._next: int | None = None
        self._earlier = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def note(self, at: int | None) -> None:
        """There is something that comes due at this time."""
        if at is not None and (self._next is None or at < self._next):
            self._next = at
            self._earlier.set()

    def start(self) -> None:
        """Begin: first with what came due while nobody was looking."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End the loop."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])

    async def run_once(self, now: int) -> None:
        """Sweep all that is due, and find out when the next is.

        A file is first said to be gone, then its content goes, then the rest: interrupted anywhere, the next sweep does
        it again. A file that a job has begun to use is not due any more.
        """
        self._next = None
        while ids := await self._store.write(lambda transaction: _leave(transaction, now)):
            await self._blobs.remove(ids)
            await self._store.write(lambda transaction, ids=ids: transaction.delete_files(ids))  # type: ignore[misc]
        self.note(await self._store.read(lambda reads: reads.next_due_file()))

    async def _run(self) -> None:
        while True:
            try:
                await self.run_once(self._clock())
                await self._until_due()
            except Unavailable as error:
                log.warning("files could not be swept; trying again: %s", error)
                await asyncio.sleep(RETRY_S)
            except Exception:  # whatever it is, time goes on
                log.exception("files could not be swept; trying again")
                await asyncio.sleep(RETRY_S)

    async def _until_due(self) -> None:
        ahead = LOOK_AGAIN_S
        while self._next is None or self._clock() < self._next:
            if self._next is not None:
                ahead = min((self._next - self._clock()) / 1000, LOOK_AGAIN_S)
            self._earlier.clear()
            try:
                async with asyncio.timeout(ahead):
                    await self._earlier.wait()
            except TimeoutError:
                return


async def _leave(transaction: Transaction, now: int) -> list[str]:
    """What is due is gone from now on; the ids of all of it."""
    due = await transaction.due_files(now, AT_A_TIME)
    if due:
        await transaction.leave_files([file.id for file in due], now)
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in due:
        if file.status == "KEPT":
            files[file.account_id] += 1
            sizes[file.account_id] += file.size
    await transaction.count_files([FileTallyRecord(id, -files[id], -sizes[id]) for id in sorted(files)])
    return [file.id for file in due]
