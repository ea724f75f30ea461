"""The processes that work on one database: what they tell each other, and which is the first to come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import Sequence
from itertools import count
from typing import Any, Final

from data_factory.store.clock import DistantClock
from data_factory.store.postgresql.database import Connection, connect
from data_factory.store.postgresql.failures import GONE_WRONG, in_our_words
from data_factory.store.postgresql.statements import statements
from data_factory.store.postgresql.transaction import CHANNEL
from data_factory.store.promises import Member, StoreUnavailable

log = logging.getLogger(__name__)

AT_WORK: Final = 0x64617464
"""The advisory lock that everybody who works on the database shares: who gets it alone copies it."""

_PRESENT: Final = 0x64617462
"""The advisory lock that everybody who is there shares: who gets it alone is the first."""

LOOK_S: Final = 30.0
"""How often the database is asked the time, on the connection that is there anyway: one that was cut without a word is
noticed, too."""

_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Between two tries to connect, half as much again or half of it: not all servers are to come at once."""


class Peers:
    """A connection on which news come in, made again whenever it is lost; `clock` is that of the database."""

    def __init__(self, url: str, patience: float) -> None:
        self._url = url
        self._patience = patience
        self._name = secrets.token_hex(4)
        self.clock = DistantClock()
        self._stirred = asyncio.Event()
        self._connection: Connection | None = None
        self._watch: asyncio.Task[None] | None = None

    def signed(self, lines: Sequence[str]) -> list[str]:
        """News as the others are to hear them: we need not hear our own."""
        return [f"{self._name} {line}" for line in lines]

    async def join(self, member: Member) -> None:
        """Hear what the others tell from now on; who is the first does first what must be done before others come."""
        with in_our_words():
            connection = await self._join(member)
        self._watch = asyncio.create_task(self._keep(member, connection))

    def doubt(self) -> None:
        """The database was silent on another connection: see whether it is on this one."""
        self._stirred.set()

    async def leave(self) -> None:
        """Hear nothing any more."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        if self._connection is not None:
            self._connection.terminate()

    async def _keep(self, member: Member, connection: Connection) -> None:
        while True:
            await self._until_lost(connection)
            log.warning("the connection on which the other servers are heard was lost")
            member.lose()
            connection = await self._joined_again(member)
            log.warning("the other servers are heard again")
            member.come_back()

    async def _joined_again(self, member: Member) -> Connection:
        for tries in count():
            try:
                return await self._join(member)
            except (*GONE_WRONG, StoreUnavailable) as error:
                log.debug("the database cannot be reached: %s", error)
            except Exception:  # whatever it is, the others must be heard again
                log.exception("the other servers cannot be joined; trying again")
            await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)] * random.uniform(0.5, 1.5))
        raise AssertionError("count() does not end")

    async def _join(self, member: Member) -> Connection:
        connection = self._connection = await connect(self._url, self._patience)
        try:
            async with asyncio.timeout(self._patience * 4):
                await self._be_present(connection, member)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _be_present(self, connection: Connection, member: Member) -> None:
        def hear(_connection: Any, _pid: int, _channel: str, line: object) -> None:
            name, _, news = str(line).partition(" ")
            if name != self._name:
                member.hear(news)

        connection.add_termination_listener(lambda _: self._stirred.set())
        await connection.add_listener(CHANNEL, hear)
        await self._ask_the_time(connection)
        if not await connection.fetchval("SELECT pg_try_advisory_lock_shared($1)", AT_WORK):
            raise StoreUnavailable("The database is being copied: wait until that has ended.")
        first = await connection.fetchval("SELECT pg_try_advisory_lock($1)", _PRESENT)
        if first:
            # Whoever has not yet noticed that the connection is lost does so within half of that.
            await member.arrive_first(chance_ms=round(2 * (LOOK_S + self._patience) * 1000))
        await connection.execute("SELECT pg_advisory_lock_shared($1)", _PRESENT)
        if first:
            await connection.execute("SELECT pg_advisory_unlock($1)", _PRESENT)
        await member.arrive()

    async def _ask_the_time(self, connection: Connection) -> None:
        asked = self.clock.steady()
        micros = await connection.fetchval(statements()["database_time"].sql)
        self.clock.heed(micros * 1_000, asked, self.clock.steady())

    async def _until_lost(self, connection: Connection) -> None:
        """Return once nothing can be heard on a connection any more, whether it has said so or was just silent."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._stirred.wait()
            self._stirred.clear()
            try:
                async with asyncio.timeout(self._patience):
                    await self._ask_the_time(connection)
            except GONE_WRONG:
                connection.terminate()
                return
