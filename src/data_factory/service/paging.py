"""Parts of lists."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True):
    """What is asked of a list: what comes after `cursor` (an id), without the first `offset`, at most `limit`."""

    cursor: str | None = None
    offset: int = 0
    limit: int = 10
