"""The connections that the work of one process runs on: made as they are needed, and kept."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from data_factory.store.postgresql.database import Connection, connect
from data_factory.store.postgresql.failures import GONE_WRONG
from data_factory.store.promises import StoreUnavailable

log = logging.getLogger(__name__)

MOST: Final = 10

AT_ONCE: Final = 2
"""How many are made at a time: a database that has just come back is not to be stormed by all of its servers."""

UNUSED_S: Final = 200.0
"""One that nobody has used for so long is not used again: what lies in between may have forgotten it without a word."""

_GOODBYE_S: Final = 1.0


class Connections:
    """At most `MOST` connections to a database; who comes when all are in use waits, first come first served.

    Each that is taken is given back, whatever has become of it.
    """

    def __init__(self, url: str, patience: float) -> None:
        self._url = url
        self._patience = patience
        self._places = asyncio.Semaphore(MOST)
        self._making = asyncio.Semaphore(AT_ONCE)
        self._unused: list[tuple[float, Connection]] = []
        self._reachable = True

    async def take(self) -> Connection:
        """One that nobody else uses: the one that was used last, or a new one.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        await self._places.acquire()
        try:
            if (kept := self._kept()) is not None:
                return kept
            async with self._making:
                return self._kept() or await self._made()  # one may have been given back meanwhile
        except BaseException:
            self._places.release()
            raise

    def give_back(self, connection: Connection) -> None:
        """It is not used any more; one that was lost is forgotten."""
        now = asyncio.get_running_loop().time()
        if not connection.is_closed():
            self._unused.append((now, connection))
        while self._unused and self._unused[0][0] < now - UNUSED_S:
            self._unused.pop(0)[1].terminate()
        self._places.release()

    def doubt(self) -> None:
        """The database has not answered on one of them. Those that wait may be just as dead, and each would cost its
        user as long a wait to find out: they are given up."""
        for _, connection in self._unused:
            connection.terminate()
        self._unused.clear()

    async def close(self) -> None:
        """Close those that nobody uses."""
        unused, self._unused = self._unused, []
        for _, connection in unused:
            with suppress(*GONE_WRONG):
                await connection.close(timeout=_GOODBYE_S)

    def _kept(self) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - UNUSED_S
        while self._unused:
            since, connection = self._unused.pop()
            if since >= oldest and not connection.is_closed():
                return connection
            connection.terminate()
        return None

    async def _made(self) -> Connection:
        try:
            connection = await connect(self._url, self._patience)
        except GONE_WRONG as error:
            if self._reachable:
                log.warning("the database cannot be reached: %s", str(error) or type(error).__name__)
            self._reachable = False
            raise StoreUnavailable from error
        self._reachable = True
        return connection
