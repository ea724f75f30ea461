"""Parts of lists."""

from __future__ import annotations

from typing import Final

import msgspec

MAX_PAGE_BYTES: Final = 16 * 1024 * 1024
"""A part of a list ends before it has more, save for a single item."""


class Part(msgspec.Struct, frozen=True):
    """What is asked of a list: what comes after `cursor` (an id), without the first `offset`, at most `limit`; of
    executions, no more once their inputs and outputs come to more than `max_bytes` together."""

    cursor: str | None = None
    offset: int = 0
    limit: int = 10
    max_bytes: int = MAX_PAGE_BYTES
