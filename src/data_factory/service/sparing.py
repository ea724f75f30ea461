"""Leases that ended while nobody was there to hear their workers."""

from __future__ import annotations

from typing import Final

from data_factory.service.clock import Clock
from data_factory.store.promises import Store, Transaction

SPARED_MS: Final = 10_000
"""How long a worker is given to be heard again, when nobody was there to hear it: after a start, or an outage."""

AT_ONCE: Final = 2_000
"""The most leases that are spared in one transaction: who asks for something meanwhile waits no longer than that."""


class Sparing:
    """Lets the leases of workers that could not be heard last until they can have been, while others are served.

    That it is to be done is kept in the store, and until it was done no task execution is due there, whoever asks: what
    one process has begun and did not live to end, another one ends.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def begin(self, transaction: Transaction) -> None:
        """From now on workers can be heard again."""
        await transaction.begin_sparing(self._clock())

    async def finish(self) -> None:
        """Do what is left to be done, so many at a time."""
        while await self._store.write(self._spare_some):
            pass

    async def _spare_some(self, transaction: Transaction) -> bool:
        """Whether there may be more."""
        since = await transaction.sparing_since()
        if since is None:
            return False
        if await transaction.spare_leases(since, self._clock(), SPARED_MS, AT_ONCE) == AT_ONCE:
            return True
        await transaction.end_sparing()
        return False
