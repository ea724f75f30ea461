"""The platform put together: its verbs, its loops, its beginning and its end."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from data_factory.model.ids import IdMaker
from data_factory.model.rates import Rate
from data_factory.service.accounts import Accounts
from data_factory.service.audit import KEPT_DAYS, Audit
from data_factory.service.bulk import Bulk
from data_factory.service.catalog import Catalog
from data_factory.service.clock import Clock, SteadyClock
from data_factory.service.commands import FillSlots
from data_factory.service.deliveries import Deliveries
from data_factory.service.dispatcher import Dispatcher
from data_factory.service.effects import Effects
from data_factory.service.erasing import Erasing
from data_factory.service.executions import Executions
from data_factory.service.feeds import Feeds
from data_factory.service.files import DAY_MS, FileRules, Files
from data_factory.service.filling import Filling
from data_factory.service.finding import Finding
from data_factory.service.following import Following
from data_factory.service.graphs import Graphs
from data_factory.service.health import Health
from data_factory.service.key_uses import KeyUses
from data_factory.service.keys import Keep, Keys
from data_factory.service.membership import Membership
from data_factory.service.polls import Polls
from data_factory.service.projects import Projects
from data_factory.service.rates import Rates
from data_factory.service.receivers import Outbound
from data_factory.service.reruns import Reruns
from data_factory.service.retention import Retention
from data_factory.service.schedules import Schedules
from data_factory.service.shares import Shares
from data_factory.service.sparing import Sparing
from data_factory.service.timers import Timers
from data_factory.service.variables import Variables
from data_factory.service.vault import UnusableSecretKey, Vault
from data_factory.service.waiting_room import WaitingRoom
from data_factory.service.webhooks import Webhooks
from data_factory.store.blobs import Blobs
from data_factory.store.promises import Reads, Store

log = logging.getLogger(__name__)

LOOK_AGAIN_S: Final = 0.02
"""When claims look again for what another transaction had in its hands: it has ended by then, or nearly so."""


class Platform:
    """A Data Factory on a store.

    platform = Platform(SqliteStore(Path(".data-factory")), DiskBlobs(Path(".data-factory/files")))
    key = await platform.start()
    …
    await platform.stop()
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        rules: FileRules | None = None,
        clock: Clock | None = None,
        new_id: IdMaker | None = None,
        vault: Vault | None = None,
        outbound: Outbound | None = None,
        audit_days: int = KEPT_DAYS,
        execution_days: int = 0,
        rate: Rate | None = None,
    ) -> None:
        vault = vault or Vault()
        clock = clock or SteadyClock(store.wall_ns)
        self.clock = clock
        self.new_id = new_id or IdMaker(clock)
        self.store = store
        self.room = WaitingRoom()
        graphs = Graphs()
        self.dispatcher = Dispatcher(
            store, clock, self.new_id, self._tell, graphs, vault=vault, idle_claims=self.room.idle_claims
        )
        self.feeds = self.dispatcher.feeds = Feeds(self.room, clock, self._settle, self._tell_others)
        self.following = Following(store, self.room, self.feeds)
        sparing = Sparing(store, clock)
        self.timers = Timers(store, self.dispatcher, sparing, clock)
        self._filling = Filling(store, self.dispatcher, clock, self.timers.note)
        self.polls = Polls(store, clock)
        self.executions = Executions(store, self.dispatcher, self.room, self.polls, clock)
        self.erasing = Erasing(store, clock, self.new_id, execution_days * DAY_MS or None)
        self.reruns = Reruns(store, self.dispatcher, graphs, self.new_id)
        self.catalog = Catalog(store, self.dispatcher, graphs, clock, self.new_id, self.timers.note)
        self.schedules = Schedules(store, clock, self.new_id, self.timers.note)
        self.blobs = blobs
        self.retention = Retention(store, blobs, clock)
        self.files = Files(store, blobs, self.retention, clock, self.new_id, rules or FileRules())
        self.audit = Audit(store, clock, audit_days)
        self.variables = Variables(store, vault, clock, self.new_id)
        outbound = outbound or Outbound()
        self.deliveries = Deliveries(store, vault, clock, self.new_id, outbound)
        self.webhooks = Webhooks(store, vault, clock, self.new_id, self.deliveries.note, outbound)
        self.finding = Finding(store)
        self.bulk = Bulk(store, self.finding, self.dispatcher, self.reruns, self.erasing)
        self.projects = Projects(store, clock, self.new_id)
        self._key_uses = KeyUses(store, clock)
        self.keys = Keys(store, clock, self.new_id, self._key_uses, rate)
        self.rates = Rates()
        self.accounts = Accounts(store, self.keys, self._filling, self.timers.note, clock, self.new_id)
        self.shares = Shares(store, clock, self.new_id)
        self.health = Health(store, self.dispatcher)
        self._membership = Membership(
            store, clock, sparing, self.room, self.timers, self.keys, self.files, self.deliveries, self.feeds
        )

    async def start(self, fixed_key: str | None = None, keep: Keep | None = None) -> str | None:
        """Begin; returns the admin key that the very first start makes (see `Keys.prepare`).

        Raises:
            UnusableSecretKey: there are secrets that cannot be read.
        """
        await self.store.join(self._membership)
        try:
            await self.variables.check()
        except UnusableSecretKey:
            await self.store.close()
            raise
        made = await self.keys.prepare(fixed_key, keep)
        if waiting := await self.store.read(_waiting_pipelines):
            await self._filling.fill(waiting)
        self.timers.start()
        self.retention.start()
        self.erasing.start()
        self.audit.start()
        self._key_uses.start()
        self.deliveries.start()
        return made

    async def stop(self) -> None:
        """Finish what was asked, and close the store. Whoever still waits is answered."""
        await self.timers.stop()
        await self.polls.stop()
        await self.retention.stop()
        await self.erasing.stop()
        await self.audit.stop()
        await self.deliveries.stop()
        await self.feeds.stop()
        await self._filling.stop()
        await self._key_uses.stop()
        await self.dispatcher.stop()
        await self.store.close()
        await self.blobs.close()

    async def _settle(self) -> None:
        """Every transaction that had begun has ended."""
        await self.dispatcher.submit(FillSlots(()))

    async def _tell_others(self, lines: list[str]) -> None:
        await self.store.write(lambda transaction: transaction.write_nothing_new(), tell=lambda _: lines)

    def _tell(self, effects: Effects) -> None:
        """Wake those who wait for what a transaction has done."""
        for task_id, count in effects.claimable.items():
            self.room.call(task_id, count)
        for execution in effects.ended:
            self.room.tell_end(execution)
        self.timers.note(effects.next_timer)
        self.deliveries.note(effects.deliveries)
        if not self.feeds.is_empty:
            self.feeds.publish((change.account_id, change.what) for change in effects.changes)
        for task_id, count in effects.unseen.items():
            asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self.room.call, task_id, count)
        self._filling.note(effects.unfilled)


async def _waiting_pipelines(reads: Reads) -> list[str]:
    return await reads.waiting_pipelines()
