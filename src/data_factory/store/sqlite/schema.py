"""The schema of a file. One process works on it, so there is no before and after: all is done when it is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from data_factory.store.migrations import Entry, Kind, newer_than, undone
from data_factory.store.promises import UnusableSchema
from data_factory.store.sqlite.statements import migrations


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date, each migration in a transaction of its own.

    Raises:
        UnusableSchema: a newer version has written the file.
    """
    log = migration_log(connection)
    if reason := newer_than(str(path), migrations(), log):
        raise UnusableSchema(reason)
    for one in undone(migrations(), log):
        connection.executescript(f"BEGIN IMMEDIATE;\n{one.sql}\nPRAGMA user_version = {one.number:d};\nCOMMIT;")


def migration_log(connection: sqlite3.Connection) -> list[Entry]:
    """The migrations that are done. The file has the number of the last one, and nothing of what it is if we do not
    know it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    log = [Entry(one.number, one.name, one.kind, done=True) for one in migrations() if one.number <= version]
    if version > migrations()[-1].number:
        log.append(Entry(version, f"schema {version}", Kind.AFTER, done=True))
    return log
