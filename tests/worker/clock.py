"""A clock that the test moves."""

from __future__ import annotations

import asyncio
import itertools
from typing import Final

from data_factory.worker.clock import Clock

AT_ONCE: Final = 1.0


class ManualClock(Clock):
    """Sleeps shorter than a second (back-off) end at once; others when the test moves the clock far enough."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self.slept: list[float] = []
        self._sleepers: dict[int, tuple[float, asyncio.Future[None]]] = {}
        self._ids = itertools.count()
        self._changed = asyncio.Event()

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds < AT_ONCE:
            self.time += seconds
            await asyncio.sleep(0)
            return
        me = next(self._ids)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers[me] = self.time + seconds, future
        self._changed.set()
        try:
            await future
        finally:
            del self._sleepers[me]

    async def advance(self, seconds: float) -> None:
        """Let so many seconds pass; who has slept enough wakes."""
        self.time += seconds
        for wake_at, future in list(self._sleepers.values()):
            if wake_at <= self.time + 1e-6 and not future.done():
                future.set_result(None)
        await asyncio.sleep(0)

    async def someone_sleeps(self, least: float, most: float = 1e9) -> None:
        """Return once somebody sleeps for so long."""
        while not any(least - 1e-6 <= wake_at - self.time <= most + 1e-6 for wake_at, _ in self._sleepers.values()):
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 20)
