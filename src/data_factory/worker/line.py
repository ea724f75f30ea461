"""The line to the server: repeats a call until it is answered, and says once that it cannot, and once that it can."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Final, TypeVar

from data_factory.client.awaited import AsyncClient
from data_factory.client.call import Plan
from data_factory.client.errors import ApiError, RateLimited, ServerFailed, Unauthorized
from data_factory.client.retry import Backoff, is_transient
from data_factory.worker.clock import Clock
from data_factory.worker.errors import KeyRefused
from data_factory.worker.pace import Pace

T = TypeVar("T")

logger = logging.getLogger("data_factory.worker")

_PATIENCE: Final = frozenset({408, 425, 429})


def is_definitive(error: ApiError) -> bool:
    """Whether the server has understood the request and said no; anything else is worth another try."""
    return 400 <= error.status < 500 and error.status not in _PATIENCE


def is_broken(error: ApiError) -> bool:
    """Whether the server has failed over this request, and perhaps only over this one: 500, and not 503."""
    return isinstance(error, ServerFailed) and not is_transient(error)


class Line:
    """How every loop of a worker speaks to the server."""

    def __init__(self, client: AsyncClient, clock: Clock, backoff: Backoff, pace: Pace) -> None:
        self.client = client
        self.pace = pace
        self._clock = clock
        self._backoff = backoff
        self._failures = 0

    async def ask(
        self,
        plan: Callable[[], Plan[T]],
        *,
        urgent: bool = True,
        owed: Callable[[], int] = int,
        tries_if_broken: float = math.inf,
        watch: Callable[[bool], None] | None = None,
    ) -> T:
        """The result of a plan, made anew for each try, repeated with jittered back-off until the server has answered.

        Raises the `ApiError` of a definitive refusal (4xx), and `KeyRefused` for 401 and 403. A 500 is raised too,
        after `tries_if_broken`. `watch` is told of each try whether it was answered.
        """
        failures = broken = 0
        while True:
            try:
                async with self.pace.turn(urgent=urgent, owed=owed()):
                    result = await self.client.send(plan())
            except Unauthorized as error:
                raise KeyRefused(
                    f"{self.client.base_url} refuses the API key ({error.status}: {error.message}): "
                    "set API_ACCESS_TOKEN to a valid key"
                ) from error
            except ApiError as error:
                if is_definitive(error):
                    self._answered(watch)
                    raise
                broken += is_broken(error)
                if broken >= tries_if_broken:
                    raise
                pause = max(self._backoff.pause(failures), error.retry_after or 0.0)
                self._unanswered(error, watch)
                if isinstance(error, RateLimited):
                    self.pace.pause(pause)
            else:
                self._answered(watch)
                return result
            failures += 1
            await self._clock.sleep(pause)

    def _unanswered(self, error: ApiError, watch: Callable[[bool], None] | None) -> None:
        if watch is not None:
            watch(False)
        self._failures += 1
        if self._failures == 1:
            logger.warning("%s; trying again until it answers", error.message, extra={"event": "server.unanswered"})

    def _answered(self, watch: Callable[[bool], None] | None) -> None:
        if watch is not None:
            watch(True)
        if self._failures:
            extra = {"event": "server.answered", "failures": self._failures}
            logger.info("%s answers again, after %d failures", self.client.base_url, self._failures, extra=extra)
            self._failures = 0
