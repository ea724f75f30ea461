"""What cannot be done because of a mistake of ours costs nobody else anything."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from data_factory.model.errors import Unavailable
from data_factory.service import news
from data_factory.service.clock import Clock
from data_factory.store.promises import Store, Timer

log = logging.getLogger(__name__)

FIRST_MS: Final = 60_000
MOST_MS: Final = 3_600_000
"""For how long something is put off: at first, and at the most. Each time it is twice as long as the time before."""


class Stuck(Exception):
    """Some of what cannot go on could not be put off either."""


class Setbacks:
    """What failed together is tried apart, in its order, down to what fails by itself. That is put off, in the store:
    nobody comes upon it until it is due again, and then it is tried again. Its first failure is logged.

    What cannot be put off either is left out for a minute, here: or all of it would be tried, and told of, each second.
    """

    def __init__(self, store: Store, clock: Clock, note: Callable[[int], None]) -> None:
        self._store = store
        self._clock = clock
        self._note = note
        self._known: dict[str, tuple[int, int]] = {}
        self._stuck: dict[str, int] = {}

    async def try_apart(self, timers: Sequence[Timer], do: Callable[[Sequence[Timer]], Awaitable[None]]) -> None:
        """Do all of them that can be done.

        Raises:
            Unavailable: the store cannot keep anything.
            Stuck: something that cannot be done could not be put off either; the others were done.
        """
        now = self._clock()
        self._stuck = {id: until for id, until in self._stuck.items() if until > now}
        parts = [[timer for timer in timers if timer.id not in self._stuck]]
        while parts:
            part = parts.pop()
            try:
                if part:
                    await do(part)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - it is tried again in parts, or logged with its id
                if half := len(part) // 2:
                    parts += part[half:], part[:half]
                else:
                    await self._put_off(part[0], error)
        if stuck := sum(timer.id in self._stuck for timer in timers):
            raise Stuck(f"{stuck} of {len(timers)} can neither go on nor be put off")

    async def _put_off(self, timer: Timer, error: Exception) -> None:
        """Try it again later."""
        now = self._clock()
        # What has not failed again by now, although it was due long ago, has gone well.
        self._known = {id: (until, delay) for id, (until, delay) in self._known.items() if until + delay > now}
        _, last = self._known.get(timer.id, (0, FIRST_MS // 2))
        delay = min(2 * last, MOST_MS)
        until = now + delay
        what = timer.of.replace("_", " ")
        self._note(until)  # by now: it may be kept even if that is not known in time
        try:
            still = await self._store.write(lambda t: t.put_off(timer, until), tell=lambda _: news.of_timer(until))
        except Unavailable:
            raise
        except Exception:
            log.exception("the %s %s cannot go on, and could not be put off", what, timer.id)
            self._stuck[timer.id] = now + FIRST_MS
            return
        if still:
            if timer.id not in self._known:
                log.error("the %s %s cannot go on: it is tried again later", what, timer.id, exc_info=error)
            self._known[timer.id] = until, delay
