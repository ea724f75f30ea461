"""A flag that is looked at or waited for in a thread, and that tells whoever listens when it changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Flag(threading.Event):
    """An event that calls its listeners whenever it is set or cleared, in the thread that does so. `seen` says whether
    somebody has looked at it while it was up."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = False
        self._listeners: list[Callable[[], object]] = []

    def look(self) -> bool:
        """Whether it is up."""
        is_up = self.is_set()
        self.seen = self.seen or is_up
        return is_up

    def set(self) -> None:
        """Raise it."""
        super().set()
        for heard in tuple(self._listeners):
            heard()

    def clear(self) -> None:
        """Take it down."""
        super().clear()
        for heard in tuple(self._listeners):
            heard()

    @contextmanager
    def heard_by(self, listener: Callable[[], object]) -> Iterator[None]:
        """Call the listener at each change while this lasts."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)
