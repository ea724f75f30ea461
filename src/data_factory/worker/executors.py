"""Runs executions in an executor of `concurrent.futures`: a pool of processes, or a cluster behind one."""

from __future__ import annotations

import asyncio
import contextvars
import os
from concurrent.futures import Executor
from typing import Any

import msgspec

from data_factory.worker.context import TaskContext
from data_factory.worker.handler import Bound, Handler
from data_factory.worker.location import locate
from data_factory.worker.portable import Line, Message, Order, Performance, order_of, take


class InExecutor:
    """What a task notes and logs there comes back with its end; a run that has begun there is not cancelled, and its
    result is dropped."""

    cancellable = True

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def run(self, handler: Handler, bound: Bound, context: TaskContext) -> dict[str, Any]:
        """Submit it, and wait for its end."""
        order = order_of(locate(handler.declaration.function), handler, dict(bound.payload), context)
        submitted = self._executor.submit(perform_there, msgspec.json.encode(order), os.getpid())
        future = asyncio.wrap_future(submitted)
        try:
            messages = await asyncio.shield(future)
        except asyncio.CancelledError:
            if not submitted.cancel():
                # It holds its room in the executor, and so here.
                await asyncio.wait({future})
            raise
        for message in msgspec.json.decode(messages, type=list[Message]):
            output = take(message, context)
            if output is not None:
                return output
        raise AssertionError("the last message is the end")


def perform_there(order: bytes, worker: int) -> bytes:
    """Perform an order, wherever this is; gives all messages. The function that executors are given.

    In the process of the worker itself, what the task logs is logged already.
    """
    messages: list[Message] = []
    performance = Performance(msgspec.json.decode(order, type=Order), messages.append)
    # In a context of its own, as a thread of the executor runs many.
    end = contextvars.copy_context().run(performance.perform)
    here = os.getpid() == worker
    return msgspec.json.encode([*(one for one in messages if not (here and isinstance(one, Line))), end])
