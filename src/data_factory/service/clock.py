"""What time it is: milliseconds since the epoch, UTC. Everything that needs the time is handed a clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from data_factory.store.clock import steady_ns

Clock = Callable[[], int]

_MS: Final = 1_000_000


class SteadyClock:
    """The time of another clock, without the jumps that it may make: of this machine's, or of a database's.

    It begins with what the other one shows when it is first asked. When that is set forward later, this one catches up
    at twice the speed; when it is set back, this one waits for it at half the speed. It never goes back, and a lease of
    a minute lasts between half a minute and two, so that a worker that is alive keeps it.

    >>> wall, steady = iter([0, 3_600_000]), iter([0, 10])  # in 10 ms the clock was set forward by an hour
    >>> clock = SteadyClock(lambda: next(wall) * 1_000_000, lambda: next(steady) * 1_000_000)
    >>> clock(), clock()
    (0, 20)
    """

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns, steady: Callable[[], int] = steady_ns) -> None:
        self._wall_ns = wall_ns
        self._steady_ns = steady
        self._last: int | None = None
        self._ahead = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """The time now."""
        with self._lock:
            steady = self._steady_ns()
            missing = self._wall_ns() - steady - self._ahead
            if self._last is None:
                self._ahead = missing
            else:
                passed = steady - self._last
                self._ahead += max(-passed // 2, min(missing, passed))
            self._last = steady
            return (steady + self._ahead) // _MS
