"""The clock of a worker: seconds that only go forward, and sleep. Tests have one of their own."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """The real clock."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)
