"""When a job is to start, as it is said on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from data_factory.cli.exit_codes import ExitCode, Stop

_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_PART: Final = re.compile(
    r"\s*(\d{1,7})\s*(days?|d|hours?|h|minutes?|mins?|m|seconds?|secs?|s)(?=\s|\d|$)", re.IGNORECASE
)


def start_time(at: str | None, after: str | None) -> datetime | None:
    """The time that was asked for: one in ISO 8601, that of this machine if it has no zone, or a length from now on."""
    if at is not None and after is not None:
        raise Stop(ExitCode.USAGE, "Give one of --at and --in.")
    if at is not None:
        try:
            return datetime.fromisoformat(at).astimezone()
        except (ValueError, OverflowError, OSError):
            raise Stop(ExitCode.USAGE, f"--at {at} is not a time like 2026-11-30T06:00:00Z.") from None
    return None if after is None else datetime.now(UTC) + length(after)


def length(text: str, option: str = "--in") -> timedelta:
    """A length of time.

    >>> length("5m"), length("1 day 2h").total_seconds()
    (datetime.timedelta(seconds=300), 93600.0)
    """
    parts = list(_PART.finditer(text.strip()))
    if not parts or "".join(part[0] for part in parts) != text.strip():
        raise Stop(ExitCode.USAGE, f"{option} {text} is not a length like 90s, 5m or '1 day 2 hours'.")
    return sum((timedelta(**{_UNITS[part[2][0].lower()]: int(part[1])}) for part in parts), timedelta())
