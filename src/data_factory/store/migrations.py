"""How a schema changes: by numbered migrations, each of which runs *before* a version is deployed, or *after*.

- **before** adds. It disturbs no server that runs, however old, and needs no migration of kind *after*.
- **after** takes away what older versions need. It runs when none of them is left.

So a version works where all that it knows of kind *before* is done, be it ahead by more of that kind, and be what it
knows of kind *after* done or not. It cannot work where something of kind *after* has begun that it does not know. That
is all that lets the servers of two versions, next to each other or far apart, share a database.

A migration is a file `0002_name.before.sql` or `0002_name.after.sql`; `0001_first.sql` is where everything begins. One
whose first line is `-- not in a transaction` is run statement by statement (each ends a line with `;`), and from its
beginning again if that was interrupted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version
from importlib.resources import files
from typing import Final

import msgspec

VERSION: Final = version("data-factory")

_FILE: Final = re.compile(r"(?P<name>(?P<number>\d{4})_\w+)(\.(?P<kind>before|after))?\.sql")
_NO_TRANSACTION: Final = "-- not in a transaction\n"
_COMMENT: Final = re.compile(r"^\s*--.*\n", re.MULTILINE)
_STATEMENT_END: Final = re.compile(r";\s*$", re.MULTILINE)


class Kind(StrEnum):
    """When a migration runs: before a new version is deployed, or after."""

    BEFORE = "before"
    AFTER = "after"


class Migration(msgspec.Struct, frozen=True):
    """A change of the schema. The name begins with the number."""

    number: int
    name: str
    kind: Kind
    sql: str

    @property
    def in_transaction(self) -> bool:
        """Whether all of it is done or nothing."""
        return not self.sql.startswith(_NO_TRANSACTION)

    def statements(self) -> list[str]:
        """Its statements one by one, for a migration that cannot run in a transaction.

        >>> Migration(2, "0002_x", Kind.BEFORE, "-- not in a transaction\\nDROP a;\\nCREATE\\n  a;\\n").statements()
        ['DROP a', 'CREATE\\n  a']
        """
        return [one.strip() for one in _STATEMENT_END.split(_COMMENT.sub("", self.sql)) if one.strip()]


class Entry(msgspec.Struct, frozen=True):
    """What a database says of a migration: by which version it was begun, or done, and when. We may not know it."""

    number: int
    name: str
    kind: Kind
    done: bool
    version: str | None = None
    at: datetime | None = None


class Server(msgspec.Struct, frozen=True):
    """A server that is connected to a database, and the number of the newest migration that it knows."""

    name: str
    knows: int


class Schema(msgspec.Struct, frozen=True, rename="camel"):
    """The schema of a database, next to what this version knows.

    `next` is what is to be run on it, and `refusal` why this version cannot work on it as it is.
    """

    database: str
    version: str
    is_empty: bool
    migrations: tuple[Entry, ...]
    servers: tuple[Server, ...]
    next: Kind | None
    refusal: str | None


class MigrationRefused(Exception):
    """A migration cannot be run as things stand; the message says why and what to do."""


class MigrationFailed(Exception):
    """A migration was begun and could not be done; the message says why, and what is kept of it."""


def read_migrations(package: str) -> list[Migration]:
    """The migrations in a package's folder `migrations`, in their order.

    >>> read_migrations("data_factory.store.sqlite")[0].name
    '0001_first'
    """
    found = [(_FILE.fullmatch(file.name), file) for file in files(package).joinpath("migrations").iterdir()]
    made = [
        Migration(int(name["number"]), name["name"], Kind(name["kind"] or Kind.BEFORE), file.read_text("utf-8"))
        for name, file in found
        if name
    ]
    return sorted(made, key=lambda migration: migration.number)


def undone(known: Iterable[Migration], log: Iterable[Entry], kind: Kind | None = None) -> list[Migration]:
    """The migrations (of one kind) that are not done yet, in their order."""
    done = {entry.number for entry in log if entry.done}
    return [one for one in known if one.number not in done and kind in (None, one.kind)]


def too_new(known: Iterable[Migration], log: Iterable[Entry]) -> list[Entry]:
    """What was begun, be it done or not, that this version does not know and cannot work on."""
    numbers = {one.number for one in known}
    return [entry for entry in log if entry.kind is Kind.AFTER and entry.number not in numbers]


def newer_than(database: str, known: Iterable[Migration], log: Sequence[Entry]) -> str | None:
    """That a database belongs to newer versions by now, if it does."""
    newer = too_new(known, log)
    if not newer:
        return None
    version = newer[-1].version
    return (
        f"The database {database} was changed by {'a newer version' if version is None else f'version {version}'} of "
        f"Data Factory ({named(newer)}). This is version {VERSION}, which cannot work on it any more: install "
        f"{'a newer one' if version is None else f'{version} or newer'}."
    )


def refusal(database: str, known: Sequence[Migration], log: Sequence[Entry]) -> str | None:
    """Why this version cannot work on a database, and what to do; None if it can."""
    if newer := newer_than(database, known, log):
        return newer
    if missing := undone(known, log, Kind.BEFORE):
        return (
            f"The database {database} is not ready for Data Factory {VERSION}, which needs {named(missing)}. "
            "Run `data-factory migrate before`, with the same --database or DATABASE_URL."
        )
    return None


def schema(
    database: str,
    known: Sequence[Migration],
    log: Sequence[Entry],
    *,
    servers: Sequence[Server] = (),
    is_empty: bool = False,
    refusal: str | None = None,
) -> Schema:
    """What is to be said of a database."""
    rows = {one.number: Entry(one.number, one.name, one.kind, done=False) for one in known}
    rows |= {entry.number: entry for entry in log}
    waiting = None if is_empty or too_new(known, log) else undone(known, log, Kind.BEFORE) or undone(known, log)
    return Schema(
        database=database,
        version=VERSION,
        is_empty=is_empty,
        migrations=tuple(rows[number] for number in sorted(rows)),
        servers=tuple(servers),
        next=waiting[0].kind if waiting else None,
        refusal=refusal,
    )


def named(migrations: Sequence[Migration | Entry]) -> str:
    """Migrations in a sentence."""
    *most, last = [one.name for one in migrations]
    return f"{', '.join(most)} and {last}" if most else last
