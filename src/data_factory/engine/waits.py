"""Until when a WAIT waits: for a `duration`, or `until` a time.

wait_until({"duration": "1 day 12 hours"}, now)
wait_until({"until": "2026-11-25T21:00:00Z"}, now)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

MAX_WAIT_MS: Final = 10_000_000 * 1000
"""The longest wait: about four months."""

_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART: Final = re.compile(r"(\d{1,9})\s*(days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b\s*", re.IGNORECASE)


class NotATime(ValueError):
    """It cannot be told until when to wait; the message says why, and `member` which of the two is wrong, if one is."""

    def __init__(self, message: str, member: str | None = None) -> None:
        super().__init__(f"its `{member}` {message}" if member else message)
        self.member = member
        self.what = message


def wait_until(given: Mapping[str, Any], now: int) -> int:
    """When a WAIT with this input, which begins now, is over, in milliseconds since the epoch.

    Raises:
        NotATime: it has neither a `duration` nor an `until`, or both, or one that cannot be read or is too far away.
    """
    at = read_wait(given, now)
    if at - now > MAX_WAIT_MS:
        raise NotATime(f"it is more than {MAX_WAIT_MS // 1000} seconds away")
    return at


def read_wait(given: Mapping[str, Any], now: int) -> int:
    """The same, however far away it is.

    >>> [read_wait({"duration": text}, 0) for text in (90, "2m 5s", "1 day 12 hours")]
    [90000, 125000, 129600000]
    >>> read_wait({"until": "1970-01-01T01:00:00+01:00"}, 0)
    0

    Raises:
        NotATime: it has neither a `duration` nor an `until`, or both, or one that cannot be read.
    """
    duration, until = given.get("duration"), given.get("until")
    if (duration is None) == (until is None):
        raise NotATime("it needs either a `duration` or an `until`")
    return now + _milliseconds(duration) if until is None else _time(until)


def _milliseconds(duration: Any) -> int:
    match duration:
        case bool():
            pass
        case int() | float() if 0 <= duration <= MAX_WAIT_MS:
            return int(duration * 1000)
        case str() if duration.strip():
            parts = list(_PART.finditer(duration.strip()))
            if "".join(part[0] for part in parts) == duration.strip():
                return sum(int(part[1]) * _SECONDS[part[2][0].lower()] for part in parts) * 1000
    raise NotATime("is not a number of seconds, or a text like `1 day 2 hours 30 minutes` or `90s`", "duration")


def _time(until: Any) -> int:
    try:
        at = datetime.fromisoformat(until)
    except (TypeError, ValueError):
        raise NotATime("is not a time like `2026-11-25T21:00:00Z`", "until") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
