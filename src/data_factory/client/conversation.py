"""How a plan is carried out, without I/O: what to send, how long to pause, what to make of each answer.

`converse` is a generator. It yields a `Call` to send (and is given the `Reply`, or what is known of its loss) or a
`Pause` to make; in the end it returns the result. Both clients do no more than drive it.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import count
from typing import Any, TypeVar

import msgspec

from data_factory.client.call import Call, Lost, Plan, Reply
from data_factory.client.calls.server import KNOWS_IDEMPOTENCY_KEYS
from data_factory.client.decoding import decode
from data_factory.client.errors import ApiError, NotFound, from_lost, from_reply, not_understood
from data_factory.client.retry import RetryPolicy, is_ambiguous

T = TypeVar("T")


class Pause(msgspec.Struct, frozen=True):
    """Wait for so many seconds."""

    seconds: float


Moves = Generator[Call[Any] | Pause, Reply | Lost | None, T]


class Conversation:
    """What a client knows of the server it talks to."""

    def __init__(self, base_url: str, policy: RetryPolicy) -> None:
        self.base_url = base_url
        self.policy = policy
        self._knows_keys: bool | None = None

    def converse(self, plan: Plan[T]) -> Moves[T]:
        """Carry out a plan, call by call; an `ApiError` that it does not handle is raised."""
        steps = iter(plan)
        try:
            call = next(steps)
            while True:
                try:
                    result = yield from self._exchange(call)
                except ApiError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(result)
        except StopIteration as end:
            value: T = end.value
            return value

    def _exchange(self, call: Call[T]) -> Moves[T]:
        for failures in count():
            outcome = yield call
            if isinstance(outcome, Reply) and 200 <= outcome.status < 300:
                return self._read(call, outcome)
            error = self._error(call, outcome)
            pause = self.policy.pause(call, error, failures)
            if pause is None:
                raise error
            yield Pause(pause)
            if call.repeat == "keyed" and is_ambiguous(error):
                yield from self._check_keys(error)
        raise AssertionError("count() does not end")

    def _read(self, call: Call[T], reply: Reply) -> T:
        try:
            return decode(reply.body, call.result)
        except ValueError as error:
            raise not_understood(call, reply, self.base_url, str(error)) from error

    def _error(self, call: Call[Any], outcome: Reply | Lost | None) -> ApiError:
        if isinstance(outcome, Reply):
            return from_reply(call, outcome, self.base_url)
        return from_lost(call, outcome or Lost(sent=True, reason="the request was abandoned"), self.base_url)

    def _check_keys(self, error: ApiError) -> Moves[None]:
        """Raise `error` if the server does not know `Idempotency-Key`: a repeat there could do the work twice."""
        if self._knows_keys is None:
            try:
                yield from self._exchange(KNOWS_IDEMPOTENCY_KEYS)
            except NotFound:
                self._knows_keys = False
            else:
                self._knows_keys = True
        if not self._knows_keys:
            error.args = (
                f"{error.message} (it may have been carried out all the same; this server does not know "
                "Idempotency-Key, so the request was not repeated: look before you do it again)",
            )
            raise error
