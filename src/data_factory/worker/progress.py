"""What a run says of itself while it runs: how far it is, and what it has so far."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec


class Progress(msgspec.Struct, frozen=True):
    """How far a task is: `ratio` from 0 to 1 if that is known, and a few words. A generator yields it.

    >>> Progress(0.4, "400/1000 rows")
    Progress(ratio=0.4, message='400/1000 rows')
    """

    ratio: float | None = None
    message: str = ""

    def __post_init__(self) -> None:
        if self.ratio is not None and not 0 <= self.ratio <= 1:
            raise ValueError(f"the ratio of a progress is between 0 and 1, not {self.ratio!r}")
        if len(self.message) > 1_000:
            raise ValueError("the message of a progress has up to 1,000 characters")


class Notes:
    """Kept by a run, from any thread, for its next heartbeat. `changed` is called after each note."""

    def __init__(self, changed: Callable[[], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._changed = changed
        self._progress: Progress | None = None
        self._saved: dict[str, Any] = {}
        self._version = 0
        self._sent = 0

    @property
    def progress(self) -> Progress | None:
        """What was said last."""
        return self._progress

    @property
    def saved(self) -> dict[str, Any]:
        """A copy of all that was saved."""
        with self._lock:
            return dict(self._saved)

    @property
    def unsent(self) -> bool:
        """Whether there is something that no heartbeat has carried."""
        return self._sent < self._version

    def note(self, progress: Progress | None = None, saved: Mapping[str, Any] | None = None) -> None:
        """Replace the progress, add to what is saved."""
        with self._lock:
            if progress is not None:
                self._progress = progress
            if saved is not None:
                self._saved = {**self._saved, **saved}
            self._version += 1
        if self._changed is not None:
            self._changed()

    def read(self) -> tuple[int, Progress | None, dict[str, Any]]:
        """What the next heartbeat carries, with a number for `sent`."""
        with self._lock:
            return self._version, self._progress, self._saved

    def sent(self, version: int) -> None:
        """The server has what `read` gave with this number."""
        with self._lock:
            self._sent = max(self._sent, version)
