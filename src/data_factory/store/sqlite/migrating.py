"""Changing the schema of a file without a server: as its next start would."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from data_factory.store.migrations import Schema, newer_than, schema
from data_factory.store.promises import StoreUnavailable
from data_factory.store.sqlite.database import FILE_NAME, connect, connect_reader
from data_factory.store.sqlite.lock import DirectoryLock
from data_factory.store.sqlite.schema import migration_log
from data_factory.store.sqlite.statements import migrations


def look(directory: Path) -> Schema:
    """What schema the file in a data directory has; a server may be at work on it.

    Raises:
        StoreUnavailable: the file cannot be read; the message says why.
    """
    path = directory / FILE_NAME
    if not path.exists():
        return schema(str(path), migrations(), [], is_empty=True)
    try:
        with closing(connect_reader(path)) as connection:
            log = migration_log(connection)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"The database {path} cannot be read: {error}.") from error
    return schema(str(path), migrations(), log, is_empty=not log, refusal=newer_than(str(path), migrations(), log))


def migrate(directory: Path, say: Callable[[str], None]) -> None:
    """Run everything that is to be run; it does not matter whether that is for before or after a deployment.

    `say` is told what happens.

    Raises:
        DirectoryInUse: a server is at work.
        UnusableSchema: a newer version has written the file.
        StoreUnavailable: it did not work, and nothing of the migration that failed is kept; the message says why.
    """
    lock = DirectoryLock(directory, "migrates it")
    path = directory / FILE_NAME
    before = look(directory)
    try:
        connect(path).close()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"The database {path} cannot be migrated: {error}.") from error
    finally:
        lock.release()
    for one in before.migrations:
        if not one.done:
            say(f"{one.name}: done.")
