"""Keeps within so many requests a minute, as the hosted platform asks."""

from __future__ import annotations

from collections import deque
from typing import Final

from data_factory.worker.clock import Clock

HOSTED_LIMIT: Final = 50
_WINDOW: Final = 60.0


class Pace:
    """At most `limit` requests in any 60 seconds; reports go first.

    A poll is made only when a report of what it may bring, and of everything that is running, would fit too. So a
    result does not wait behind polls.
    """

    def __init__(self, clock: Clock, limit: int = HOSTED_LIMIT) -> None:
        self.enforced = False
        self._clock = clock
        self._limit = limit
        self._sent: deque[float] = deque(maxlen=limit)
        self._not_before = 0.0
        self._urgent = 0

    def pause(self, seconds: float) -> None:
        """Send nothing for so long: the server has asked for it."""
        self._not_before = max(self._not_before, self._clock.now() + seconds)

    async def turn(self, *, urgent: bool = True, owed: int = 0) -> None:
        """Return when the next request may be sent, and count it. `owed` are the reports that are still to come."""
        self._urgent += urgent
        try:
            while self.enforced and (wait := self._wait(urgent, owed)) > 0:
                await self._clock.sleep(wait)
        finally:
            self._urgent -= urgent
        self._sent.append(self._clock.now())

    def _wait(self, urgent: bool, owed: int) -> float:
        now = self._clock.now()
        while self._sent and self._sent[0] <= now - _WINDOW:
            self._sent.popleft()
        reserve = 0 if urgent else 1 + min(owed + self._urgent, self._limit // 2)
        excess = len(self._sent) + 1 + reserve - self._limit
        over = self._sent[excess - 1] + _WINDOW - now if excess > 0 else 0.0
        return max(over, self._not_before - now)
