"""The W3C header `traceparent`: which trace something belongs to, and below which span."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_PATTERN: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)


class Parent(msgspec.Struct, frozen=True):
    """A span, wherever it is recorded: the trace it belongs to, its own id, and whether it is recorded at all."""

    trace_id: int
    span_id: int
    sampled: bool


def parent_of(header: str) -> Parent | None:
    """What the header says; None if it says nothing that can be understood, which the standard has one ignore.

    >>> parent_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").sampled
    True
    """
    found = _PATTERN.fullmatch(header)
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return None
    trace_id, span_id = int(found[2], 16), int(found[3], 16)
    return Parent(trace_id, span_id, bool(int(found[4], 16) & 1)) if trace_id and span_id else None


def traceparent_of(header: str) -> str | None:
    """The header as it is kept and handed on; None if there is none, or one that cannot be understood."""
    parent = parent_of(header) if header else None
    return None if parent is None else f"00-{parent.trace_id:032x}-{parent.span_id:016x}-{int(parent.sampled):02x}"
