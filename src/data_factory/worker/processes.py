"""Runs each execution in a process of its own, which is really ended when it has to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any, Final

import msgspec

from data_factory.worker.clock import Clock, within
from data_factory.worker.context import TaskContext
from data_factory.worker.files import RemoteFiles
from data_factory.worker.handler import Bound, Handler
from data_factory.worker.location import locate
from data_factory.worker.outcome import failed
from data_factory.worker.portable import PAUSED, RESUMED, EndedElsewhere, Message, order_of, take

TERMINATE_SECONDS: Final = 5.0
"""Between SIGTERM and SIGKILL."""

_SIZE_BYTES: Final = 4
_decoder = msgspec.json.Decoder(Message)


class Processes:
    """The processes that run now. They end with the worker, however it ends: they see that it is gone."""

    cancellable = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._live: set[Process] = set()

    async def run(self, handler: Handler, bound: Bound, context: TaskContext) -> dict[str, Any]:
        """Run it in a new process. Cancelled, it asks the process to end, and ends it after `TERMINATE_SECONDS`."""
        order = order_of(locate(handler.declaration.function), handler, dict(bound.payload), context)
        server = context.files.connection if isinstance(context.files, RemoteFiles) else None
        encoded = msgspec.json.encode(msgspec.structs.replace(order, workdir=str(context.workdir), server=server))
        command = [sys.executable, "-m", "data_factory.worker.child"]
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, start_new_session=True)
        self._live.add(process)
        try:
            return await self._converse(process, encoded, context)
        finally:
            # A task of its own, as this one may be cancelled again.
            await asyncio.shield(asyncio.create_task(self._end(process)))
            self._live.discard(process)

    def kill(self) -> None:
        """End all of them at once."""
        for process in self._live:
            _signal(process, signal.SIGKILL)

    async def _converse(self, process: Process, order: bytes, context: TaskContext) -> dict[str, Any]:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("its pipes were asked for")
        orders, messages = process.stdin, process.stdout

        def tell() -> None:
            if not orders.is_closing():
                orders.write(PAUSED if context.paused else RESUMED)

        try:
            with context.pausing.heard_by(tell):
                orders.write(len(order).to_bytes(_SIZE_BYTES) + order)
                tell()  # it may have changed since the order was written
                await orders.drain()
                while True:
                    size = int.from_bytes(await messages.readexactly(_SIZE_BYTES))
                    output = take(_decoder.decode(await messages.readexactly(size)), context)
                    if output is not None:
                        return output
        except (asyncio.IncompleteReadError, ConnectionError):
            raise EndedElsewhere(failed(f"The task's process {_how_it_ended(await process.wait())}")) from None

    async def _end(self, process: Process) -> None:
        """Return when neither the process nor any that it has started is left."""
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            await within(self._clock, TERMINATE_SECONDS, process.wait())
        _signal(process, signal.SIGKILL)
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    """To the process and all that it has started."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        # It has ended. (macOS says so in the second way, of a group that was not waited for.)
        return


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with the code {code}, without a result"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by the signal {-code}"
