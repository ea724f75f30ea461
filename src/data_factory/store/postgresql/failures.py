"""What an error of PostgreSQL, or of the way to it, means to whoever asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from data_factory.store.promises import ImpossibleWrite, StaleWrite, StoreUnavailable, UnusableSchema

GONE_WRONG: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says of one that was ended while nobody was looking
    UnusableSchema,  # a new one finds that newer servers have taken over
)
"""All that a connection can raise."""

_PASSING: Final = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX"})
"""Classes of SQLSTATE that the machine or the moment is to blame for, and not the statement: connection, read-only or
cut transaction, rolled back by the server, no resources (a full disk), locks, shut down or timed out, files."""

_ENDING: Final = frozenset({"57P01", "57P02", "57P05", "25P03", "25P04"})
"""The server ends the connection: it stops, or has waited for us too long."""

_AGAIN: Final = (
    asyncpg.TransactionRollbackError,  # a deadlock, or no order in which both could have come
    asyncpg.InvalidCachedStatementError,  # a migration has changed the table; asyncpg prepares it anew
    asyncpg.OutdatedSchemaCacheError,
    asyncpg.UniqueViolationError,  # another transaction made it first: the work will find it
    StaleWrite,
)


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that it is not known what became of the last statement."""
    if isinstance(error, asyncpg.PostgresError):
        return isinstance(error, asyncpg.PostgresConnectionError) or error.sqlstate in _ENDING
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # that is a value that cannot be sent: a mistake of ours
    return isinstance(error, GONE_WRONG)


def may_pass(error: BaseException) -> bool:
    """Whether the same work, of which nothing was kept, may succeed at once."""
    return isinstance(error, _AGAIN) or (is_lost(error) and not isinstance(error, TimeoutError))


def meaning_of(error: Exception) -> Exception:
    """The error that a store promises; the error itself when it is not PostgreSQL's, or is a mistake of ours.

    >>> meaning_of(asyncpg.UniqueViolationError("duplicate key"))
    ImpossibleWrite('duplicate key')
    """
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return ImpossibleWrite(str(error))
    if isinstance(error, asyncpg.PostgresError):
        return StoreUnavailable() if (error.sqlstate or "")[:2] in _PASSING else error
    return StoreUnavailable() if is_lost(error) else error


@contextmanager
def in_our_words() -> Iterator[None]:
    """What goes wrong in here is told as the error that a store promises."""
    try:
        yield
    except Exception as error:
        meaning = meaning_of(error)
        if meaning is error:
            raise
        raise meaning from error
