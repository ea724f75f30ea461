"""What an error of SQLite means to whoever asked."""

from __future__ import annotations

import sqlite3
from typing import Final

from data_factory.store.promises import ImpossibleWrite, StoreUnavailable

_PASSING: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
"""What the machine is to blame for, and not the statement."""


def meaning_of(error: sqlite3.Error) -> Exception:
    """The error that a store promises; the error itself when it is a mistake of ours.

    >>> meaning_of(sqlite3.IntegrityError("UNIQUE constraint failed: tasks.id"))
    ImpossibleWrite('UNIQUE constraint failed: tasks.id')
    """
    if isinstance(error, sqlite3.IntegrityError):
        return ImpossibleWrite(str(error))
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING:
        return StoreUnavailable()
    return error
