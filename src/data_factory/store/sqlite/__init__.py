"""Everything in one SQLite file: one thread that writes, a few connections that read beside it."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from data_factory.store.promises import Member, Reads, StoreUnavailable, Transaction
from data_factory.store.sqlite.database import FILE_NAME, connect, connect_reader
from data_factory.store.sqlite.failures import meaning_of
from data_factory.store.sqlite.transaction import SqliteTransaction, run_now

T = TypeVar("T")
Job = tuple[Callable[[Transaction], Awaitable[Any]], "asyncio.Future[Any]"]

READERS: Final = 4


class SqliteStore:
    """The store on one file in `directory`, which is made, for its owner only, if it does not exist.

    Use it from one event loop; only one process may have it open (see `lock`).

    Raises:
        StoreUnavailable: the file cannot be used; the message says why.
        UnusableSchema: a newer version has written it.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = directory / FILE_NAME
        try:
            self._connection = connect(self._path)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The database {self._path} cannot be used: {error}.") from error
        self._transaction = SqliteTransaction(self._connection)
        self._work: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
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

    async def join(self, member: Member) -> None:
        """The only process that works on this file: nobody tells it anything."""
        await member.arrive_first()

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        tell: Callable[[T], Sequence[str]] | None = None,  # noqa: ARG002 - there is nobody to tell
    ) -> T:
        """Run `work` in the writer's thread, in a transaction of its own."""
        self._refuse_if_closed()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._work.put((work, future))
        return await future

    async def read(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        """Run `work` on a reader's connection; it sees the last commit."""
        self._refuse_if_closed()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read_now, work)

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

    def _write_all(self) -> None:
        while (job := self._work.get()) is not None:
            work, future = job
            try:
                result, error = self._write_now(work), None
            except BaseException as caught:  # noqa: BLE001 whatever it is, the caller is waiting for it
                result, error = None, caught
            future.get_loop().call_soon_threadsafe(_answer, future, result, error)

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

    def _reader_connection(self) -> sqlite3.Connection:
        """The connection of this reader's thread."""
        connection: sqlite3.Connection | None = getattr(self._reader, "connection", None)
        if connection is None:
            connection = self._reader.connection = connect_reader(self._path)
            self._reader.transaction = SqliteTransaction(connection)
            self._open.append(connection)
        return connection


def _answer(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
