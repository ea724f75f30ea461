"""How the statements of the SQLite store are run."""

from __future__ import annotations

import operator
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeVar

import msgspec

from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord
from data_factory.store.promises import Scan, Slice
from data_factory.store.sqlite.statements import statements
from data_factory.store.statements import numbered

R = TypeVar("R", bound=msgspec.Struct)
E = TypeVar("E", JobExecutionRecord, TaskExecutionRecord)
Row = tuple[Any, ...]

_NUL: Final = "\\u0000"

_encode = msgspec.json.Encoder().encode
as_dict = msgspec.structs.asdict


class Session:
    """One connection, on which statements are run by their names."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = statements()
        self._pick: dict[str, Callable[[Row], Row]] = {}
        self._per_row: dict[str, tuple[str, Callable[[Any], Row]]] = {}
        self.statements_run = 0

    def _execute(self, name: str, **values: Any) -> sqlite3.Cursor:
        self.statements_run += 1
        return self._connection.execute(self._sql[name], values)

    def _execute_all(self, name: str, rows: Sequence[msgspec.Struct], *expected: Iterable[Any]) -> int:
        """Run a statement that writes, once a row, in one call; how many rows it has changed. Its last parameters are
        what is `expected` of each."""
        if not rows:
            return 0
        self.statements_run += 1
        sql, values_of = self._per_row.get(name) or self._prepared(name, len(expected))
        values = map(values_of, rows)
        if expected:
            values = map(operator.add, values, zip(*expected, strict=True))
        return self._connection.executemany(sql, values).rowcount

    def _prepared(self, name: str, expected: int) -> tuple[str, Callable[[Any], Row]]:
        """The statement with its parameters numbered, and what takes them out of a row: by name they take half as long
        again."""
        statement = numbered(self._sql[name], "?")
        fields = statement.parameters[: len(statement.parameters) - expected]
        self._per_row[name] = found = statement.sql, attrgetter(*fields)
        return found

    def _all(self, record: type[R], name: str, **values: Any) -> list[R]:
        cursor = self._execute(name, **values)
        pick = self._pick.get(name) or self._picker(record, name, cursor)
        return [record(*pick(row)) for row in cursor]

    def _one(self, record: type[R], name: str, **values: Any) -> R | None:
        found = self._all(record, name, **values)
        return found[0] if found else None

    def _listed(self, record: type[R], name: str, part: Slice, **values: Any) -> list[R]:
        return self._all(record, name, cursor=part.cursor, offset=part.offset, limit=part.limit, **values)

    def _listed_within(self, record: type[E], name: str, part: Slice, **values: Any) -> list[E]:
        """A part of a list of what may be large: its rows are read one by one, and no more than there is room for."""
        cursor = self._execute(name, cursor=part.cursor, offset=part.offset, limit=part.limit, **values)
        pick = self._pick.get(name) or self._picker(record, name, cursor)
        found: list[E] = []
        room = part.max_bytes
        while room >= 0 and (row := cursor.fetchone()) is not None:
            found.append(one := record(*pick(row)))
            room -= len(one.input) + len(one.output)
        cursor.close()
        return found

    def _scanned(self, record: type[R], name: str, scan: Scan, **values: Any) -> list[R]:
        """What a find looks at."""
        asked = {"since": scan.since, "until": scan.until, "window": scan.window, "limit": scan.limit}
        return self._all(record, name, cursor=scan.cursor, statuses=array(scan.statuses), **asked, **values)

    def _counts(self, name: str, **values: Any) -> dict[str, int]:
        return dict(self._execute(name, **values).fetchall())

    def _picker(self, record: type[R], name: str, cursor: sqlite3.Cursor) -> Callable[[Row], Row]:
        """Takes a record's fields out of a row by their names, so the order of columns does not matter."""
        columns = [column[0] for column in cursor.description]
        pick: Callable[[Row], Row] = itemgetter(*(columns.index(field) for field in record.__struct_fields__))
        self._pick[name] = pick
        return pick


def array(values: Iterable[Any]) -> str:
    """Values as the JSON array that `json_each` reads. It would read only what comes before a NUL; since nothing that
    is kept has one, what has one is left out."""
    wanted = list(values)
    array = _encode(wanted).decode()
    return (
        array if _NUL not in array else _encode([one for one in wanted if _NUL not in _encode(one).decode()]).decode()
    )
