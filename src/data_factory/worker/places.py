"""Where a task runs: in the event loop, or in a thread. `processes` and `executors` have the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol

from data_factory.worker.context import TaskContext
from data_factory.worker.files import InEventLoop
from data_factory.worker.handler import Bound, Handler
from data_factory.worker.threads import Threads


class Place(Protocol):
    """Runs tasks. One that is `cancellable` stops its run when the coroutine is cancelled, whatever the task does;
    in any other the run goes on until the task looks at its context."""

    cancellable: bool

    async def run(self, handler: Handler, bound: Bound, context: TaskContext) -> dict[str, Any]:
        """The checked output."""


class EventLoop:
    """For tasks that are `async`."""

    cancellable = True

    async def run(self, handler: Handler, bound: Bound, context: TaskContext) -> dict[str, Any]:
        """Run it here."""
        returned = await _contained(handler.call_async(bound.arguments, context))
        try:
            return handler.finish(returned, context)
        except InEventLoop:
            # There are files in the output.
            return await asyncio.to_thread(handler.finish, returned, context)


class InThread:
    """For all others, unless they say something else."""

    cancellable = False

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def run(self, handler: Handler, bound: Bound, context: TaskContext) -> dict[str, Any]:
        """Run it in a thread, to its end."""
        return await self._threads.call(lambda: handler.finish(handler.call(bound.arguments, context), context))


async def _contained(work: Awaitable[Any]) -> Any:
    """Keep what would end the event loop inside the task."""
    try:
        return await work
    except (KeyboardInterrupt, SystemExit) as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
