"""The loop of time: what comes due is done when it is due, and nothing is asked of the store in between."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final

from data_factory.model.errors import Unavailable
from data_factory.service.clock import Clock
from data_factory.service.commands import FireTimers
from data_factory.service.dispatcher import Dispatcher
from data_factory.service.due import look_for_due
from data_factory.service.setbacks import Setbacks
from data_factory.service.sparing import Sparing
from data_factory.store.promises import Reads, Store, Timer

log = logging.getLogger(__name__)

LOOK_AT_CLOCK_S: Final = 30.0
"""The longest sleep, so that a clock that is set forward is noticed. Looking at the clock costs no statement."""

RETRY_S: Final = 1.0


class Timers:
    """Fires leases, retries and timeouts when they are due: after a start or an outage, once leases are spared."""

    def __init__(self, store: Store, dispatcher: Dispatcher, sparing: Sparing, clock: Clock) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._sparing = sparing
        self._to_be_spared = True
        self._clock = clock
        self._next: int | None = None
        self._earlier = asyncio.Event()
        self._may_fire = asyncio.Event()
        self._may_fire.set()
        self._setbacks = Setbacks(store, clock, self.note)
        self._loop: asyncio.Task[None] | None = None

    def note(self, at: int | None) -> None:
        """There is a timer that comes due at this time."""
        if at is not None and (self._next is None or at < self._next):
            self._next = at
            self._earlier.set()

    def start(self) -> None:
        """Begin: first with what came due while nobody was looking."""
        self._loop = asyncio.create_task(self._run())

    def pause(self) -> None:
        """Fire nothing for now."""
        self._may_fire.clear()

    def resume(self) -> None:
        """Go on: first with what came due meanwhile."""
        self._may_fire.set()
        self._to_be_spared = True
        self.note(self._clock())

    async def stop(self) -> None:
        """End the loop."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])

    async def run_once(self) -> None:
        """Do all that is due now, and find out when the next is."""
        await self._spare()
        while await self._fire():
            pass
        self._next = None
        self.note(await self._store.read(_next_timer))

    async def _fire(self) -> bool:
        """Do what is due, apart if it cannot be done in one; whether there may be more."""
        try:
            more: bool = await self._dispatcher.submit(FireTimers())
        except Unavailable:
            raise
        except Exception as error:
            now = self._clock()
            due = await self._store.write(lambda transaction: look_for_due(transaction, now))
            if not due.timers:
                raise
            log.warning("what is due could not be done in one, and is tried apart: %r", error)
            await self._setbacks.try_apart(due.timers, self._fire_only)
            return True
        return more

    async def _fire_only(self, timers: Sequence[Timer]) -> None:
        await self._dispatcher.submit(FireTimers(only=frozenset(timer.id for timer in timers)))

    async def _run(self) -> None:
        while True:
            try:
                await self._may_fire.wait()
                await self.run_once()
                await self._until_due()
            except Unavailable as error:
                log.warning("the timers could not be fired; trying again: %s", error)
                await asyncio.sleep(RETRY_S)
            except Exception:  # whatever it is, time goes on
                log.exception("the timers could not be fired; trying again")
                await asyncio.sleep(RETRY_S)

    async def _spare(self) -> None:
        if not self._to_be_spared:
            return
        self._to_be_spared = False
        try:
            await self._sparing.finish()
        except BaseException:
            self._to_be_spared = True
            raise

    async def _until_due(self) -> None:
        while self._next is None or self._clock() < self._next:
            ahead = LOOK_AT_CLOCK_S if self._next is None else (self._next - self._clock()) / 1000
            self._earlier.clear()
            with contextlib.suppress(TimeoutError):  # not `wait_for`: that of Python 3.11 may miss its own cancel
                async with asyncio.timeout(min(ahead, LOOK_AT_CLOCK_S)):
                    await self._earlier.wait()


async def _next_timer(reads: Reads) -> int | None:
    return await reads.next_timer()
