"""The line below the log of a worker on a terminal: what runs, what is done, what failed, and how many a second."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from data_factory.cli.plain import has_colours
from data_factory.worker.vitals import Vitals

_RATE_OVER_S: Final = 10.0
_AGAIN_S: Final = 1.0
_NOT_SOONER_S: Final = 0.1
_CLEAR: Final = "\r\x1b[K"


@contextmanager
def status_line(vitals: Vitals, stream: TextIO | None = None) -> Iterator[None]:
    """Show it while this lasts, if standard error is a terminal that can go back in its line."""
    shown_on = stream or sys.stderr
    handlers = [
        one for one in logging.getLogger().handlers if isinstance(one, logging.StreamHandler) and one.stream is shown_on
    ]
    if not _can_go_back(shown_on) or not handlers:
        yield
        return
    line = StatusLine(vitals, shown_on)
    for handler in handlers:
        handler.setStream(line)
    drawing = threading.Thread(target=line.draw_until_closed, name="data-factory-status", daemon=True)
    drawing.start()
    try:
        yield
    finally:
        line.close()
        drawing.join()
        for handler in handlers:
            handler.setStream(shown_on)


def _can_go_back(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")


class StatusLine:
    """The last line of a terminal. What is logged is written to this, and comes above it."""

    def __init__(self, vitals: Vitals, stream: TextIO) -> None:
        self._vitals = vitals
        self._stream = stream
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._closed = threading.Event()
        self._ended: deque[tuple[float, int]] = deque()
        self._shown = ""
        vitals.tell = self._changed.set

    def write(self, text: str) -> None:
        """Write above the line."""
        with self._lock:
            self._stream.write(f"{_CLEAR}{text}{self._shown}")

    def flush(self) -> None:
        """Have the terminal show what was written."""
        self._stream.flush()

    def draw_until_closed(self) -> None:
        """Draw it when something has changed, and while the rate does; else wait, and do nothing."""
        while not self._closed.is_set():
            moving = self.draw(time.monotonic())
            self._changed.wait(_AGAIN_S if moving else None)
            self._changed.clear()
            self._closed.wait(_NOT_SOONER_S)
        with self._lock:
            self._shown = ""
            self._stream.write(_CLEAR)
            self._stream.flush()

    def draw(self, now: float) -> bool:
        """Draw it as it is; whether the rate will be another in a moment though nothing happens."""
        completed, failed = self._vitals.count("completed"), self._vitals.count("failed")
        self._ended.append((now, completed + failed))
        while len(self._ended) > 1 and self._ended[1][0] <= now - _RATE_OVER_S:
            self._ended.popleft()
        since, before = self._ended[0]
        rate = (completed + failed - before) / min(max(now - since, _AGAIN_S), _RATE_OVER_S)
        words = f"{self._vitals.running} running  {completed:,} done  {failed:,} failed  {rate:.1f}/s"
        words = words[: shutil.get_terminal_size().columns - 1]
        if has_colours(self._stream):
            words = f"\x1b[{'31' if failed else '2'}m{words}\x1b[0m"
        with self._lock:
            self._shown = words
            self._stream.write(f"{_CLEAR}{words}")
            self._stream.flush()
        return rate > 0

    def close(self) -> None:
        """Take it away."""
        self._closed.set()
        self._changed.set()
