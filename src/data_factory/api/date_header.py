"""The `Date` of answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

Header = tuple[bytes, bytes]


class DateHeader(list[Header]):
    """The headers that uvicorn puts before those of each answer: the `Date` at which it is begun (RFC 9110, 6.6.1).

    uvicorn would write it anew ten times in a second, also when nothing is asked. This does it when somebody is
    answered, and once a second at most. `clock` gives seconds since 1970.

    >>> DateHeader(lambda: 0.0) + [(b"etag", b"1")]
    [(b'date', b'Thu, 01 Jan 1970 00:00:00 GMT'), (b'etag', b'1')]
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._second = -1

    def __iter__(self) -> Iterator[Header]:
        self._look()
        return super().__iter__()

    def __add__(self, others: list[Header]) -> list[Header]:  # type: ignore[override]
        self._look()
        return super().__add__(others)

    def _look(self) -> None:
        if (second := int(self._clock())) != self._second:
            self._second = second
            self[:] = [(b"date", formatdate(second, usegmt=True).encode())]
