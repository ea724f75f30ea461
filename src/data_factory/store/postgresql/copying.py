"""A database as the source or the target of a copy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from graphlib import TopologicalSorter
from typing import Final

import asyncpg

from data_factory.store.copying import BATCH_BYTES, CopyFailed, CopyRefused, Kind, Row, Table, kinds, quoted
from data_factory.store.migrations import named, undone
from data_factory.store.postgresql.database import BE_DURABLE, CONNECT_S, Connection, shown
from data_factory.store.postgresql.failures import GONE_WRONG, is_lost
from data_factory.store.postgresql.migrating import prepare
from data_factory.store.postgresql.peers import AT_WORK
from data_factory.store.postgresql.schema import arrive, migration_log
from data_factory.store.postgresql.statements import migrations, statements
from data_factory.store.promises import StoreUnavailable, UnusableSchema

OWN: Final = frozenset({"commits", "schema_migrations"})
"""Tables that mean something to one database only."""

_KINDS: Final[dict[str, Kind]] = {
    "text": "text",
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "double precision": "real",
    "bytea": "bytes",
}
_MOMENTS_S: Final = (0.05, 0.1, 0.2, 0.4)

_SESSION: Final = {
    "application_name": "data-factory store copy",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "10s",
    "jit": "off",
}
_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SIZES: Final = 1_000

_WRONG: Final = (*GONE_WRONG, ValueError, OverflowError)
"""The last two are values that a column cannot have."""


class PostgresqlTables:
    """The tables of a database, through one connection, in one transaction."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._counters: dict[str, list[str]] = {}

    async def tables(self) -> list[Table]:
        """All tables but `OWN`, each after those that it refers to."""
        with _explained(self._name, "read"):
            columns = await self._connection.fetch(statements()["columns_of_tables"].sql)
            references = await self._connection.fetch(statements()["references_of_tables"].sql)
        by_table: dict[str, list[asyncpg.Record]] = {}
        for column in columns:
            if column["table_name"] not in OWN:
                by_table.setdefault(column["table_name"], []).append(column)
        order = TopologicalSorter({name: set[str]() for name in sorted(by_table)})
        for row in references:
            order.add(row["table_name"], row["refers_to"])
        return [self._table(name, by_table[name]) for name in order.static_order()]

    async def count(self, table: Table) -> int:
        """How many rows a table has."""
        with _explained(self._name, "read"):
            return int(await self._connection.fetchval(table.count()))

    async def rows(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        """The rows of a table. How large the next ones are is asked before they are fetched, which reads none of it."""
        collation = ' COLLATE "C"'
        with _explained(self._name, "read"):
            sizes = await self._connection.cursor(table.select(_size(table), collation))
            rows = await self._connection.cursor(table.select(collation=collation))
            while ahead := await sizes.fetch(_SIZES):
                for number in _parts(size for (size,) in ahead):
                    yield [tuple(row) for row in await rows.fetch(number)]

    async def fill(self, table: Table, batches: AsyncIterator[Sequence[Row]]) -> None:
        """Insert the rows of a table, and let the numbers of those that come later begin after them."""
        columns = table.names
        texts = [place for place, name in enumerate(columns) if table.columns[name] == "text"]

        async def rows() -> AsyncIterator[Row]:
            async for batch in batches:
                for row in batch:
                    if any(row[place] is not None and "\0" in row[place] for place in texts):
                        raise CopyFailed(_has_nul(table, row))
                    yield row

        with _explained(self._name, f"written ({table.name})"):
            await self._connection.copy_records_to_table(table.name, records=rows(), columns=columns)
            for counter in self._counters.get(table.name, []):
                await self._count_on(table, counter)
            await self._connection.execute(f"ANALYZE {quoted(table.name)}")

    async def _count_on(self, table: Table, counter: str) -> None:
        name, column = quoted(table.name), quoted(counter)
        last = await self._connection.fetchval(f"SELECT coalesce(max({column}), 0) FROM {name}")  # noqa: S608 - quoted
        await self._connection.execute(f"ALTER TABLE {name} ALTER COLUMN {column} RESTART WITH {last + 1:d}")

    def _table(self, name: str, columns: Sequence[asyncpg.Record]) -> Table:
        self._counters[name] = [column["name"] for column in columns if column["counts"]]
        key = sorted(
            (column["place_in_key"], column["name"]) for column in columns if column["place_in_key"] is not None
        )
        declared = {column["name"]: column["type"] for column in columns}
        return Table(name, kinds(name, declared, _KINDS), tuple(column for _, column in key))


@asynccontextmanager
async def source(url: str, *, running: bool = False) -> AsyncIterator[PostgresqlTables]:
    """What a database holds. Nobody changes it meanwhile, unless servers may be `running` on it.

    Raises:
        CopyRefused: there is nothing, it is in use, or it has another schema.
        CopyFailed: it cannot be read.
        StoreUnavailable: it cannot be reached.
    """
    async with _connected(url) as connection:
        tables = PostgresqlTables(connection, shown(url))
        with _explained(shown(url), "read"):
            await _refuse_another_schema(connection, url)
            if not running:
                await _be_alone(connection, url)
            names = ", ".join(quoted(table.name) for table in await tables.tables())
            await connection.execute(_SNAPSHOT)
            if not running:
                await connection.execute(f"LOCK TABLE {names} IN SHARE MODE")
        yield tables


@asynccontextmanager
async def target(url: str) -> AsyncIterator[PostgresqlTables]:
    """An empty database to be filled. When this ends well, and only then, there is something in it.

    Raises:
        CopyRefused: it is not empty, or in use.
        CopyFailed: it cannot be written.
        StoreUnavailable: it cannot be reached.
    """
    async with _connected(url) as connection:
        tables = PostgresqlTables(connection, shown(url))
        with _explained(shown(url), "written"):
            await _be_alone(connection, url)
            await _refuse_data(connection, tables, url)
            with _refused():
                await prepare(url)
                await arrive(connection, shown(url))
            await connection.execute(BE_DURABLE)
            await connection.execute("BEGIN")
        yield tables
        try:
            await connection.execute("COMMIT")
        except _WRONG as error:
            kept = "It is not known whether the copy was kept: all of it was, or nothing." if is_lost(error) else ""
            raise CopyFailed(f"The database {shown(url)} did not end the copy: {error}. {kept}".strip()) from error


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    """A connection that may take its time. What was not committed when it is closed is rolled back."""
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_S, server_settings=_SESSION)
    except (*GONE_WRONG, ValueError) as error:
        why = str(error) or type(error).__name__
        raise StoreUnavailable(f"The database {shown(url)} cannot be reached: {why}") from error
    try:
        yield connection
    finally:
        with suppress(*GONE_WRONG):
            await connection.close(timeout=CONNECT_S)


async def _be_alone(connection: Connection, url: str) -> None:
    """No server is at work on the database, and none can begin before the connection is closed. PostgreSQL may take a
    moment to see that one has stopped."""
    for seconds in (*_MOMENTS_S, None):
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", AT_WORK):
            return
        if seconds is not None:
            await asyncio.sleep(seconds)
    raise CopyRefused(f"Servers are at work on the database {shown(url)}, or another copy is being made. Stop them.")


async def _refuse_data(connection: Connection, tables: PostgresqlTables, url: str) -> None:
    for table in await tables.tables():
        if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {quoted(table.name)})"):  # noqa: S608 - quoted
            raise CopyRefused(f"The database {shown(url)} is not empty: {table.name} has rows. Give an empty one.")


async def _refuse_another_schema(connection: Connection, url: str) -> None:
    log = await migration_log(connection)
    if not log:
        raise CopyRefused(f"There is no Data Factory in the database {shown(url)}.")
    with _refused():
        await arrive(connection, shown(url))
    if waiting := undone(migrations(), log):
        raise CopyRefused(
            f"The database {shown(url)} is on its way to this version: {named(waiting)} is to be run. Finish that "
            f"first: `data-factory migrate {waiting[0].kind}`."
        )


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except UnusableSchema as error:
        raise CopyRefused(str(error)) from error


def _size(table: Table) -> str:
    """The bytes of a row, without reading what is kept elsewhere because it is large."""
    large = [quoted(name) for name, kind in table.columns.items() if kind in ("text", "bytes")]
    return " + ".join(["8", *(f"coalesce(octet_length({name}), 0)" for name in large)])


def _parts(sizes: Iterator[int]) -> Iterator[int]:
    """How many rows make a batch each, of rows with these sizes.

    >>> list(_parts(iter([1, 2, 3_000_000, 4])))
    [3, 1]
    """
    number = total = 0
    for size in sizes:
        number += 1
        total += size
        if total >= BATCH_BYTES:
            yield number
            number = total = 0
    if number:
        yield number


def _has_nul(table: Table, row: Row) -> str:
    values = dict(zip(table.names, row, strict=True))
    column = next(name for name, value in values.items() if isinstance(value, str) and "\0" in value)
    key = ", ".join(str(values[name]) for name in table.key)
    return f"{table.name}.{column} has a NUL character in the row {key}, which PostgreSQL cannot keep."


@contextmanager
def _explained(name: str, verb: str) -> Iterator[None]:
    """What PostgreSQL, or the way to it, does not do is told with the name of the database."""
    try:
        yield
    except _WRONG as error:
        raise CopyFailed(f"The database {name} cannot be {verb}: {str(error) or type(error).__name__}") from error
