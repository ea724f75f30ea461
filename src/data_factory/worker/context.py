"""What a task can know of the execution that it is working on, and what it can say of it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from data_factory.worker.files import Files, NoFiles
from data_factory.worker.flag import Flag
from data_factory.worker.payload import to_saved
from data_factory.worker.progress import Notes, Progress

Severity = Literal["info", "warning", "error"]

_LEVELS: Final[dict[Severity, int]] = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_current: contextvars.ContextVar[TaskContext] = contextvars.ContextVar("data_factory_task_context")


@dataclass(frozen=True, kw_only=True)
class TaskContext:
    """The execution a task is working on. Ask for it with a parameter: `def power(input, ctx: TaskContext)`; code that
    the task calls has it from `TaskContext.current()`.

    `workdir` is a folder of its own for this run, removed with all that is in it when the run ends. `cancelled` turns
    true when the result is no longer wanted: a long task in a thread should look at it and return (an `async` one is
    cancelled, a process is ended). `traceparent` is that of the launch. `deadline` is when the execution times out;
    `attempt` counts from 1 and is 0 where the platform does not tell. `previous` is what an earlier try had saved, to
    go on from there. In a unit test, make one yourself:

    >>> TaskContext(workdir=Path("."), attempt=2).cancelled
    False
    """

    workdir: Path = field(default_factory=Path, repr=False, compare=False)
    id: str = ""
    task_id: str = ""
    task_key: str = ""
    job_execution_id: str = ""
    attempt: int = 1
    deadline: datetime | None = None
    event_correlation_id: str = ""
    previous: Mapping[str, Any] = field(default_factory=dict)
    files: Files = field(default_factory=NoFiles, repr=False, compare=False)
    cancellation: Flag = field(default_factory=Flag, repr=False, compare=False)
    pausing: Flag = field(default_factory=Flag, repr=False, compare=False)
    traceparent: str = ""
    notes: Notes = field(default_factory=Notes, repr=False, compare=False)
    secrets: set[str] = field(default_factory=set, repr=False, compare=False)
    make_workdir: Callable[[], Path] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.make_workdir is not None:
            object.__delattr__(self, "workdir")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Path:
            """`workdir` is made when it is first asked for: most tasks need none."""
            if name != "workdir" or self.make_workdir is None:
                raise AttributeError(f"a TaskContext has no {name!r}")
            made = self.make_workdir()
            object.__setattr__(self, "workdir", made)
            return made

    @staticmethod
    def current() -> TaskContext:
        """The context of the task that runs here; `LookupError` outside of one.

        It is bound by a context variable: threads that the task starts by itself do not have it, `asyncio.to_thread`
        and tasks of the event loop do.
        """
        try:
            return _current.get()
        except LookupError:
            raise LookupError("no task of Data Factory runs here") from None

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer wanted: canceled, lease lost, out of time, or the worker has to stop."""
        return self.cancellation.look()

    @property
    def paused(self) -> bool:
        """Whether the job execution is paused, as far as the last heartbeat has told; false again once it is resumed.

        A task need not care. A long one may save what it has and hand itself back: `raise RetryLater(0, "paused")`.
        """
        return self.pausing.is_set()

    async def resumed(self) -> None:
        """In an `async` task: return when the job execution is not paused, at once if it is not.

        >>> asyncio.run(TaskContext().resumed())
        """
        changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        with self.pausing.heard_by(lambda: loop.call_soon_threadsafe(changed.set)):
            while self.paused:
                await changed.wait()
                changed.clear()

    def wait_until_resumed(self) -> bool:
        """In a thread or a process: return when the job execution is not paused, at once if it is not.

        False if the result is no longer wanted: then nothing is waited for.

        >>> TaskContext().wait_until_resumed()
        True
        """
        changed = threading.Event()
        tell = changed.set
        with self.pausing.heard_by(tell), self.cancellation.heard_by(tell):
            while self.paused and not self.cancelled:
                changed.wait()
                changed.clear()
        return not self.cancelled

    @property
    def logger(self) -> logging.Logger:
        """A logger named after the task. What any logger is told while the task runs goes to the execution's log."""
        return logging.getLogger(f"data_factory.task.{self.task_key or 'task'}")

    def log(self, message: str, severity: Severity = "info", *, markdown: bool = False) -> None:
        """Write to the log of the execution: `ctx.log("42 rows", markdown=True)`. Takes no % arguments."""
        extra = {"message_type": "MARKDOWN"} if markdown else {}
        self.logger.log(_LEVELS[severity], "%s", message, extra=extra)

    def mask(self, secret: str) -> None:
        """Write `***` for this wherever the task logs it. What is called a password, token or key in the input, and
        the worker's own secrets, are masked by themselves."""
        self.secrets.add(secret)

    def progress(self, ratio: float | None = None, message: str = "") -> None:
        """Say how far the task is, `ratio` from 0 to 1: `ctx.progress(0.4, "400/1000 rows")`. Goes with a heartbeat
        within a second or so; only what is newest is sent."""
        self.notes.note(progress=Progress(ratio, message))

    def save(self, state: Any) -> None:
        """Keep what the task has so far: an object as the task's output could be, added to what was saved before.

        It goes with a heartbeat within a second or so, shows as the execution's output while it runs, and is
        `previous` of a later try.
        """
        self.notes.note(saved=to_saved(state))


def bind(context: TaskContext) -> contextvars.Token[TaskContext]:
    """Make this the current context from here on."""
    return _current.set(context)


def bound() -> TaskContext | None:
    """The current context, or None."""
    return _current.get(None)
