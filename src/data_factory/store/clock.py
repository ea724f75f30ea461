"""The clock that all go by who work on one database: its own."""

from __future__ import annotations

import time
from collections.abc import Callable


def steady_ns() -> int:
    """Time that passes evenly, sleep of the machine included where the system can tell."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class DistantClock:
    """A clock that can be asked from afar, in nanoseconds since the epoch; this machine's before it ever was.

    What it answers was true at some moment between the question and the answer. What is believed of it holds as long as
    it may be true, so it does not tremble with the length of the ways to and fro.

    >>> clock = DistantClock(lambda: 100)
    >>> clock.heed(5_000, asked=10, answered=30)  # so it is 4,980 ahead, give or take 10
    >>> clock()
    5080
    >>> clock.heed(5_030, asked=40, answered=70)  # that may be true
    >>> clock()
    5080
    >>> clock.heed(5_030, asked=80, answered=90)  # that cannot: it is behind what was believed
    >>> clock()
    5050
    """

    def __init__(self, steady: Callable[[], int] = steady_ns) -> None:
        self.steady = steady
        self._ahead: int | None = None

    def heed(self, answer: int, asked: int, answered: int) -> None:
        """Take what the clock has answered to a question, the times of which are those of `steady`."""
        least, most = answer - answered, answer - asked
        believed = (least + most) // 2 if self._ahead is None else self._ahead
        self._ahead = min(max(believed, least), most)

    def __call__(self) -> int:
        """The time now."""
        return time.time_ns() if self._ahead is None else self.steady() + self._ahead
