"""Everything in one SQLite file: one thread that writes, a few connections that read beside it."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from data_factory.store.promises import (
    PATIENCE_S,
    Member,
    Reads,
    StoreUnavailable,
    Transaction,
    TwoQuestions,
    WriteUnderWay,
)
from data_factory.store.sqlite.database import FILE_NAME, connect, connect_reader
from data_factory.store.sqlite.failures import meaning_of
from data_factory.store.sqlite.transaction import SqliteTransaction, run_now

T = TypeVar("T")

READERS: Final = 4


class _Order:
    """Work for the writer's thread, to be begun until the `deadline`. Whoever takes it first, the writer or the one who
    gave it, decides about it."""

    def __init__(
        self,
        work: Callable[[Transaction], Awaitable[Any]],
        loop: asyncio.AbstractEventLoop,
        within: float,
        patience: float,
    ) -> None:
        self.work = work
        self.loop = loop
        self.deadline = time.monotonic() + within
        self.end: asyncio.Future[Any] = loop.create_future()
        self.timer = loop.call_later(within, self._withdraw, patience)
        self._taken = threading.Lock()

    def take(self) -> bool:
        """Whether it was still to be had."""
        return self._taken.acquire(blocking=False)

    def _withdraw(self, patience: float) -> None:
        """It is waited for no longer, unless it has begun."""
        if self.take():
            self.end.set_exception(StoreUnavailable())
        else:
            self.timer = self.loop.call_later(patience, self._leave)

    def _leave(self) -> None:
        """It has begun, and is waited for no longer: it is not known what becomes of it."""
        waited_for, self.end = self.end, self.loop.create_future()
        waited_for.set_exception(WriteUnderWay(self.end))

    def answer(self, result: Any, error: BaseException | None) -> None:
        """It has come to its end."""
        if self.end.cancelled():
            return
        if error is None:
            self.end.set_result(result)
        else:
            self.end.set_exception(error)
            self.end.exception()  # nobody may be waiting for it any more


class SqliteStore:
    """The store on one file in `directory`, which is made, for its owner only, if it does not exist.

    Use it from one event loop; only one process may have it open (see `lock`).

    Raises:
        StoreUnavailable: the file cannot be used; the message says why.
        UnusableSchema: a newer version has written it.
    """

    def __init__(self, directory: Path, patience: float = PATIENCE_S) -> None:
        self.patience = patience
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = directory / FILE_NAME
        try:
            self._connection = connect(self._path, patience)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The database {self._path} cannot be used: {error}.") from error
        self._transaction = SqliteTransaction(self._connection)
        self._work: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="data-factory-writer", daemon=True)
        self._writer.start()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="data-factory-reader")
        self._reader = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._closed = False

    @property
    def statements_run(self) -> int:
        """How many statements the writer has run: what a benchmark counts."""
        return self._transaction.statements_run

    def wall_ns(self) -> int:
        """The time of this machine, on which all of it is."""
        return time.time_ns()

    async def join(self, member: Member) -> None:
        """The only process that works on this file: nobody tells it anything."""
        await member.arrive_first(chance_ms=0)
        await member.arrive()

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        tell: Callable[[T], Sequence[str]] | None = None,  # noqa: ARG002 - there is nobody to tell
        within: float | None = None,
    ) -> T:
        """Run `work` in the writer's thread, in a transaction of its own."""
        self._refuse_if_closed()
        within = self.patience if within is None else within
        order = _Order(work, asyncio.get_running_loop(), within, self.patience)
        self._work.put(order)
        try:
            result: T = await order.end
        finally:
            order.timer.cancel()
        return result

    async def read(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        """Run `work` on a reader's connection; it sees the last commit."""
        return await self._in_reader(self._read_now, work)

    async def ask(self, question: Callable[[Reads], Awaitable[T]]) -> T:
        """Ask on a reader's connection; it sees the last commit."""
        return await self._in_reader(self._ask_now, question)

    async def close(self) -> None:
        """Let the work in hand end, and close every connection."""
        if self._closed:
            return
        self._closed = True
        self._work.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in (*self._open, self._connection):
            connection.close()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The store is closed.")

    async def _in_reader(
        self, run: Callable[[Callable[[Reads], Awaitable[T]]], T], work: Callable[[Reads], Awaitable[T]]
    ) -> T:
        self._refuse_if_closed()
        try:
            async with asyncio.timeout(self.patience):
                return await asyncio.get_running_loop().run_in_executor(self._readers, run, work)
        except TimeoutError as error:
            raise StoreUnavailable from error

    def _write_all(self) -> None:
        while (order := self._work.get()) is not None:
            if not order.take():
                continue
            try:
                with self._locked_out_until(order.deadline):
                    result, error = self._write_now(order.work), None
            except BaseException as caught:  # noqa: BLE001 whatever it is, the caller is waiting for it
                result, error = None, caught
            order.loop.call_soon_threadsafe(order.answer, result, error)

    @contextmanager
    def _locked_out_until(self, deadline: float) -> Iterator[None]:
        """While another program has the file locked, nobody is kept waiting for longer: some of the time may have gone
        by while others were waited for."""
        left = deadline - time.monotonic()
        if left >= self.patience / 2:
            yield
            return
        try:
            self._connection.execute(f"PRAGMA busy_timeout = {max(0, round(left * 1000))}")
            yield
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {round(self.patience * 500)}")

    def _write_now(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = run_now(work(self._transaction))
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise meaning_of(error) from error
        return result

    def _read_now(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        try:
            connection = self._reader_connection()
            connection.execute("BEGIN")
            try:
                return run_now(work(self._reader.transaction))
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise meaning_of(error) from error

    def _ask_now(self, question: Callable[[Reads], Awaitable[T]]) -> T:
        try:
            self._reader_connection()
            asked: SqliteTransaction = self._reader.transaction
            before = asked.statements_run
            answer = run_now(question(asked))
        except sqlite3.Error as error:
            raise meaning_of(error) from error
        if asked.statements_run > before + 1:
            raise TwoQuestions
        return answer

    def _reader_connection(self) -> sqlite3.Connection:
        """The connection of this reader's thread."""
        connection: sqlite3.Connection | None = getattr(self._reader, "connection", None)
        if connection is None:
            connection = self._reader.connection = connect_reader(self._path, self.patience)
            self._reader.transaction = SqliteTransaction(connection)
            self._open.append(connection)
        return connection
