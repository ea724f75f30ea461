"""This process among those that work on the same store."""

from __future__ import annotations

from data_factory.service import news
from data_factory.service.clock import Clock
from data_factory.service.deliveries import Deliveries
from data_factory.service.feeds import Feeds
from data_factory.service.files import Files
from data_factory.service.keys import Keys
from data_factory.service.sparing import Sparing
from data_factory.service.timers import Timers
from data_factory.service.waiting_room import WaitingRoom
from data_factory.store.promises import Store, Transaction


class Membership:
    """What the others tell is passed on to those who wait here; what may have been missed is looked up."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        sparing: Sparing,
        room: WaitingRoom,
        timers: Timers,
        keys: Keys,
        files: Files,
        deliveries: Deliveries,
        feeds: Feeds,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sparing = sparing
        self._room = room
        self._timers = timers
        self._keys = keys
        self._files = files
        self._deliveries = deliveries
        self._feeds = feeds

    async def arrive_first(self, chance_ms: int) -> None:
        """Nobody was there to hear a worker: its lease does not end before it had the time to be heard again. The files
        that others were receiving are given up unless they come back.

        A process that joins others does nothing of this, or those that are started one after the other would keep alive
        the lease of a worker that is dead. And it only says what is to be done: who starts serves at once.
        """
        given_up_at = self._clock() + chance_ms

        async def take_stock(transaction: Transaction) -> None:
            await self._sparing.begin(transaction)
            await transaction.abandon_files(given_up_at)

        await self._store.write(take_stock)
        self._files.sweep_by(given_up_at)

    async def arrive(self) -> None:
        """Others may have given up what we are receiving: it is still to come."""
        await self._files.expect_the_rest()

    def hear(self, line: str) -> None:
        """Wake those who wait here for what another process has done."""
        heard = news.read(line)
        for task_id, count in heard.claimable.items():
            self._room.call(task_id, count)
        for execution_id in heard.ended:
            self._room.wake(execution_id)
        self._timers.note(heard.next_timer)
        self._deliveries.note(heard.deliveries)
        if heard.revoked:
            self._keys.forget(heard.revoked)
        if heard.followed or heard.changes:
            self._feeds.hear(heard.followed, heard.changes)

    def lose(self) -> None:
        """Until we hear them again, fire nothing (we may be the first to come back) and trust no key from memory."""
        self._timers.pause()
        self._keys.remember(may=False)

    def come_back(self) -> None:
        """Everybody looks once, for what they may have missed."""
        self._keys.remember(may=True)
        self._timers.resume()
        self._room.wake_everybody()
        self._deliveries.note(self._clock())
        self._feeds.miss()
