"""A data directory as the source or the target of a copy."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from data_factory.store.copying import CopyFailed, CopyRefused, Kind, Row, Table, batches, kinds, quoted
from data_factory.store.migrations import named, newer_than, undone
from data_factory.store.sqlite.database import FILE_NAME, connect, connect_reader
from data_factory.store.sqlite.lock import DirectoryInUse, DirectoryLock
from data_factory.store.sqlite.schema import migration_log
from data_factory.store.sqlite.statements import migrations

DRAFT_NAME: Final = f"{FILE_NAME}.copy"
"""The file in which a copy is made. It gets its name when it is whole."""

_TABLES: Final = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%'"
)
_COLUMNS: Final = "SELECT name, type, pk FROM pragma_table_xinfo(?) WHERE hidden = 0"
_KINDS: Final[dict[str, Kind]] = {
    "TEXT": "text",
    "INTEGER": "integer",
    "INT": "integer",
    "REAL": "real",
    "BLOB": "bytes",
}

_BEGIN: Final = (
    "PRAGMA journal_mode = OFF",  # the file is thrown away if anything happens
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -8192",  # 8 MiB: each page is written once
    "BEGIN",
    "PRAGMA defer_foreign_keys = ON",
)
_END: Final = ("COMMIT", "PRAGMA journal_mode = WAL", "PRAGMA wal_checkpoint(TRUNCATE)")


class SqliteTables:
    """The tables of a file, through one connection, in one transaction."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    async def tables(self) -> list[Table]:
        """All tables. References are looked at when the transaction ends, so their order does not matter."""
        with _explained(self._path, "read"):
            return [self._table(name) for (name,) in self._connection.execute(_TABLES).fetchall()]

    async def count(self, table: Table) -> int:
        """How many rows a table has."""
        with _explained(self._path, "read"):
            return int(self._connection.execute(table.count()).fetchone()[0])

    async def rows(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        """The rows of a table."""
        for batch in batches(self._rows(table)):
            yield batch

    async def fill(self, table: Table, batches: AsyncIterator[Sequence[Row]]) -> None:
        """Insert the rows of a table. What is inserted later takes the number after the highest one by itself."""
        columns, places = ", ".join(map(quoted, table.names)), ", ".join("?" * len(table.columns))
        insert = f"INSERT INTO {quoted(table.name)} ({columns}) VALUES ({places})"  # noqa: S608 - quoted
        async for batch in batches:
            with _explained(self._path, "written"):
                self._connection.executemany(insert, batch)

    def _rows(self, table: Table) -> Iterator[Row]:
        with _explained(self._path, "read"):
            yield from self._connection.execute(table.select())

    def _table(self, name: str) -> Table:
        columns = self._connection.execute(_COLUMNS, [name]).fetchall()
        key = sorted((place, column) for column, _, place in columns if place)
        declared = {column: type for column, type, _ in columns}
        return Table(name, kinds(name, declared, _KINDS), tuple(column for _, column in key))


@contextmanager
def source(directory: Path, *, running: bool = False) -> Iterator[SqliteTables]:
    """What a data directory holds. Nobody changes it meanwhile, unless a server may be `running` on it.

    Raises:
        CopyRefused: there is nothing, it is in use, or it has another schema.
        CopyFailed: it cannot be read.
    """
    path = directory / FILE_NAME
    if not path.is_file():
        raise CopyRefused(f"There is no Data Factory in {directory}: it has no {FILE_NAME}.")
    with ExitStack() as stack:
        if not running:
            stack.callback(_lock(directory, "copies it").release)
        with _explained(path, "read"):
            connection = stack.enter_context(closing(connect_reader(path)))
            connection.execute("BEGIN")
            _refuse_another_schema(path, connection)
        yield SqliteTables(path, connection)


@contextmanager
def target(directory: Path) -> Iterator[SqliteTables]:
    """An empty data directory to be filled. When this ends well, and only then, a server can be started on it.

    Raises:
        CopyRefused: it is not empty, or in use.
        CopyFailed: it cannot be written.
    """
    path, draft = directory / FILE_NAME, directory / DRAFT_NAME
    with ExitStack() as stack:
        stack.callback(_lock(directory, "copies to it").release)
        with _explained(path, "read"):
            _refuse_data(path)
        with _explained(draft, "written"):
            _remove(draft)  # of a copy that was killed
            stack.callback(_remove, draft)
            connection = stack.enter_context(closing(connect(draft)))
            for statement in _BEGIN:
                connection.execute(statement)
        yield SqliteTables(draft, connection)
        with _explained(draft, "written"):
            for statement in _END:
                connection.execute(statement)
            connection.close()
            _put_in_place(draft, path)


def _put_in_place(draft: Path, path: Path) -> None:
    """Give it its name, in one step, once it is on the disk. In its place there is nothing, or a file without data."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    _remove(path)
    draft.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _remove(path: Path) -> None:
    """Remove a database: itself first, because without it what SQLite has put beside it means nothing."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _refuse_data(path: Path) -> None:
    if not path.exists():
        return
    with closing(connect_reader(path)) as connection:
        for (name,) in connection.execute(_TABLES).fetchall():
            if connection.execute(f"SELECT EXISTS (SELECT 1 FROM {quoted(name)})").fetchone()[0]:  # noqa: S608 - quoted
                raise CopyRefused(f"The data directory {path.parent} is not empty: give one that has no {FILE_NAME}.")


def _refuse_another_schema(path: Path, connection: sqlite3.Connection) -> None:
    log = migration_log(connection)
    if reason := newer_than(str(path), migrations(), log):
        raise CopyRefused(reason)
    if waiting := undone(migrations(), log):
        raise CopyRefused(
            f"The database {path} is of an older version: {named(waiting)} is to be run. The next server that starts "
            f"on it does that, or `data-factory migrate {waiting[0].kind} --data-dir {path.parent}`."
        )


def _lock(directory: Path, doing: str) -> DirectoryLock:
    try:
        return DirectoryLock(directory, doing)
    except DirectoryInUse as error:
        raise CopyRefused(str(error)) from error
    except OSError as error:
        raise CopyRefused(f"The data directory {directory} cannot be used: {error.strerror}.") from error


@contextmanager
def _explained(path: Path, verb: str) -> Iterator[None]:
    """What SQLite or the disk does not do is told with the file's name."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise CopyFailed(f"The database {path} cannot be {verb}: {error}.") from error
