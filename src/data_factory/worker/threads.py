"""Threads for tasks that are not `async`.

They are daemons, unlike those of `concurrent.futures`: a task that never returns must not keep the process alive
after the worker has handed its executions back. No exception is ever thrown into one.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class _Work(NamedTuple):
    function: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[tuple[Any, BaseException | None]]


class Threads:
    """A pool that grows as it is needed; whoever calls has to see to it that no more than fit are at work."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._threads = 0
        self._busy = 0

    async def call(self, function: Callable[[], T]) -> T:
        """What the function returns or raises, run in a thread with the context variables of the caller."""
        loop = asyncio.get_running_loop()
        work = _Work(partial(contextvars.copy_context().run, function), loop, loop.create_future())
        self._busy += 1
        if self._busy > self._threads:
            self._threads += 1
            threading.Thread(target=self._serve, name=f"{self._name}-{self._threads}", daemon=True).start()
        self._queue.put(work)
        value, error = await asyncio.shield(work.done)
        if error is not None:
            raise error
        result: T = value
        return result

    def close(self) -> None:
        """Let the idle threads end, and the others when their work does."""
        for _ in range(self._threads):
            self._queue.put(None)
        self._threads = 0

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                result: tuple[Any, BaseException | None] = (work.function(), None)
            except BaseException as error:  # noqa: BLE001 - it is raised again where the function was called
                result = (None, error)
            if not work.loop.is_closed():
                work.loop.call_soon_threadsafe(self._settle, work.done, result)
            del work, result

    def _settle(
        self, done: asyncio.Future[tuple[Any, BaseException | None]], result: tuple[Any, BaseException | None]
    ) -> None:
        self._busy -= 1
        if not done.done():
            done.set_result(result)
