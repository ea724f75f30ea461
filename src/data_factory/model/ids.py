"""Identifiers: 24 hexadecimal digits, ordered by the time of their making.

The platform's ids have this shape (those of MongoDB). Ours hold 48 bits of milliseconds since the epoch and 48 bits
that start at random in each process and count up, so ids of one process are strictly increasing and ids of two
processes do not meet.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable
from typing import Final

ID_PATTERN: Final = r"^[0-9a-f]{24}$"
CURSOR_PATTERN: Final = r"^(?:[0-9a-f]{24}|[0-9a-f]{64})$(?!\n)"
"""An id of any resource: files have longer ones."""

_LOW_BITS: Final = 48
_LOW_MASK: Final = (1 << _LOW_BITS) - 1

NewId = Callable[[], str]


def is_id(text: str) -> bool:
    """Whether `text` has the form of an id.

    >>> is_id("0192f4c1a2b3000000000001"), is_id("power")
    (True, False)
    """
    return re.fullmatch(ID_PATTERN, text) is not None


def is_cursor(text: str) -> bool:
    """Whether `text` has the form of an id of any resource, files included."""
    return re.fullmatch(CURSOR_PATTERN, text) is not None


class IdMaker:
    """Makes ids that never go back, even when the clock does. Threads may share it.

    >>> make = IdMaker(now=lambda: 1_700_000_000_000, start=1)
    >>> make()
    '018bcfe56800000000000002'
    """

    __slots__ = ("_last", "_now", "_turn")

    def __init__(self, now: Callable[[], int], start: int | None = None) -> None:
        self._now = now
        self._turn = threading.Lock()
        self._last = secrets.randbits(_LOW_BITS - 1) if start is None else start

    def __call__(self, now: int | None = None) -> str:
        """A new id, greater than every id made before by this maker. Who knows what time it is `now` need not look at
        the clock for each."""
        if now is None:
            now = self._now()
        with self._turn:
            following = self._last + 1
            if now > self._last >> _LOW_BITS:
                following = (now << _LOW_BITS) | (following & _LOW_MASK)
            self._last = following
        return f"{following:024x}"
