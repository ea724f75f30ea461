"""How long ago, as people write it: `90d`."""

from __future__ import annotations

from typing import Final

AGE_PATTERN: Final = r"^[0-9]{1,6}[mhdw]$(?!\n)"

_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


def age_ms(text: str) -> int:
    """An age of this pattern, in milliseconds.

    >>> age_ms("90d"), age_ms("30m")
    (7776000000, 1800000)
    """
    return int(text[:-1]) * _MS[text[-1]]
