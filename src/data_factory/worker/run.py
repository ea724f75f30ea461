"""One execution being worked on, from its claim to the server's having its result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from data_factory.model.resources import TaskExecution
from data_factory.worker.context import TaskContext
from data_factory.worker.handler import Handler
from data_factory.worker.outcome import Completed, HandedBack, Outcome, failed
from data_factory.worker.payload import CORRELATION, InputInvalid, OutputInvalid
from data_factory.worker.threads import Threads
from data_factory.worker.workdir import WorkDirectories


class Run:
    """A claimed execution and its handler. It has an `outcome` once it is over; a dropped one never is reported."""

    def __init__(self, execution: TaskExecution, handler: Handler, started: float) -> None:
        self.execution = execution
        self.handler = handler
        self.started = started
        self.last_beat = started
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self.dropped = False
        self.recalled = False
        self.replaced = False
        self.setbacks = 0
        self._context: TaskContext | None = None
        self._work: asyncio.Task[Any] | None = None

    @property
    def id(self) -> str:
        """The id of the task execution."""
        return self.execution.id

    @property
    def name(self) -> str:
        """What to call it in the log."""
        return f"{self.handler.name} {self.id}"

    def facts(self, event: str, **more: Any) -> dict[str, Any]:
        """What a log record says of it, for machines; never its input or output."""
        known = {"event": event, "task_execution_id": self.id, "task_id": self.execution.task_id}
        return {**known, "job_execution_id": self.execution.job_execution_id, "task": self.handler.name, **more}

    def drop(self) -> None:
        """The result is no longer wanted: tell the task to stop, and forget what it returns."""
        self.dropped = True
        self._stop()

    def recall(self) -> None:
        """The worker has to stop: tell the task to stop, and hand the execution back unless it ends in time."""
        self.recalled = True
        self._stop()

    def _stop(self) -> None:
        if self._context is not None:
            self._context.cancellation.set()
        if self._work is not None:
            self._work.cancel()

    async def perform(self, threads: Threads, directories: WorkDirectories) -> Outcome:
        """Read the input, run the task in a folder of its own, check the output. What the task raises is an outcome."""
        try:
            value = self.handler.read(self.execution.input)
        except InputInvalid as error:
            return failed(f'Input validation failed: "{error}"')
        try:
            # A task that asks for no context never sees its folder.
            folder = directories.one(self.id) if self.handler.takes_context else nullcontext(Path())
            async with folder as workdir:
                return Completed(await self._call(value, workdir, threads))
        except OutputInvalid as error:
            return failed(f'Output validation failed: "{error}"')
        except (Exception, asyncio.CancelledError, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - it is kept
            if self._stopping:
                return HandedBack()
            self.error = error
            return failed(f'Task failed "{error if str(error) else type(error).__name__}"')

    @property
    def _stopping(self) -> bool:
        return self.dropped or self.recalled

    async def _call(self, value: Any, workdir: Path, threads: Threads) -> dict[str, Any]:
        self._context = context = self._make_context(workdir)
        if self._stopping:
            raise asyncio.CancelledError
        if not self.handler.is_async:
            return await threads.call(lambda: self.handler.write(self.handler.call(value, context)))
        # A task of its own: what the handler does with a cancellation stays its own business.
        self._work = asyncio.create_task(_contained(self.handler.call(value, context)))
        await asyncio.wait({self._work})
        return self.handler.write(self._work.result())

    def _make_context(self, workdir: Path) -> TaskContext:
        execution = self.execution
        correlation = execution.input.get(CORRELATION)
        return TaskContext(
            workdir=workdir,
            id=execution.id,
            task_id=execution.task_id,
            task_key=self.handler.task_key,
            job_execution_id=execution.job_execution_id,
            attempt=execution.attempt,
            deadline=execution.timeout_at,
            event_correlation_id=correlation if isinstance(correlation, str) else "",
        )


async def _contained(work: Awaitable[Any]) -> Any:
    """Keep what would end the event loop inside the task."""
    try:
        return await work
    except (KeyboardInterrupt, SystemExit) as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
