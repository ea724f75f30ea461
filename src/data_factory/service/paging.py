"""Parts of lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord

R = TypeVar("R", JobExecutionRecord, TaskExecutionRecord)

MAX_PAGE_BYTES: Final = 16 * 1024 * 1024
"""A part of a list ends before it has more, save for a single item."""

_AT_A_TIME: Final = 10


class Part(msgspec.Struct, frozen=True):
    """What is asked of a list: what comes after `cursor` (an id), without the first `offset`, at most `limit`."""

    cursor: str | None = None
    offset: int = 0
    limit: int = 10


async def read_within_bounds(read: Callable[[Part], Awaitable[list[R]]], part: Part) -> list[R]:
    """Read a part of a list of executions, a few at a time, and no further than to the one that is too much."""
    found: list[R] = []
    room = MAX_PAGE_BYTES
    rest = part
    while rest.limit > 0 and room >= 0:
        few = await read(replace(rest, limit=min(rest.limit, _AT_A_TIME)))
        for row in few:
            room -= len(row.input) + len(row.output)
        found += few
        if len(few) < min(rest.limit, _AT_A_TIME):
            break
        rest = Part(cursor=few[-1].id, limit=rest.limit - len(few))
    return found
