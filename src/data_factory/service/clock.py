"""What time it is: milliseconds since the epoch, UTC. Everything that needs the time is handed a clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

Clock = Callable[[], int]

_MS: Final = 1_000_000


def _steady_ns() -> int:
    """Time that passes evenly, sleep of the machine included where the system can tell."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyClock:
    """The time of this machine, without the jumps that its clock may make.

    When the machine's clock is set forward, this one catches up at twice the speed; when it is set back, this one waits
    for it at half the speed. It never goes back, and a lease of a minute lasts between half a minute and two, so that
    a worker that is alive keeps it.

    >>> wall, steady = iter([0, 3_600_000]), iter([0, 10])  # in 10 ms the clock was set forward by an hour
    >>> clock = SteadyClock(lambda: next(wall) * 1_000_000, lambda: next(steady) * 1_000_000)
    >>> clock()
    20
    """

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns, steady_ns: Callable[[], int] = _steady_ns) -> None:
        self._wall_ns = wall_ns
        self._steady_ns = steady_ns
        self._last = steady_ns()
        self._ahead = wall_ns() - self._last
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """The time now."""
        with self._lock:
            steady = self._steady_ns()
            passed = steady - self._last
            self._last = steady
            missing = self._wall_ns() - steady - self._ahead
            self._ahead += max(-passed // 2, min(missing, passed))
            return (steady + self._ahead) // _MS
