"""Sends what tasks tell `logging` to the logs of their executions, a batch at a time."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final, Literal, NamedTuple, TypeAlias

from data_factory.client.errors import ApiError, NotFound
from data_factory.worker.clock import Clock
from data_factory.worker.context import Severity, TaskContext, bound
from data_factory.worker.errors import KeyRefused
from data_factory.worker.masks import masked

logger = logging.getLogger("data_factory.worker")

LONGEST_ENTRY: Final = 10_000
"""Characters of one entry of the log; a longer one is cut."""

_MOST_WAITING: Final = 10_000
_AT_A_TIME: Final = 200
_OURS: Final = "data_factory.worker"


class Said(NamedTuple):
    """A line of a task's log."""

    correlation_id: str
    execution_id: str
    at: datetime
    emitter: str
    severity: Severity
    kind: Literal["DEFAULT", "MARKDOWN"]
    text: str


Send: TypeAlias = Callable[[Sequence[Said]], Awaitable[None]]


class Journal(logging.Handler):
    """A handler of the root logger while the worker runs: it takes what is said within a task.

    What a server that does not answer leaves waiting is
    bounded: the oldest is dropped, and how much that was is said.
    """

    def __init__(self, clock: Clock, secrets: Iterable[str]) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(message)s"))
        self._clock = clock
        self._secrets = tuple(secrets)
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Said] = deque(maxlen=_MOST_WAITING)
        self._some = asyncio.Event()
        self._sending = asyncio.Lock()
        self._dropped = 0
        self._kept = True

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record, from any thread, if a task runs there whose execution has a log."""
        context = bound()
        if not self._kept or context is None or not context.event_correlation_id:
            return
        if record.name.startswith(_OURS) and not record.exc_info:
            # What the worker says of a run is in its own log; why a task failed belongs in both.
            return
        self._dropped += len(self._waiting) == _MOST_WAITING
        self._waiting.append(self._said(record, context))
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._some.set)

    def _said(self, record: logging.LogRecord, context: TaskContext) -> Said:
        severity: Severity = (
            "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else "info"
        )
        kind: Literal["DEFAULT", "MARKDOWN"] = (
            "MARKDOWN" if getattr(record, "message_type", "") == "MARKDOWN" else "DEFAULT"
        )
        text = masked(self.format(record), (*self._secrets, *context.secrets))
        emitter = context.task_key or record.name
        at = datetime.fromtimestamp(record.created, UTC)
        return Said(context.event_correlation_id, context.id, at, emitter, severity, kind, _clean(text))

    async def send_forever(self, send: Send, seconds: float) -> None:
        """Send what is there, not more often than every so many seconds."""
        while self._kept:
            await self._some.wait()
            await self._clock.sleep(seconds)
            await self.send_waiting(send)
        await asyncio.Event().wait()

    async def send_waiting(self, send: Send) -> None:
        """Send all that waits; when it returns, what was on its way before has arrived too."""
        async with self._sending:
            self._some.clear()
            await self._send_all(send)

    async def _send_all(self, send: Send) -> None:
        while self._waiting and self._kept:
            lines = [self._waiting.popleft() for _ in range(min(_AT_A_TIME, len(self._waiting)))]
            try:
                await send(lines)
            except (NotFound, KeyRefused):
                # The key is good, as work was claimed with it.
                self._kept = False
                self._waiting.clear()
                logger.info("this server keeps no logs of tasks: they are only here", extra={"event": "log.unknown"})
            except ApiError as error:
                logger.warning("lines of tasks' logs are dropped: %s", error, extra={"event": "log.refused"})
        if self._dropped:
            logger.warning("%d lines of tasks' logs were dropped", self._dropped, extra={"event": "log.dropped"})
            self._dropped = 0


def entries(lines: Iterable[Said]) -> Iterator[Said]:
    """Lines that follow each other and differ only in their text, put together as far as one entry holds them."""
    for _, group in groupby(lines, key=lambda one: (one.execution_id, one.emitter, one.severity, one.kind)):
        entry: Said | None = None
        for line in group:
            if entry is None:
                entry = line
            elif line.kind == "MARKDOWN" or len(entry.text) + len(line.text) >= LONGEST_ENTRY:
                yield entry
                entry = line
            else:
                entry = entry._replace(text=f"{entry.text}\n{line.text}")
        if entry is not None:
            yield entry


def _clean(text: str) -> str:
    whole = text.replace("\0", "").encode("utf-8", "replace").decode() or " "
    return whole if len(whole) <= LONGEST_ENTRY else whole[: LONGEST_ENTRY - 1] + "…"
