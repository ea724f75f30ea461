"""When each API key was last used: remembered on the way of a request, written beside it, once a minute at the most."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from data_factory.model.errors import Unavailable
from data_factory.model.records import KeyUseRecord
from data_factory.service.clock import Clock
from data_factory.store.promises import Store

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
"""How long a use waits to be written. What is lost when a server is killed is at most that much."""


class KeyUses:
    """Writes down when keys were used."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._used: dict[str, int] = {}
        self._loop: asyncio.Task[None] | None = None

    def note(self, key_id: str, now: int) -> None:
        """A key is used."""
        self._used[key_id] = now

    def start(self) -> None:
        """Begin."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End the loop; what was not written yet is."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
            await self._write()

    async def run_once(self) -> None:
        """Write what was used since the last time, in one transaction; nothing if nothing was.

        Raises:
            Unavailable: it could not be written; the next time it is.
        """
        used, self._used = self._used, {}
        if not used:
            return
        uses = [KeyUseRecord(key_id, used[key_id]) for key_id in sorted(used)]
        try:
            await self._store.write(lambda transaction: transaction.note_key_uses(uses))
        except Unavailable:
            self._used = {**used, **self._used}
            raise

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self._write()

    async def _write(self) -> None:
        try:
            await self.run_once()
        except Unavailable as error:
            log.warning("when API keys were used could not be written: %s", error)
        except Exception:  # whatever it is, the next minute tries again
            log.exception("when API keys were used could not be written")
