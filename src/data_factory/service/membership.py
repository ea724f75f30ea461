"""This process among those that work on the same store."""

from __future__ import annotations

from functools import partial
from typing import Final

from data_factory.service import news
from data_factory.service.clock import Clock
from data_factory.service.keys import Keys
from data_factory.service.timers import Timers
from data_factory.service.waiting_room import WaitingRoom
from data_factory.store.promises import Store, Transaction

SPARED_MS: Final = 10_000
"""How long a worker is given to be heard again, when nobody was there to hear it: after a start, or an outage."""

SPARED_AT_ONCE: Final = 2_000
"""The most leases that are spared in one transaction: however many there are, none takes longer than may be waited."""


class Membership:
    """What the others tell is passed on to those who wait here; what may have been missed is looked up."""

    def __init__(self, store: Store, clock: Clock, room: WaitingRoom, timers: Timers, keys: Keys) -> None:
        self._store = store
        self._clock = clock
        self._room = room
        self._timers = timers
        self._keys = keys

    async def arrive_first(self) -> None:
        """Nobody was there to hear a worker: its lease does not end before it had the time to be heard again.

        A process that joins others spares nothing, or those that are started one after the other would keep alive the
        lease of a worker that is dead. And nobody is there any more to receive the rest of a file.
        """
        await self._store.write(lambda transaction: transaction.abandon_files(self._clock()))
        since = self._clock()
        while await self._store.write(partial(self._spare_some, since)) == SPARED_AT_ONCE:
            pass

    async def _spare_some(self, since: int, transaction: Transaction) -> int:
        return await transaction.spare_leases(since, self._clock(), SPARED_MS, SPARED_AT_ONCE)

    def hear(self, line: str) -> None:
        """Wake those who wait here for what another process has done."""
        heard = news.read(line)
        for task_id, count in heard.claimable.items():
            self._room.call(task_id, count)
        for execution_id in heard.ended:
            self._room.wake(execution_id)
        self._timers.note(heard.next_timer)
        if heard.revoked:
            self._keys.forget(heard.revoked)

    def lose(self) -> None:
        """Until we hear them again, fire nothing (we may be the first to come back) and trust no key from memory."""
        self._timers.pause()
        self._keys.remember(may=False)

    def come_back(self) -> None:
        """Everybody looks once, for what they may have missed."""
        self._keys.remember(may=True)
        self._timers.resume()
        self._room.wake_everybody()
