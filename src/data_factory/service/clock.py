"""What time it is: milliseconds since the epoch, UTC. Everything that needs the time is handed a clock."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]


def wall_clock() -> int:
    """The time of this machine."""
    return time.time_ns() // 1_000_000
