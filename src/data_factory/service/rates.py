"""Who asks too often waits: a token bucket for each API key that has a limit, in the memory of this process.

A bucket is one number, the moment at which it is full again. It holds the requests of one window and fills evenly, so
a program that has rested may send them all at once, and one that goes on is let through at the rate.
"""

from __future__ import annotations

from typing import Final

import msgspec

from data_factory.model.errors import RateLimited
from data_factory.model.rates import Rate

MOST_BUCKETS: Final = 10_000


class Room(msgspec.Struct, frozen=True):
    """What is left to a key: so many requests now, and all of them in so many seconds."""

    remaining: int
    full_s: int


class Bucket:
    """The requests that one key may send.

    >>> bucket = Bucket(Rate(2, 60_000))
    >>> bucket.take(0), bucket.take(0)
    (Room(remaining=1, full_s=30), Room(remaining=0, full_s=60))
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._full_at = 0  # in ms * count: a request costs `window_ms`, a whole number whatever the rate

    def take(self, now: int) -> Room:
        """Count one request; what is left after it.

        Raises:
            RateLimited: there is room for none; it says when there is.
        """
        count, window = self._rate.count, self._rate.window_ms
        missing = self.missing(now)
        self._full_at = now * count + missing  # by a clock that was set back it would be too far off
        missing += window
        if missing > window * count:
            wait_s = _up(missing - window * count, count * 1_000)
            raise RateLimited(
                f"This API key may send {count} requests in {window // 1_000} s: try again in {wait_s} s.",
                retry_after=wait_s,
            )
        self._full_at = now * count + missing
        return Room((window * count - missing) // window, _up(missing, count * 1_000))

    def room(self, now: int) -> Room:
        """What is left, without a request."""
        count, window = self._rate.count, self._rate.window_ms
        missing = self.missing(now)
        return Room((window * count - missing) // window, _up(missing, count * 1_000))

    def missing(self, now: int) -> int:
        """How much it takes to be full; never more than a window, whatever the clock does."""
        count, window = self._rate.count, self._rate.window_ms
        return min(max(self._full_at - now * count, 0), window * count)


class Rates:
    """The buckets of the keys that have a limit."""

    def __init__(self, most: int = MOST_BUCKETS) -> None:
        self._most = most
        self._buckets: dict[str, Bucket] = {}

    def bucket(self, key_id: str, rate: Rate, now: int) -> Bucket:
        """The bucket of a key. Those that are full are forgotten when they become many: a new one is full, too."""
        bucket = self._buckets.get(key_id)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._buckets = {id: one for id, one in self._buckets.items() if one.missing(now)}
                self._most = max(self._most, 2 * len(self._buckets))
            bucket = self._buckets[key_id] = Bucket(rate)
        return bucket


def _up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
