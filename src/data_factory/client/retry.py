"""When a call is sent again, and after how long: with jitter, so that many clients do not come back at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

import msgspec

from data_factory.client.call import Call
from data_factory.client.errors import ApiError, ConnectionFailed, RateLimited, ServerFailed

_TRANSIENT: Final = frozenset({502, 503, 504})


class Backoff(msgspec.Struct, frozen=True):
    """Growing pauses with jitter: between half and all of `initial * 2 ** n` seconds, never over `ceiling`.

    >>> Backoff(initial=1, jitter=lambda: 1.0).pause(2)
    4.0
    """

    initial: float = 0.25
    ceiling: float = 10.0
    jitter: Callable[[], float] = random.random

    def pause(self, failures: int) -> float:
        """The seconds to wait after so many failures in a row, counted from 0."""
        whole = min(self.ceiling, self.initial * 2.0 ** min(failures, 30))
        return whole * (0.5 + self.jitter() / 2)


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often a client repeats a call, and how long it is ready to wait for it.

    A server that asks for more than `longest_pause` seconds of patience gets its error raised instead.
    """

    attempts: int = 5
    backoff: Backoff = Backoff()
    longest_pause: float = 60.0

    def pause(self, call: Call[Any], error: ApiError, failures: int) -> float | None:
        """The seconds after which to send `call` again, when `error` was its answer; None to give up."""
        if failures + 1 >= self.attempts or not _may_repeat(call, error):
            return None
        pause = max(self.backoff.pause(failures), error.retry_after or 0.0)
        return pause if pause <= self.longest_pause else None


NO_RETRIES: Final = RetryPolicy(attempts=1)


def is_ambiguous(error: ApiError) -> bool:
    """Whether the server may have acted on the request that ended with this error."""
    match error:
        case ConnectionFailed():
            return error.sent
        case ServerFailed():
            return True
        case _:
            return False


def is_transient(error: ApiError) -> bool:
    """Whether the same request may well succeed a little later."""
    match error:
        case ConnectionFailed() | RateLimited():
            return True
        case _:
            return error.status in _TRANSIENT


def _may_repeat(call: Call[Any], error: ApiError) -> bool:
    return is_transient(error) and (call.repeat != "unsent" or not is_ambiguous(error))
