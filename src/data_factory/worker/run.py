"""One execution being worked on, from its claim to the server's having its result."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from data_factory.model.resources import TaskExecution
from data_factory.worker.context import TaskContext, bind
from data_factory.worker.endings import Ending
from data_factory.worker.files import Files, NoFiles
from data_factory.worker.flag import Flag
from data_factory.worker.handler import Bound, Handler
from data_factory.worker.masks import secrets_in
from data_factory.worker.outcome import Completed, HandedBack, Outcome, failed, outcome_of
from data_factory.worker.payload import CORRELATION, InputInvalid, OutputInvalid
from data_factory.worker.places import Place
from data_factory.worker.portable import EndedElsewhere
from data_factory.worker.progress import Notes

OpenFiles = Callable[[Callable[[], Path], threading.Event], Files]
"""The files for one run: where its folder is, and the event that tells it to stop."""


class Run:
    """A claimed execution and its handler. It has an `outcome` once it is over; a dropped one never is reported."""

    def __init__(
        self,
        execution: TaskExecution,
        handler: Handler,
        started: float,
        notes: Notes,
        open_files: OpenFiles | None = None,
    ) -> None:
        self.execution = execution
        self.handler = handler
        self.started = started
        self.notes = notes
        self.last_beat = started
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self.trace = ""
        self.dropped = False
        self.recalled = False
        self.replaced = False
        self.setbacks = 0
        self.pausing = Flag()
        if execution.paused_at is not None:
            self.pausing.set()
        self._open_files = open_files
        self._expired = ""
        self._context: TaskContext | None = None
        self._work: asyncio.Task[dict[str, Any]] | None = None

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

    def pause(self, *, is_paused: bool) -> None:
        """Whether the job execution is paused: the task may look."""
        if is_paused != self.pausing.is_set():
            (self.pausing.set if is_paused else self.pausing.clear)()

    def recall(self) -> None:
        """The worker has to stop: tell the task to stop, and hand the execution back, unless it comes to its end
        without having noticed."""
        self.recalled = True
        self._stop()

    def expire(self, message: str) -> None:
        """It took too long: tell the task to stop, and report a failure when it has."""
        self._expired = message
        self._stop()

    def _stop(self) -> None:
        if self._context is not None:
            self._context.cancellation.set()
        if self._work is not None:
            self._work.cancel()

    async def perform(
        self, place: Place, make_workdir: Callable[[], Path], previous: Mapping[str, Any] | None = None
    ) -> Outcome:
        """Read the input, run the task, check the output. What the task raises is an outcome."""
        try:
            bound = self.handler.bind(self.execution.input)
            self._context = self._make_context(make_workdir, previous or {})
            outcome: Outcome = Completed(await self._call(place, bound, self._context))
        except EndedElsewhere as error:
            outcome = error.outcome
            self.trace = str(error)
        except (Exception, asyncio.CancelledError, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - it is kept
            if self.dropped or self.recalled:
                return HandedBack()
            outcome = outcome_of(error, self.notes.saved)
            if not isinstance(error, InputInvalid | OutputInvalid | Ending):
                self.error = error
        if self.recalled and self._was_told and isinstance(outcome, Completed):
            return HandedBack()  # a part of the whole, perhaps
        if self._expired:
            self.error = None
            return failed(self._expired, self.notes.saved)
        return outcome

    @property
    def _was_told(self) -> bool:
        """Whether the task knows that it has to stop."""
        has_looked = self._context is not None and self._context.cancellation.seen
        return has_looked or (self._work is not None and self._work.cancelling() > 0)

    async def _call(self, place: Place, bound: Bound, context: TaskContext) -> dict[str, Any]:
        bind(context)
        if self.dropped or self.recalled:
            raise asyncio.CancelledError
        proceed: Callable[[], Awaitable[dict[str, Any]]]
        proceed = partial(place.run, self.handler, bound, context)
        for around in reversed(self.handler.declaration.middleware):
            proceed = partial(around, context, proceed)
        if not place.cancellable:
            return await proceed()
        # A task of its own: what the handler does with a cancellation stays its own business.
        work = asyncio.create_task(_awaited(proceed))
        self._work = work
        await asyncio.wait({work})
        return work.result()

    def _make_context(self, make_workdir: Callable[[], Path], previous: Mapping[str, Any]) -> TaskContext:
        execution = self.execution
        correlation = execution.input.get(CORRELATION)
        stopping = Flag()
        context = TaskContext(
            id=execution.id,
            task_id=execution.task_id,
            task_key=self.handler.task_key,
            job_execution_id=execution.job_execution_id,
            attempt=execution.attempt,
            deadline=execution.timeout_at,
            event_correlation_id=correlation if isinstance(correlation, str) else "",
            previous=previous,
            notes=self.notes,
            make_workdir=make_workdir,
            secrets=set(secrets_in(execution.input)),
            cancellation=stopping,
            pausing=self.pausing,
            traceparent=execution.traceparent or "",
            files=NoFiles() if self._open_files is None else self._open_files(lambda: context.workdir, stopping),
        )
        return context


async def _awaited(proceed: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    return await proceed()
