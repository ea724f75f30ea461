"""All that a store holds, copied into another one that is empty, and compared with it there.

What there is to be copied is asked of the two stores and written down nowhere, so no table and no column is forgotten
when one is added. Rows pass through in batches of about a megabyte, however many and however large they are.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

import msgspec

Row = tuple[Any, ...]
Kind = Literal["text", "integer", "real", "bytes"]
Step = Literal["copying", "checking"]

BATCH_BYTES: Final = 1_000_000
"""About how much of a table is in memory at a time; one row may be larger."""

_VALUE_BYTES: Final = 8

_encode: Final = msgspec.msgpack.Encoder().encode


class CopyRefused(Exception):
    """Nothing can be copied as things stand; the message says why and what to do. Nothing was touched."""


class CopyFailed(Exception):
    """The copy was begun and could not be finished, and nothing of it was kept; the message says why."""


class Table(msgspec.Struct, frozen=True):
    """A table as its schema has it: the kind of each column, by its name, and the columns of its key, in their order.

    Its SQL is put together here, because it is about tables that nobody has named.

    >>> table = Table("jobs", {"id": "text", "title": "text"}, ("id",))
    >>> table.select()
    'SELECT "id", "title" FROM "jobs" ORDER BY "id"'
    """

    name: str
    columns: Mapping[str, Kind]
    key: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order in which a row has them: by their names, so that it is the same everywhere."""
        return tuple(sorted(self.columns))

    def select(self, what: str = "", collation: str = "") -> str:
        """The question for all rows, or for something of each, in the order of the key; text in this collation."""
        order = [quoted(name) + (collation if self.columns[name] == "text" else "") for name in self.key]
        what = what or ", ".join(map(quoted, self.names))
        return f"SELECT {what} FROM {quoted(self.name)} ORDER BY {', '.join(order)}"  # noqa: S608 - quoted

    def count(self) -> str:
        """The question for the number of its rows."""
        return f"SELECT count(*) FROM {quoted(self.name)}"  # noqa: S608 - quoted


class Copied(msgspec.Struct, frozen=True):
    """What was copied of a table. `sha256` is of its rows in the order of their key, and the same in every store."""

    table: str
    rows: int
    bytes: int
    sha256: str


class Source(Protocol):
    """A store as it was at one moment."""

    async def tables(self) -> list[Table]:
        """Its tables, save those that only mean something to a store of this kind."""
        ...

    async def count(self, table: Table) -> int:
        """How many rows a table has."""
        ...

    def rows(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        """The rows of a table, in the order of its key."""
        ...


class Target(Source, Protocol):
    """An empty store in which nothing is seen, nor kept, before all is."""

    async def tables(self) -> list[Table]:
        """Its tables, each after those that it refers to."""
        ...

    async def fill(self, table: Table, batches: AsyncIterator[Sequence[Row]]) -> None:
        """Insert the rows of a table, so that what is inserted later comes after them.

        Raises:
            CopyFailed: there is something among them that cannot be kept here.
        """
        ...


class Watch(Protocol):
    """Is told how far a copy has come."""

    def begin(self, step: Step, rows: int) -> None:
        """A step begins, in which so many rows are looked at."""
        ...

    def pass_by(self, table: str, rows: int, bytes: int) -> None:
        """More rows of a table were looked at."""
        ...


async def copy(source: Source, target: Target, watch: Watch) -> list[Copied]:
    """Copy every table, read all of it back, and compare.

    Raises:
        CopyRefused: the two have different schemas.
        CopyFailed: what was written is not what was read, or could not be written.
    """
    tables = await target.tables()
    _compare(await source.tables(), tables)
    rows = sum([await source.count(table) for table in tables])
    watch.begin("copying", rows)
    read = []
    for table in tables:
        tally = Tally(table, watch)
        await target.fill(table, tally.over(source.rows(table)))
        read.append(tally.copied())
    watch.begin("checking", rows)
    for table, expected in zip(tables, read, strict=True):
        tally = Tally(table, watch)
        async for _ in tally.over(target.rows(table)):
            pass
        if (found := tally.copied()) != expected:
            raise CopyFailed(
                f"{table.name} is not what it should be: {expected.rows} rows with the checksum {expected.sha256} were "
                f"read from the source, {found.rows} with {found.sha256} from the target."
            )
    return sorted(read, key=lambda copied: copied.table)


class Tally:
    """Counts the rows of a table that pass, and takes their checksum."""

    def __init__(self, table: Table, watch: Watch) -> None:
        self._table = table
        self._watch = watch
        self._rows = 0
        self._bytes = 0
        self._checksum = hashlib.sha256()

    async def over(self, batches: AsyncIterator[Sequence[Row]]) -> AsyncIterator[Sequence[Row]]:
        """The same batches."""
        async for batch in batches:
            size = 0
            for row in batch:
                encoded = _encode(row)
                self._checksum.update(encoded)
                size += len(encoded)
            self._rows += len(batch)
            self._bytes += size
            yield batch
            self._watch.pass_by(self._table.name, len(batch), size)
            await asyncio.sleep(0)  # a store may never wait for anything, and Ctrl-C would not be heard

    def copied(self) -> Copied:
        """What has passed."""
        return Copied(self._table.name, self._rows, self._bytes, self._checksum.hexdigest())


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in batches, of which each has about the bytes that one may have."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum([_VALUE_BYTES + (len(value) if isinstance(value, str | bytes) else 0) for value in row])
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def kinds(table: str, declared: Mapping[str, str], known: Mapping[str, Kind]) -> dict[str, Kind]:
    """The kinds of columns that are declared with these types.

    Raises:
        CopyRefused: the type of a column has none.
    """
    for name, type in declared.items():
        if type not in known:
            raise CopyRefused(f"{table}.{name} is declared as {type}, of which no copy can be made.")
    return {name: known[type] for name, type in declared.items()}


def quoted(name: str) -> str:
    """A name as both databases read it, whatever it has in it.

    >>> quoted('5" disks')
    '"5"" disks"'
    """
    return '"' + name.replace('"', '""') + '"'


def _compare(source: Iterable[Table], target: Iterable[Table]) -> None:
    there, here = ({table.name: table for table in tables} for tables in (source, target))
    if differing := sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name)):
        raise CopyRefused(
            f"The source and the target are not alike in {', '.join(differing)}: both must have what this version of "
            "Data Factory makes, and nothing else."
        )
