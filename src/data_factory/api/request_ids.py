"""A name for each request, which its answer, its problem document and the log have: to find the one with the other.

>>> ids = RequestIds("3f")
>>> ids.of(b""), ids.of(b"checkout-17"), ids.of(b"not one")
(b'3f-1', b'checkout-17', b'3f-2')
"""

from __future__ import annotations

import re
import secrets
from itertools import count
from typing import Final

HEADER: Final = b"x-request-id"
PATTERN: Final = r"[A-Za-z0-9._:+/=-]{1,128}"
"""What a client may call its request: it is written into the log, so nothing that could be taken for something else."""

_given: Final = re.compile(PATTERN.encode())


class RequestIds:
    """Names requests: what is chance is drawn once a process, the rest is counted."""

    def __init__(self, prefix: str | None = None) -> None:
        self._prefix = (prefix or secrets.token_hex(6)).encode()
        self._numbers = count(1)

    def of(self, given: bytes) -> bytes:
        """What the client calls it, if that can be a name; else a new one."""
        if given and _given.fullmatch(given):
            return given
        return b"%s-%x" % (self._prefix, next(self._numbers))
