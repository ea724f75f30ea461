"""Keeps within so many requests a minute, as the hosted platform asks."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from data_factory.worker.clock import Clock

HOSTED_LIMIT: Final = 50
_WINDOW: Final = 60.0
_SHORT: Final = 1.0


class Pace:
    """At most `limit` requests in any 60 seconds; reports go first.

    A poll is made only when a report of what it may bring, and of everything that is running, would fit too. So a
    result does not wait behind polls.
    """

    def __init__(self, clock: Clock, limit: int = HOSTED_LIMIT) -> None:
        self.enforced = False
        self._clock = clock
        self._limit = limit
        self._under_way = 0
        self._answered: deque[float] = deque(maxlen=limit)
        self._not_before = 0.0
        self._urgent = 0

    def pause(self, seconds: float) -> None:
        """Send nothing for so long: the server has asked for it."""
        self._not_before = max(self._not_before, self._clock.now() + seconds)

    @asynccontextmanager
    async def turn(self, *, urgent: bool = True, owed: int = 0) -> AsyncIterator[None]:
        """The block is one request: it begins when that may be sent. `owed` are the reports that are still to come."""
        self._urgent += urgent
        try:
            while self.enforced and (wait := self._wait(urgent, owed)) > 0:
                await self._clock.sleep(wait)
        finally:
            self._urgent -= urgent
        self._under_way += 1
        try:
            yield
        finally:
            # The server counts it from its arrival, of which only this is known: it was not later than now.
            self._under_way -= 1
            self._answered.append(self._clock.now())

    async def admit(self) -> None:
        """Return when a request may be sent that somebody else sends."""
        async with self.turn():
            return

    def _wait(self, urgent: bool, owed: int) -> float:
        now = self._clock.now()
        while self._answered and self._answered[0] <= now - _WINDOW:
            self._answered.popleft()
        reserve = 0 if urgent else 1 + min(owed + self._urgent, self._limit // 2)
        excess = self._under_way + len(self._answered) + 1 + reserve - self._limit
        if excess <= 0:
            return self._not_before - now
        if excess > len(self._answered):
            return _SHORT
        return max(self._answered[excess - 1] + _WINDOW, self._not_before) - now
