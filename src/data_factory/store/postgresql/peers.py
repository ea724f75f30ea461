"""The processes that work on one database: what they tell each other, and which is the first to come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from data_factory.store.postgresql.database import connect
from data_factory.store.postgresql.failures import GONE_WRONG, in_our_words
from data_factory.store.postgresql.transaction import CHANNEL
from data_factory.store.promises import Member, StoreUnavailable

log = logging.getLogger(__name__)

_PRESENT: Final = 0x64617462
"""The advisory lock that everybody who is there shares: who gets it alone is the first."""

LOOK_S: Final = 30.0
"""How often the connection is tried while nothing comes: one that was cut without a word is noticed."""

_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)


class Peers:
    """A connection on which news come in, made again whenever it is lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._name = secrets.token_hex(4)
        self._lost = asyncio.Event()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._watch: asyncio.Task[None] | None = None

    def signed(self, lines: Sequence[str]) -> list[str]:
        """News as the others are to hear them: we need not hear our own."""
        return [f"{self._name} {line}" for line in lines]

    async def join(self, member: Member) -> None:
        """Hear what the others tell from now on; who is the first does first what must be done before others come."""
        with in_our_words():
            await self._join(member)
        self._watch = asyncio.create_task(self._keep(member))

    async def leave(self) -> None:
        """Hear nothing any more."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        if self._connection is not None:
            self._connection.terminate()

    async def _join(self, member: Member) -> None:
        self._lost.clear()
        connection = self._connection = await connect(self._url)
        try:
            connection.add_termination_listener(lambda *_: self._lost.set())

            def hear(_connection: Any, _pid: int, _channel: str, line: object) -> None:
                name, _, news = str(line).partition(" ")
                if name != self._name:
                    member.hear(news)

            await connection.add_listener(CHANNEL, hear)
            first = await connection.fetchval("SELECT pg_try_advisory_lock($1)", _PRESENT)
            if first:
                await member.arrive_first()
            await connection.execute("SELECT pg_advisory_lock_shared($1)", _PRESENT)
            if first:
                await connection.execute("SELECT pg_advisory_unlock($1)", _PRESENT)
        except BaseException:
            connection.terminate()
            raise

    async def _keep(self, member: Member) -> None:
        while True:
            await self._until_lost()
            log.warning("the connection on which the other servers are heard was lost")
            member.lose()
            tries = 0
            while not await self._joined_again(member):
                await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
                tries += 1
            log.warning("the other servers are heard again")
            member.come_back()

    async def _until_lost(self) -> None:
        while not self._lost.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._lost.wait()
                    return
            await self._try_connection()

    async def _try_connection(self) -> None:
        connection = self._connection
        try:
            if connection is not None:
                await connection.execute("SELECT 1")
        except GONE_WRONG:
            if connection is not None:
                connection.terminate()
            self._lost.set()

    async def _joined_again(self, member: Member) -> bool:
        try:
            await self._join(member)
        except (*GONE_WRONG, StoreUnavailable) as error:
            log.info("the database cannot be reached: %s", error)
            return False
        except Exception:  # whatever it is, the others must be heard again
            log.exception("the other servers cannot be joined; trying again")
            return False
        return True
