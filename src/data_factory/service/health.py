"""Whether the platform can do its work, for those who decide whether to send it any."""

from __future__ import annotations

import asyncio
from typing import Final

from data_factory.service.dispatcher import Dispatcher
from data_factory.store.promises import Reads, Store, StoreUnavailable

LONGEST_S: Final = 1.0
"""Who asks is answered within this: a store that has not said by then that it can be used cannot."""


class Health:
    """Looks when somebody asks, once for all who ask meanwhile: questions do not pile up on a store that is silent."""

    def __init__(self, store: Store, dispatcher: Dispatcher) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._look: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Make sure that the store can be read and written to.

        Raises:
            Unavailable: it cannot.
        """
        if self._look is None:
            self._look = asyncio.create_task(self._look_now())
            self._look.add_done_callback(self._looked)
        look = self._look
        await asyncio.wait({look}, timeout=LONGEST_S)
        if not look.done():
            raise StoreUnavailable
        look.result()

    def _looked(self, look: asyncio.Task[None]) -> None:
        self._look = None
        if not look.cancelled():
            look.exception()  # who asked may have been answered before

    async def _look_now(self) -> None:
        await self._dispatcher.check()
        await self._store.read(_anything)


async def _anything(reads: Reads) -> object:
    return await reads.first_account()
