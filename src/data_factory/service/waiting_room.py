"""Those who wait for something to happen: long polls for a task, requests for the end of a job execution."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType


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

    Enter before looking: what happens between the look and `wait` is then not missed.
    """

    def __init__(self, room: WaitingRoom, topics: tuple[str, ...]) -> None:
        self.topics = topics
        self._room = room
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._heeded = False

    def wake(self) -> None:
        """Something has happened."""
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self, seconds: float) -> bool:
        """Wait until woken; False when nothing has happened within `seconds`, or the room is closed."""
        if not self._future.done() and not self._room.closed:
            await asyncio.wait([self._future], timeout=max(seconds, 0))
        self._heeded = self._future.done()
        return self._heeded and not self._room.closed

    def __enter__(self) -> Waiter:
        self._room.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._room.remove(self)
        if self._future.done() and not self._heeded:
            for topic in self.topics:  # it was called but has not looked: the call is for the next one
                self._room.wake(topic, 1)


class WaitingRoom:
    """Who waits for what, first come first served."""

    def __init__(self) -> None:
        self._waiters: dict[str, dict[Waiter, None]] = {}
        self.closed = False

    def enter(self, topics: Iterable[str]) -> Waiter:
        """Someone who will wait on these topics."""
        return Waiter(self, tuple(topics))

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

    def wake(self, topic: str, count: int | None = None) -> None:
        """Something has happened for up to `count` of those who wait on a topic; None is all of them."""
        for waiter in list(self._waiters.get(topic, ()))[:count]:
            self.remove(waiter)
            waiter.wake()

    def close(self) -> None:
        """Everybody is sent home: who waits is answered now, and nobody waits any more."""
        self.closed = True
        for topic in list(self._waiters):
            self.wake(topic)
