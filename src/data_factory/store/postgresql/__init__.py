"""Everything in one PostgreSQL database, on which any number of processes work."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

import asyncpg

from data_factory.store.postgresql.database import connect, pool
from data_factory.store.postgresql.failures import GONE_WRONG, in_our_words, is_lost, may_pass
from data_factory.store.postgresql.peers import Peers
from data_factory.store.postgresql.reads import PostgresqlReads
from data_factory.store.postgresql.statements import statements
from data_factory.store.postgresql.transaction import PostgresqlTransaction
from data_factory.store.promises import ImpossibleWrite, Member, Reads, StoreUnavailable, Transaction

T = TypeVar("T")
Tell = Callable[[T], Sequence[str]]

log = logging.getLogger(__name__)

ATTEMPTS: Final = 4
"""How often work is tried that another transaction, or a cut connection, got in the way of."""

UNCERTAIN_S: Final = 30.0
"""How long is tried to find out whether what was cut off while it was kept is kept."""

_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresqlStore:
    """The store on one database, whose schema is up to date (see `migrating.prepare`).

        store = PostgresqlStore("postgresql://user:password@host/database")

    Use it from one event loop. It connects when it is first used, and again whenever the connection was lost.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._peers = Peers(url)
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._idle_writers: list[str] = []
        self._commits = 0
        self.statements_run = 0

    async def write(self, work: Callable[[Transaction], Awaitable[T]], tell: Tell[T] | None = None) -> T:
        """Run `work` in a transaction, again if another got in its way, and tell the other processes."""
        return await self._to_its_end(self._write(work, tell))

    async def read(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        """Run `work` on one snapshot."""
        return await self._to_its_end(self._read(work))

    async def join(self, member: Member) -> None:
        """Join those who work on this database."""
        self._refuse_if_closed()
        await self._peers.join(member)

    async def close(self) -> None:
        """Let the work in hand end, and close every connection."""
        if self._closed:
            return
        self._closed = True
        if self._running:
            await asyncio.wait(self._running)
        await self._peers.leave()
        if self._pool is not None:
            await self._pool.close()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The store is closed.")

    async def _to_its_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work to its end, even when nobody waits for it any more: half a transaction helps nobody."""
        try:
            self._refuse_if_closed()
        except StoreUnavailable:
            work.close()
            raise
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        with in_our_words():
            return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may have gone; nobody else needs to hear of it

    # -- writing

    async def _write(self, work: Callable[[Transaction], Awaitable[T]], tell: Tell[T] | None) -> T:
        for left in reversed(range(ATTEMPTS)):
            try:
                return await self._write_once(work, tell)
            except Exception as error:
                if not left or not may_pass(error):
                    raise
                log.info("a transaction is tried again: %s", error)
            await asyncio.sleep(random.uniform(0, 0.02))
        raise AssertionError("the last attempt returns or raises")

    async def _write_once(self, work: Callable[[Transaction], Awaitable[T]], tell: Tell[T] | None) -> T:
        async with self._connection() as connection:
            transaction = PostgresqlTransaction(connection)
            self._commits += 1
            number = self._commits
            writer = self._idle_writers.pop() if self._idle_writers else secrets.token_hex(8)
            try:
                await connection.execute("BEGIN")
                result = await work(transaction)
                lines = self._peers.signed(tell(result)) if tell else []
                if lines or transaction.wrote:
                    await transaction.seal(writer, number, lines)
            except BaseException:
                await _roll_back(connection)
                self._idle_writers.append(writer)
                raise
            finally:
                self.statements_run += transaction.statements_run
            try:
                outcome = await connection.execute("COMMIT")
            except Exception as error:
                if not (is_lost(error) and transaction.wrote and await self._was_kept(writer, number)):
                    raise
            else:
                if outcome != "COMMIT":
                    raise ImpossibleWrite("the work went on after it was refused something")
        self._idle_writers.append(writer)
        return result

    async def _was_kept(self, writer: str, number: int) -> bool:
        """Whether a transaction was kept whose COMMIT was not answered."""
        question = statements()["last_commit"].sql
        end = asyncio.get_running_loop().time() + UNCERTAIN_S
        while asyncio.get_running_loop().time() < end:
            with suppress(*GONE_WRONG):
                connection = await connect(self._url)
                try:
                    kept = bool(await connection.fetchval(question, writer) == number)
                finally:
                    connection.terminate()
                log.warning("the connection was lost during a commit, which was %s", "kept" if kept else "not kept")
                return kept
            await asyncio.sleep(0.1)
        raise StoreUnavailable("It is not known whether this was kept: look before you try again.")

    # -- reading

    async def _read(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        for left in reversed(range(ATTEMPTS)):
            try:
                return await self._read_once(work)
            except Exception as error:
                if not left or not may_pass(error):
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _read_once(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        async with self._connection() as connection:
            try:
                await connection.execute(_READ)
                result = await work(PostgresqlReads(connection))
                await connection.execute("COMMIT")
            except BaseException:
                await _roll_back(connection)
                raise
        return result

    # -- connections

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        if self._pool is None:
            self._pool = pool(self._url)
        try:
            await self._pool  # type: ignore[unused-awaitable] # connects it
            connection = await self._pool.acquire()
        except GONE_WRONG as error:
            log.warning("the database cannot be reached: %s", str(error) or type(error).__name__)
            raise StoreUnavailable from error
        try:
            yield connection  # type: ignore[misc] # a proxy of it, which behaves the same
        finally:
            with suppress(*GONE_WRONG):
                await self._pool.release(connection)


async def _roll_back(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Nothing of it; a connection on which even that fails is given up, which comes to the same."""
    try:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
    except GONE_WRONG:
        connection.terminate()
