"""The connections that the work of one process runs on: made as they are needed, and kept."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import Final

from data_factory.store.postgresql.database import Connection, connect
from data_factory.store.postgresql.failures import GONE_WRONG
from data_factory.store.postgresql.rehearsal import rehearse
from data_factory.store.promises import StoreUnavailable

log = logging.getLogger(__name__)

MOST: Final = 10

AT_ONCE: Final = 2
"""How many are made at a time: a database that has just come back is not to be stormed by all of its servers."""

UNUSED_S: Final = 200.0
"""One that nobody has used for so long is not used again: what lies in between may have forgotten it without a word."""

_GOODBYE_S: Final = 1.0


class Connections:
    """At most `MOST` connections to a database. Who comes when all are in use has the next that is given back or made,
    whichever is sooner, first come first served: to make one takes longer than most work does.

    Each that is taken is given back, whatever has become of it.
    """

    def __init__(self, url: str, patience: float) -> None:
        self._url = url
        self._patience = patience
        self._count = 0
        self._unused: list[tuple[float, Connection]] = []
        self._waiting: deque[asyncio.Future[Connection]] = deque()
        self._making: list[asyncio.Task[Connection]] = []
        self._reachable = True

    async def take(self) -> Connection:
        """One that nobody else uses: the one that was used last, or else the next one that there is.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        if (kept := self._kept()) is not None:
            return kept
        place: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._make_more()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.give_back(place.result())  # it came just when nobody wanted it any more
            self._make_no_more_than_wanted()
            raise

    def give_back(self, connection: Connection) -> None:
        """It is not used any more; one that was lost is forgotten."""
        if connection.is_closed():
            self._count -= 1
            self._make_more()
        elif (place := self._first_waiting()) is not None:
            place.set_result(connection)
        else:
            self._unused.append((_now(), connection))
        while self._unused and self._unused[0][0] < _now() - UNUSED_S:
            self._drop(self._unused.pop(0)[1])

    def doubt(self) -> None:
        """The database has not answered on one of them. Those that wait may be just as dead, and each would cost its
        user as long a wait to find out: they are given up."""
        while self._unused:
            self._drop(self._unused.pop()[1])

    async def close(self) -> None:
        """Close those that nobody uses."""
        if self._making:
            await asyncio.wait(self._making, timeout=_GOODBYE_S)
        for making in self._making:
            making.cancel()
        unused, self._unused = self._unused, []
        for _, connection in unused:
            with suppress(*GONE_WRONG):
                await connection.close(timeout=_GOODBYE_S)

    def _kept(self) -> Connection | None:
        while self._unused:
            since, connection = self._unused.pop()
            if since >= _now() - UNUSED_S and not connection.is_closed():
                return connection
            self._drop(connection)
        return None

    def _drop(self, connection: Connection) -> None:
        connection.terminate()
        self._count -= 1

    def _first_waiting(self) -> asyncio.Future[Connection] | None:
        while self._waiting:
            if not (place := self._waiting.popleft()).done():
                return place
        return None

    def _make_more(self) -> None:
        """As many as are waited for, within what there may be."""
        for _ in range(min(self._wanted() - len(self._making), MOST - self._count)):
            self._count += 1
            making = asyncio.create_task(self._make())
            self._making.append(making)
            making.add_done_callback(self._made)

    def _make_no_more_than_wanted(self) -> None:
        """Who waited has given up: a database that was gone may be back, and know nothing of the oldest of these."""
        for making in self._making[: max(0, len(self._making) - self._wanted())]:
            making.cancel()

    def _wanted(self) -> int:
        """How many are waited for, as far as it matters."""
        while self._waiting and self._waiting[0].done():
            del self._waiting[0]
        return sum(1 for _ in islice((place for place in self._waiting if not place.done()), AT_ONCE))

    async def _make(self) -> Connection:
        try:
            connection = await connect(self._url, self._patience)
            try:
                async with asyncio.timeout(self._patience):
                    await rehearse(connection)
            except BaseException:
                connection.terminate()
                raise
        except GONE_WRONG as error:
            raise StoreUnavailable from error
        return connection

    def _made(self, making: asyncio.Task[Connection]) -> None:
        self._making.remove(making)
        if making.cancelled():
            self._count -= 1
        elif (error := making.exception()) is None:
            self._reachable = True
            self.give_back(making.result())
        else:
            self._count -= 1
            self._refuse(error)
        self._make_more()

    def _refuse(self, error: BaseException) -> None:
        """Whoever has waited longest is told that there is none to be had."""
        if self._reachable:
            cause = error.__cause__ or error
            log.warning("the database cannot be reached: %s", str(cause) or type(cause).__name__)
        self._reachable = False
        if (place := self._first_waiting()) is not None:
            place.set_exception(error)


def _now() -> float:
    return asyncio.get_running_loop().time()
