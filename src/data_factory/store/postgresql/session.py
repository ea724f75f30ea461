"""How the statements of the PostgreSQL store are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from asyncpg import Connection, Record

from data_factory.store.postgresql.statements import statements
from data_factory.store.promises import Scan, Slice
from data_factory.store.promises.failures import expect

R = TypeVar("R", bound=msgspec.Struct)
Row = tuple[Any, ...]

as_dict = msgspec.structs.asdict
_as_tuple = msgspec.structs.astuple

_pick: dict[tuple[type, tuple[str, ...]], Callable[[Record], Row]] = {}
"""What takes the fields of a kind of record out of a row with these columns: a migration may change them under us."""


class Session:
    """One connection, on which questions are asked by their names."""

    def __init__(self, connection: Connection[Record]) -> None:
        self._connection = connection
        self._sql = statements()
        self.statements_run = 0

    async def _fetch(self, name: str, **values: Any) -> list[Record]:
        """The rows of a question. Nothing that is kept has a NUL, and PostgreSQL takes none, so what has one finds
        nothing."""
        if any(isinstance(value, str) and "\0" in value for value in values.values()):
            return []
        statement = self._sql[name]
        self.statements_run += 1
        return await self._connection.fetch(statement.sql, *[values[name] for name in statement.parameters])

    async def _all(self, record: type[R], name: str, **values: Any) -> list[R]:
        rows = await self._fetch(name, **values)
        if not rows:
            return []
        names = tuple(rows[0].keys())
        pick = _pick.get((record, names)) or _picker(record, names)
        return [record(*pick(row)) for row in rows]

    async def _one(self, record: type[R], name: str, **values: Any) -> R | None:
        found = await self._all(record, name, **values)
        return found[0] if found else None

    async def _listed(self, record: type[R], name: str, part: Slice, **values: Any) -> list[R]:
        return await self._all(record, name, cursor=part.cursor, offset=part.offset, limit=part.limit, **values)

    async def _listed_within(self, record: type[R], name: str, part: Slice, **values: Any) -> list[R]:
        return await self._listed(record, name, part, max_bytes=part.max_bytes, **values)

    async def _scanned(self, record: type[R], name: str, scan: Scan, **values: Any) -> list[R]:
        """What a find looks at."""
        asked = {"since": scan.since, "until": scan.until, "window": scan.window, "limit": scan.limit}
        return await self._all(record, name, cursor=scan.cursor, statuses=list(scan.statuses), **asked, **values)

    async def _counts(self, name: str, **values: Any) -> dict[str, int]:
        return {row[0]: row[1] for row in await self._fetch(name, **values)}

    async def _names(self, name: str, **values: Any) -> list[str]:
        return [row[0] for row in await self._fetch(name, **values)]


class WritingSession(Session):
    """One connection, on which statements that write are run, too."""

    wrote = False
    """Whether anything was written, so that it matters whether it was kept."""

    async def _execute(self, name: str, **values: Any) -> int:
        """Run a statement that writes; how many rows it has changed."""
        statement = self._sql[name]
        self.statements_run += 1
        self.wrote = True
        status = await self._connection.execute(statement.sql, *[values[name] for name in statement.parameters])
        return int(status.rpartition(" ")[2])

    async def _insert_all(self, name: str, rows: Sequence[msgspec.Struct]) -> None:
        if rows:
            await self._execute(name, **arrays(rows))

    async def _update_all(self, name: str, rows: Sequence[msgspec.Struct], **expected: list[Any]) -> None:
        if rows:
            expect(len(rows), await self._execute(name, **arrays(rows), **expected))


def texts(values: Iterable[str]) -> list[str]:
    """Values as an array, without those that cannot be found because they have a NUL."""
    return [value for value in values if "\0" not in value]


def columns(rows: Iterable[Row], width: int) -> list[list[Any]]:
    """Rows as one array a column, without the rows that cannot be found because they have a NUL."""
    found = [row for row in rows if not any(isinstance(value, str) and "\0" in value for value in row)]
    return [list(column) for column in zip(*found, strict=True)] or [[] for _ in range(width)]


def _picker(record: type[R], names: tuple[str, ...]) -> Callable[[Record], Row]:
    """Takes fields by the place of their columns, which is faster than by name; their order does not matter."""
    pick: Callable[[Record], Row] = itemgetter(*(names.index(field) for field in record.__struct_fields__))
    _pick[record, names] = pick
    return pick


def arrays(rows: Sequence[msgspec.Struct]) -> dict[str, list[Any]]:
    """Rows as one array a field."""
    values = zip(*map(_as_tuple, rows), strict=True)
    return {name: list(column) for name, column in zip(rows[0].__struct_fields__, values, strict=True)}
