"""The file, and the connections to it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from data_factory.store.promises import PATIENCE_S
from data_factory.store.sqlite.schema import migrate

FILE_NAME: Final = "data-factory.sqlite"

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a commit is on the disk when it returns
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -65536",  # 64 MiB
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
)


# The driver looks for an adapter of whatever is no number and no text, NULL too, and asks three objects for one before
# it takes it as it is. So it is given one: half of the parameters are NULL, and to bind them was half of an INSERT.
_AS_IT_IS: Final[dict[None, None]] = {}
sqlite3.register_adapter(type(None), _AS_IT_IS.get)


def connect(path: Path, patience: float = PATIENCE_S) -> sqlite3.Connection:
    """A connection for the writer, with the schema up to date. While another program has the file locked, it waits for
    half of our `patience`, in seconds: there may be somebody who waits for the one who waits.

    Raises:
        UnusableSchema: a newer version has written the file.
    """
    path.touch(mode=0o600)  # the files that SQLite puts beside it have the same mode
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=patience / 2
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path, patience: float = PATIENCE_S) -> sqlite3.Connection:
    """A connection that can only read, beside the writer."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=patience / 2
    )
    connection.execute("PRAGMA query_only = ON")
    return connection
