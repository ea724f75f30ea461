"""The database, and the connections to it."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import asyncpg

from data_factory.store.migrations import VERSION
from data_factory.store.postgresql.schema import arrive
from data_factory.store.promises import PATIENCE_S

CONNECT_S: Final = 5.0

_SESSION: Final = {
    # A statement is planned once, on tables that may still be empty; with what is on then it would read whole tables
    # ever after. Everything that we ask has an index.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # The session of a machine that is gone without a word is ended, and lets go of what it holds.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
}

BE_DURABLE: Final = """
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
"""What was kept survives a power cut, whatever the server is set to; a stricter setting stays."""

_LONGEST_TRANSACTION: Final = 3
"""In patiences: its statements have one, and its COMMIT another."""

_END_WITHIN: Final = """
SELECT set_config('transaction_timeout', $1, false) WHERE current_setting('server_version_num')::int >= 170000
"""
"""A session whose client fell silent in the middle of a message counts neither as idle nor as running a statement, so
no other timeout ends it while its connection seems alive; it would keep its locks from everybody. PostgreSQL has this
one from version 17 on. Before that the keep-alive does it, unless something in between answers for the client."""


if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection


async def connect(url: str, patience: float = PATIENCE_S) -> Connection:
    """A connection. Nobody is held up for longer than `patience`, in seconds, by a statement, nor by a process that
    stopped in the middle of a transaction: the database ends them.

    Raises:
        UnusableSchema: this version cannot work on the schema of the database.
    """
    longest = str(round(patience * 1000))
    connection = await asyncpg.connect(
        url,
        timeout=patience,
        server_settings={
            **_SESSION,
            "application_name": program(),
            "statement_timeout": longest,
            "idle_in_transaction_session_timeout": longest,
        },
        statement_cache_size=512,
        max_cached_statement_lifetime=0,
    )
    try:
        async with asyncio.timeout(patience):
            await arrive(connection, shown(url))
            await connection.execute(BE_DURABLE)
            await connection.execute(_END_WITHIN, str(_LONGEST_TRANSACTION * round(patience * 1000)))
    except BaseException:
        connection.terminate()
        raise
    return connection


def shown(url: str) -> str:
    """The address of a database without its password.

    >>> shown("postgresql://me:secret@db.example/factory?sslmode=require")
    'postgresql://me@db.example/factory'
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{user.partition(':')[0]}{at}{host}{parts.path}"


def program() -> str:
    """Who we are, for those who look at the sessions of the database: at most 63 characters are kept."""
    return f"data-factory {VERSION} at {socket.gethostname()}, process {os.getpid()}"
