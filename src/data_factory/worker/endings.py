"""How a task can end, other than with its output: raise one of these, or return it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any


class Ending(Exception):
    """An end that the task has chosen. `output` goes into the output of the failure, beside its `message`."""

    def __init__(self, message: str, output: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.output = dict(output or {})


class Fail(Ending):
    """The task failed: it is retried as its definition says.

    >>> raise Fail("the supplier's file is empty", {"rows": 0})  # doctest: +SKIP
    """


class FailForGood(Ending):
    """The task failed, and trying again would not help: it is not retried."""


class UserError(FailForGood):
    """Whoever launched the job has to put something right; not retried. `output.errorType` is `USER_ERROR`."""


class RetryLater(Ending):
    """Not yet: run it again after `delay` (seconds, or a `timedelta`). It does not count as an attempt.

    >>> raise RetryLater(60, "the export is not ready")  # doctest: +SKIP
    """

    def __init__(self, delay: float | timedelta, message: str = "") -> None:
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
        if not 0 <= seconds <= 10_000_000:
            raise ValueError(f"RetryLater({delay!r}): a delay is between 0 and 10,000,000 seconds")
        super().__init__(message)
        self.delay = seconds

    def __reduce__(self) -> tuple[Any, ...]:
        return RetryLater, (self.delay, self.message)
