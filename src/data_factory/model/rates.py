"""How many requests are allowed in which time.

>>> parse_rate("50/min")
Rate(count=50, window_ms=60000)
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

RATE_PATTERN: Final = r"^[1-9][0-9]{0,5}/(s|min|h)$(?!\n)"

_MS: Final = {"s": 1_000, "min": 60_000, "h": 3_600_000}


class Rate(msgspec.Struct, frozen=True):
    """So many in so many milliseconds."""

    count: int
    window_ms: int


def parse_rate(text: str) -> Rate:
    """A rate from its text: `50/min`, `10/s`, `1000/h`.

    Raises:
        ValueError: it is not one.
    """
    if re.search(RATE_PATTERN, text) is None:
        raise ValueError(f"{text!r} is not a rate: 50/min, 10/s or 1000/h, for instance")
    count, _, unit = text.partition("/")
    return Rate(int(count), _MS[unit])
