"""The room that a worker has: how many executions at a time, in all and of each task, and how many in a time."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from data_factory.worker.clock import Clock, within
from data_factory.worker.task import Rate


class Limit(msgspec.Struct, frozen=True):
    """What one task may use of the room."""

    concurrency: int | None = None
    rate: Rate | None = None


class Booking(msgspec.Struct, frozen=True):
    """Room for `count` executions, whichever of these tasks they are of."""

    task_ids: tuple[str, ...]
    count: int


class Room:
    """Room is booked before a claim is made; `settle` keeps of it what the claim was given, `leave` ends a run.

    >>> room = Room(3, ["a"], Clock())
    >>> booking = room.book(5)
    >>> booking.count, room.free
    (3, 0)
    >>> room.settle(booking, ["a"])
    >>> room.free
    2
    """

    def __init__(
        self, total: int, task_ids: Iterable[str], clock: Clock, limits: Mapping[str, Limit] | None = None
    ) -> None:
        self.total = total
        self._task_ids = tuple(task_ids)
        self._clock = clock
        self._limits = {id: limit for id, limit in (limits or {}).items() if limit != Limit()}
        self._booked = 0
        self._running = 0
        self._booked_of = Counter[str]()
        self._running_of = Counter[str]()
        self._begun: dict[str, deque[float]] = {id: deque() for id in self._limits}
        self._changed = asyncio.Event()

    @property
    def free(self) -> int:
        """How many more may run, of some task."""
        return self.total - self._booked - self._running

    def book(self, most: int, leaving: Sequence[str] = ()) -> Booking:
        """Room for up to `most` executions of the tasks that have room; of none, if there is none.

        A claim may be given executions of one task only: so there is room for all of them to be of any. `leaving` are
        the tasks of runs that will have left before the claim is answered.
        """
        rooms = {id: self._room_of(id, leaving.count(id)) for id in self._limits}
        open_ids = tuple(id for id in self._task_ids if rooms.get(id, 1) > 0)
        count = min([most, self.free + len(leaving), *(room for room in rooms.values() if room > 0)])
        if count <= 0 or not open_ids:
            return Booking((), 0)
        self._booked += count
        self._booked_of.update(dict.fromkeys(open_ids, count))
        return Booking(open_ids, count)

    async def wait_book(self, most: int) -> Booking:
        """The same, as soon as there is room for one."""
        while not (booking := self.book(most)).count:
            await self._wait_for_change()
        return booking

    async def wait_more(self, booking: Booking) -> None:
        """Return once a task has room that had none when this was booked; never, if all had."""
        missing = [id for id in self._task_ids if id not in booking.task_ids]
        while not any(self._room_of(id) > 0 for id in missing):
            await self._wait_for_change()

    def settle(self, booking: Booking, given: Iterable[str]) -> None:
        """What is booked becomes what was given: the tasks of the executions that were claimed."""
        self._booked -= booking.count
        self._booked_of.subtract(dict.fromkeys(booking.task_ids, booking.count))
        for id in given:
            self.hold(id)
        self._changed.set()

    def hold(self, task_id: str) -> None:
        """One execution of this task takes room, whether there is any or not: it was given to this worker."""
        self._running += 1
        self._running_of[task_id] += 1
        if task_id in self._begun:
            self._begun[task_id].append(self._clock.now())

    def leave(self, task_id: str) -> None:
        """A run of this task is over."""
        if self._running_of[task_id] <= 0:
            raise AssertionError("more room given back than was taken")
        self._running -= 1
        self._running_of[task_id] -= 1
        self._changed.set()

    def _room_of(self, task_id: str, leaving: int = 0) -> int:
        limit = self._limits.get(task_id, Limit())
        room, booked = self.total, self._booked_of[task_id]
        if limit.concurrency is not None:
            room = limit.concurrency - booked - self._running_of[task_id] + leaving
        if limit.rate is not None:
            room = min(room, limit.rate.count - booked - len(self._begun_lately(task_id, limit.rate)))
        return room

    def _begun_lately(self, task_id: str, rate: Rate) -> deque[float]:
        begun = self._begun[task_id]
        while begun and begun[0] <= self._clock.now() - rate.seconds:
            begun.popleft()
        return begun

    async def _wait_for_change(self) -> None:
        """Until room was given back, or a rate allows another."""
        self._changed.clear()
        now = self._clock.now()
        rates = [(id, limit.rate) for id, limit in self._limits.items() if limit.rate is not None]
        times = [begun[0] + rate.seconds for id, rate in rates if (begun := self._begun_lately(id, rate))]
        if times:
            await within(self._clock, min(times) - now, self._changed.wait())
        else:
            await self._changed.wait()
