"""The room that a worker has: as many executions at a time as it has slots."""

from __future__ import annotations

import asyncio


class Slots:
    """Slots are taken before a claim is made, and given back when nothing came or when a run is over.

    >>> slots = Slots(3)
    >>> slots.take(5), slots.free
    (3, 0)
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._some_free = asyncio.Event()
        self._some_free.set()

    @property
    def free(self) -> int:
        """How many nothing has taken."""
        return self._free

    def take(self, most: int) -> int:
        """Take up to `most`; gives how many."""
        taken = min(most, self._free)
        self._free -= taken
        self._signal()
        return taken

    def give(self, count: int) -> None:
        """Give back `count`."""
        if self._free + count > self.total:
            raise AssertionError("more slots given back than were taken")
        self._free += count
        self._signal()

    async def wait_take(self, most: int) -> int:
        """Take up to `most`, at least one, as soon as there is a free one; gives how many."""
        while not (taken := self.take(most)):
            await self._some_free.wait()
        return taken

    def _signal(self) -> None:
        if self._free:
            self._some_free.set()
        else:
            self._some_free.clear()
