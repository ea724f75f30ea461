"""Those who wait for something to happen: long polls for a task, requests for the end of a job execution."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord
    from data_factory.service.commands import Claim


class Presence:
    """Whether the one who asked is still there. Shared between a request and what waits on its behalf."""

    def __init__(self) -> None:
        self.gone = False
        self._waiter: Waiter | None = None

    def leave(self) -> None:
        """The one who asked has gone: nothing is to be kept for them."""
        self.gone = True
        if self._waiter is not None:
            self._waiter.wake()

    def attach(self, waiter: Waiter) -> None:
        """Wake this waiter when they go."""
        self._waiter = waiter
        if self.gone:
            waiter.wake()


class Waiter:
    """One who waits on some topics, from `with room.enter(topics)` to its end.

        with room.enter(topics) as waiter:
            while not (found := look()) and await waiter.wait(seconds):
                pass

    Enter before looking: what happens between a look and `wait` is then not missed. `calls` counts the calls by topic
    that no look has answered yet; who leaves with such a call passes it on.

    Who waits for the end of a job execution need not look for it when it is told (`end`). Who waits with a `claim` need
    not either: a transaction that has something for it gives it what it claims (`take`).
    """

    def __init__(self, room: WaitingRoom, topics: tuple[str, ...], claim: Claim | None = None) -> None:
        self.topics = topics
        self.claim = claim
        self.calls: Counter[str] = Counter()
        self.has_left = False
        self.end: JobExecutionRecord | None = None
        self._room = room
        self._given: list[TaskExecutionRecord] = []
        self._waits = False
        self._woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def call(self, topic: str) -> None:
        """Something has happened that is for one waiter, and this is the one."""
        self.calls[topic] += 1
        self.wake()

    def wake(self) -> None:
        """Something has happened."""
        if not self._woken.done():
            self._woken.set_result(None)

    def answered(self, calls: Counter[str]) -> None:
        """A look has answered these calls."""
        self.calls -= calls

    @property
    def is_idle(self) -> bool:
        """Whether they wait, and nothing has happened that they do not know of yet."""
        return self._waits and not self._woken.done()

    def give(self, rows: list[TaskExecutionRecord]) -> None:
        """What they claim, which is theirs from now on."""
        self._given += rows
        self.wake()

    def take(self) -> list[TaskExecutionRecord]:
        """What they were given since they last took it."""
        given, self._given = self._given, []
        return given

    async def wait(self, seconds: float) -> bool:
        """Wait until woken; False when nothing has happened within `seconds`, or the room is closed."""
        if not self._woken.done() and not self._room.closed:
            self._waits = True
            try:
                await asyncio.wait([self._woken], timeout=max(seconds, 0))
            finally:
                self._waits = False
        if self._room.closed or not self._woken.done():
            return False
        self._woken = asyncio.get_running_loop().create_future()
        self._room.add(self)
        return True

    def __enter__(self) -> Waiter:
        self._room.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.has_left = True
        self._room.remove(self)
        for topic, count in self.calls.items():
            self._room.call(topic, count)


class WaitingRoom:
    """Who waits for what, first come first served."""

    def __init__(self) -> None:
        self._waiters: dict[str, dict[Waiter, None]] = {}
        self.closed = False

    def enter(self, topics: Iterable[str], claim: Claim | None = None) -> Waiter:
        """Someone who will wait on these topics, for something to happen or to be given what they claim."""
        return Waiter(self, tuple(topics), claim)

    def idle_claims(self, topic: str, count: int) -> list[Waiter]:
        """The first `count` who wait on a topic with a claim.

        It may be asked from another thread, and be out of date as soon as it is answered.
        """
        waiters = list(self._waiters.get(topic, ()))
        return list(islice((one for one in waiters if one.claim is not None and one.is_idle), count))

    def add(self, waiter: Waiter) -> None:
        """They are in the room."""
        for topic in waiter.topics:
            self._waiters.setdefault(topic, {})[waiter] = None

    def remove(self, waiter: Waiter) -> None:
        """They have left."""
        for topic in waiter.topics:
            waiters = self._waiters.get(topic)
            if waiters is not None:
                waiters.pop(waiter, None)
                if not waiters:
                    del self._waiters[topic]

    def call(self, topic: str, count: int) -> None:
        """Something has happened that is for `count` of those who wait on a topic."""
        for waiter in list(islice(self._waiters.get(topic, ()), count)):
            self.remove(waiter)
            waiter.call(topic)

    def wake(self, topic: str) -> None:
        """Something has happened for all who wait on a topic."""
        for waiter in list(self._waiters.get(topic, ())):
            waiter.wake()

    def tell_end(self, execution: JobExecutionRecord) -> None:
        """A job execution has ended, like this."""
        for waiter in list(self._waiters.get(execution.id, ())):
            waiter.end = execution
            waiter.wake()

    def wake_everybody(self) -> None:
        """Anything may have happened."""
        for topic in list(self._waiters):
            self.wake(topic)

    def close(self) -> None:
        """Everybody is sent home: who waits is answered now, and nobody waits any more."""
        self.closed = True
        self.wake_everybody()
