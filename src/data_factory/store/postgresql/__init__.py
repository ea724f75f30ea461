"""Everything in one PostgreSQL database, on which any number of processes work."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

from data_factory.store.postgresql.connections import Connections
from data_factory.store.postgresql.database import Connection, connect
from data_factory.store.postgresql.failures import GONE_WRONG, in_our_words, is_lost, may_pass
from data_factory.store.postgresql.peers import Peers
from data_factory.store.postgresql.reads import PostgresqlReads
from data_factory.store.postgresql.statements import statements
from data_factory.store.postgresql.transaction import PostgresqlTransaction
from data_factory.store.promises import (
    PATIENCE_S,
    ImpossibleWrite,
    Member,
    Reads,
    StoreUnavailable,
    Transaction,
    TwoQuestions,
    WriteUnderWay,
)

T = TypeVar("T")
Tell = Callable[[T], Sequence[str]]

log = logging.getLogger(__name__)

ATTEMPTS: Final = 4
"""How often work is tried that another transaction got in the way of, and how often when a connection was cut: after a
cut the next connection may be cut as well, which says nothing of the work."""

_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresqlStore:
    """The store on one database, whose schema is up to date (see `migrating.prepare`).

        store = PostgresqlStore("postgresql://user:password@host/database")

    Use it from one event loop. It connects when it is first used, and again whenever the connection was lost.
    """

    def __init__(self, url: str, patience: float = PATIENCE_S) -> None:
        self._url = url
        self.patience = patience
        self._connections = Connections(url, patience)
        self._peers = Peers(url, patience)
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._idle_writers: list[str] = []
        self._commits = 0
        self.statements_run = 0

    async def write(
        self, work: Callable[[Transaction], Awaitable[T]], tell: Tell[T] | None = None, within: float | None = None
    ) -> T:
        """Run `work` in a transaction, again if another got in its way, and tell the other processes.

        What was not sent to be kept in time never will be. What was may be kept at any time from then on, whether we
        hear of it or not: it is asked until it is known.
        """
        self._refuse_if_closed()
        within = self.patience if within is None else within
        writing = self._begun(self._write(work, tell, _now() + within))
        await asyncio.wait({writing}, timeout=within + self.patience)
        if not writing.done():
            raise WriteUnderWay(writing)
        return writing.result()

    async def read(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        """Run `work` on one snapshot."""
        self._refuse_if_closed()
        return await asyncio.shield(self._begun(self._read(self._read_once, work)))

    async def ask(self, question: Callable[[Reads], Awaitable[T]]) -> T:
        """Ask with a single statement, which is a transaction by itself."""
        self._refuse_if_closed()
        return await asyncio.shield(self._begun(self._read(self._ask_once, question)))

    def wall_ns(self) -> int:
        """The time of the database: the clocks of those who work on it may differ."""
        return self._peers.clock()

    async def join(self, member: Member) -> None:
        """Join those who work on this database."""
        self._refuse_if_closed()
        await self._peers.join(member)

    async def close(self) -> None:
        """Let the work in hand end, as far as it does, and close every connection."""
        if self._closed:
            return
        self._closed = True
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=2 * self.patience)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._peers.leave()
        await self._connections.close()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The store is closed.")

    def _begun(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Work that runs to its end even when nobody waits for it any more: half a transaction helps nobody."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may have gone; nobody else needs to hear of it

    # -- writing

    async def _write(self, work: Callable[[Transaction], Awaitable[T]], tell: Tell[T] | None, deadline: float) -> T:
        with in_our_words():
            cuts = conflicts = 0
            while True:
                try:
                    return await self._write_once(work, tell, deadline)
                except Exception as error:
                    lost = is_lost(error)
                    cuts, conflicts = cuts + lost, conflicts + (not lost)
                    if max(cuts, conflicts) == ATTEMPTS or not may_pass(error):
                        raise
                    if _now() >= deadline:  # whoever got in its way may be gone at the next try
                        raise StoreUnavailable from error
                    log.info("a transaction is tried again: %s", error)
                await asyncio.sleep(random.uniform(0, 0.02))

    async def _write_once(
        self, work: Callable[[Transaction], Awaitable[T]], tell: Tell[T] | None, deadline: float
    ) -> T:
        async with self._connection(deadline) as connection:
            transaction = PostgresqlTransaction(connection)
            self._commits += 1
            number = self._commits
            writer = self._idle_writers.pop() if self._idle_writers else secrets.token_hex(8)
            try:
                async with asyncio.timeout_at(deadline):
                    await connection.execute("BEGIN")
                    result = await work(transaction)
                    lines = self._peers.signed(tell(result)) if tell else []
                    if lines or transaction.wrote:
                        await transaction.seal(writer, number, lines)
            except BaseException as error:
                await self._give_up(connection, error)
                self._idle_writers.append(writer)
                raise
            finally:
                self.statements_run += transaction.statements_run
            try:
                async with asyncio.timeout(self.patience):
                    outcome = await connection.execute("COMMIT")
            except BaseException as error:
                await self._give_up(connection, error)
                if not (is_lost(error) and transaction.wrote and await self._was_kept(writer, number)):
                    raise
            else:
                if outcome != "COMMIT":
                    raise ImpossibleWrite("the work went on after it was refused something")
        self._idle_writers.append(writer)
        return result

    async def _was_kept(self, writer: str, number: int) -> bool:
        """Whether a transaction was kept whose COMMIT was not answered.

        Its number was written before the COMMIT was sent. So whoever asks for the number waits until the transaction
        has ended, be its session as good as dead: the database ends that after our patience.
        """
        question = statements()["last_commit"].sql
        while True:
            with suppress(*GONE_WRONG):
                async with asyncio.timeout(self.patience * 2):
                    connection = await connect(self._url, self.patience)
                    try:
                        kept = bool(await connection.fetchval(question, writer) == number)
                    finally:
                        connection.terminate()
                log.warning("no answer came to a commit, which was %s", "kept" if kept else "not kept")
                return kept
            await asyncio.sleep(random.uniform(0.05, 0.15))

    # -- reading

    async def _read(
        self,
        once: Callable[[Callable[[Reads], Awaitable[T]], float], Awaitable[T]],
        work: Callable[[Reads], Awaitable[T]],
    ) -> T:
        deadline = _now() + self.patience
        with in_our_words():
            for left in reversed(range(ATTEMPTS)):
                try:
                    return await once(work, deadline)
                except Exception as error:
                    if not left or not may_pass(error):
                        raise
        raise AssertionError("the last attempt returns or raises")

    async def _read_once(self, work: Callable[[Reads], Awaitable[T]], deadline: float) -> T:
        async with self._connection(deadline) as connection:
            try:
                async with asyncio.timeout_at(deadline):
                    await connection.execute(_READ)
                    result = await work(PostgresqlReads(connection))
                    await connection.execute("COMMIT")
            except BaseException as error:
                await self._give_up(connection, error)
                raise
        return result

    async def _ask_once(self, question: Callable[[Reads], Awaitable[T]], deadline: float) -> T:
        async with self._connection(deadline) as connection:
            reads = PostgresqlReads(connection)
            try:
                async with asyncio.timeout_at(deadline):
                    answer = await question(reads)
            except BaseException as error:
                self._let_go(connection, error)
                raise
        if reads.statements_run > 1:
            raise TwoQuestions
        return answer

    # -- connections

    @asynccontextmanager
    async def _connection(self, deadline: float) -> AsyncIterator[Connection]:
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._connections.take()
        except (StoreUnavailable, TimeoutError):
            self._doubt()
            raise
        try:
            yield connection
        finally:
            self._connections.give_back(connection)

    async def _give_up(self, connection: Connection, error: BaseException) -> None:
        """Nothing of this transaction. Where even that cannot be said, the connection is cut, which comes to the
        same."""
        if self._let_go(connection, error):
            return
        try:
            async with asyncio.timeout(self.patience):
                await connection.execute("ROLLBACK")
        except GONE_WRONG:
            connection.terminate()

    def _let_go(self, connection: Connection, error: BaseException) -> bool:
        """Cut a connection if after this error it is not to be used any more, and whether it is so: a database that is
        silent is not to be waited for, nor to be trusted on other connections."""
        if isinstance(error, TimeoutError):
            self._doubt()
        if lost := is_lost(error) or isinstance(error, asyncio.CancelledError):
            connection.terminate()
        return lost

    def _doubt(self) -> None:
        self._connections.doubt()
        self._peers.doubt()


def _now() -> float:
    return asyncio.get_running_loop().time()
