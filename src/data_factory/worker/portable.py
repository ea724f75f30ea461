"""A run as it travels: what another process needs to perform it, and what it gives back, as JSON."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from data_factory.worker.context import TaskContext, bind, bound
from data_factory.worker.dependencies import Dependencies
from data_factory.worker.files import Connection, Files, NoFiles, RemoteFiles
from data_factory.worker.flag import Flag
from data_factory.worker.handler import Handler
from data_factory.worker.location import Location, find
from data_factory.worker.masks import masked
from data_factory.worker.outcome import Completed, Outcome, outcome_of
from data_factory.worker.progress import Notes, Progress
from data_factory.worker.spans import below, current_span
from data_factory.worker.task import declaration_of
from data_factory.worker.workdir import WorkDirectories

T = TypeVar("T")


PAUSED: Final = b"P"
RESUMED: Final = b"R"
"""What the process of a run is told after its order, a byte each."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Perform this."""

    location: Location
    payload: dict[str, Any]
    id: str
    task_id: str
    task_key: str
    job_execution_id: str
    attempt: int
    deadline: datetime | None
    event_correlation_id: str
    previous: dict[str, Any]
    workdir: str | None = None
    memory_limit: int | None = None
    log_level: int = logging.INFO
    server: Connection | None = None
    traceparent: str = ""
    span: str = ""


class Note(msgspec.Struct, frozen=True, tag=True):
    """The task has said how far it is, or saved something."""

    progress: Progress | None
    saved: dict[str, Any]


class Line(msgspec.Struct, frozen=True, tag=True):
    """The task has told a logger something."""

    logger: str
    level: int
    message: str
    message_type: str = "DEFAULT"


class End(msgspec.Struct, frozen=True, tag=True):
    """It is over. `trace` is the traceback of an error, for the log of the worker."""

    outcome: Outcome
    trace: str = ""


Message = Note | Line | End


class EndedElsewhere(Exception):
    """A run in another process has not completed: this is its outcome, and the traceback if there is one."""

    def __init__(self, outcome: Outcome, trace: str = "") -> None:
        super().__init__(trace)
        self.outcome = outcome


def order_of(location: Location, handler: Handler, payload: dict[str, Any], context: TaskContext) -> Order:
    """What another process has to know of a run."""
    return Order(
        location=location,
        payload=payload,
        id=context.id,
        task_id=context.task_id,
        task_key=context.task_key,
        job_execution_id=context.job_execution_id,
        attempt=context.attempt,
        deadline=context.deadline,
        event_correlation_id=context.event_correlation_id,
        previous=dict(context.previous),
        memory_limit=handler.declaration.memory_limit,
        log_level=logging.getLogger().getEffectiveLevel(),
        traceparent=context.traceparent,
        span=current_span(),
    )


def take(message: Message, context: TaskContext) -> dict[str, Any] | None:
    """Do in the worker what a message says; the output, if it is the end. Raises `EndedElsewhere` for another end."""
    match message:
        case Note():
            context.notes.note(message.progress, message.saved)
        case Line():
            logger = logging.getLogger(message.logger)
            if logger.isEnabledFor(message.level):
                extra = {"message_type": message.message_type}
                logger.log(message.level, "%s", message.message, extra=extra)
        case End(outcome=Completed(output=output)):
            return output
        case End():
            raise EndedElsewhere(message.outcome, message.trace)
    return None


class Performance:
    """A task that runs in this process, with dependencies of its own; whatever happens in it is its end.

    A task that is not `async` runs in the thread that calls `perform`, and in no event loop.
    """

    def __init__(self, order: Order, send: Callable[[Message], None]) -> None:
        self._order = order
        self._send = send
        self._stopping = Flag()
        self._pausing = Flag()
        self._notes = Notes(self._on_note)
        self._directories = WorkDirectories()
        self._runner = asyncio.Runner()
        self._work: asyncio.Task[Any] | None = None
        self._context = self._make_context()

    def stop(self) -> None:
        """Tell the task to stop; from a handler of a signal, or from another thread."""
        self._stopping.set()
        if self._work is not None:
            self._runner.get_loop().call_soon_threadsafe(self._work.cancel)

    def pause(self, *, is_paused: bool) -> None:
        """Tell the task that its job execution is paused, or goes on; from another thread."""
        if is_paused:
            self._pausing.set()
        else:
            self._pausing.clear()

    def perform(self) -> End:
        """Run it to its end."""
        bind(self._context)
        try:
            with _lines_to(self._send, self._order), below(self._order.span), self._runner:
                output = self._run()
        except (Exception, asyncio.CancelledError, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - it is sent
            return End(outcome_of(error, self._notes.saved), traceback.format_exc())
        finally:
            self._directories.close()
        return End(Completed(output))

    def _run(self) -> dict[str, Any]:
        location = self._order.location
        declaration = declaration_of(find(location))
        if declaration is None:
            raise TypeError(f"{location.name} in {location.file} is not a task")
        dependencies = Dependencies()
        try:
            handler = Handler(declaration)
            self._await(handler.open(dependencies))
            arguments = handler.bind(self._order.payload).arguments
            if handler.is_async:
                returned = self._await(self._cancellable(handler.call_async(arguments, self._context)))
            else:
                returned = handler.call(arguments, self._context)
            return handler.finish(returned, self._context)
        finally:
            self._await(dependencies.aclose())

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work, context=contextvars.copy_context())

    async def _cancellable(self, work: Coroutine[Any, Any, T]) -> T:
        self._work = running = asyncio.create_task(work)
        try:
            return await running
        finally:
            self._work = None

    def _on_note(self) -> None:
        self._send(Note(self._notes.progress, self._notes.saved))

    def _make_context(self) -> TaskContext:
        order = self._order
        known = partial(Path, order.workdir) if order.workdir is not None else partial(self._directories.make, order.id)
        return TaskContext(
            id=order.id,
            task_id=order.task_id,
            task_key=order.task_key,
            job_execution_id=order.job_execution_id,
            attempt=order.attempt,
            deadline=order.deadline,
            event_correlation_id=order.event_correlation_id,
            previous=order.previous,
            cancellation=self._stopping,
            pausing=self._pausing,
            traceparent=order.traceparent,
            notes=self._notes,
            make_workdir=known,
            files=self._files(),
        )

    def _files(self) -> Files:
        server = self._order.server
        if server is None:
            return NoFiles()
        return RemoteFiles(server.base_url, server.headers, lambda: self._context.workdir, self._stopping)


class _Lines(logging.Handler):
    def __init__(self, send: Callable[[Message], None], execution_id: str) -> None:
        super().__init__()
        self._send = send
        self._execution_id = execution_id

    def emit(self, record: logging.LogRecord) -> None:
        context = bound()
        if context is None or context.id != self._execution_id:
            # Of another run in the same process, or of nothing that a task does.
            return
        message = masked(self.format(record), context.secrets)
        kind = getattr(record, "message_type", "DEFAULT")
        self._send(Line(record.name, record.levelno, message, kind))


@contextmanager
def _lines_to(send: Callable[[Message], None], order: Order) -> Iterator[None]:
    """While it lasts, what the task tells any logger is sent."""
    root, lines = logging.getLogger(), _Lines(send, order.id)
    root.addHandler(lines)
    root.setLevel(min(root.level, order.log_level))
    try:
        yield
    finally:
        root.removeHandler(lines)
