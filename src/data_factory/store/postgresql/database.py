"""The database, and the connections to it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import asyncpg

from data_factory.store.migrations import VERSION
from data_factory.store.postgresql.schema import arrive

CONNECT_S: Final = 5.0
ANSWER_S: Final = 20.0
"""The longest that a statement may take, the way to the server and back included."""

CONNECTIONS: Final = 10

_SESSION: Final = {
    # A statement is planned once, on tables that may still be empty; with what is on then it would read whole tables
    # ever after. Everything that we ask has an index.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # A process that stopped in the middle of something holds up nobody for longer than this.
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "10s",
}


if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection


class Connection(_Connection):
    """A connection that is as it was when it is given back: nobody changes the settings of its session."""

    def get_reset_query(self) -> str:
        return ""


async def connect(url: str) -> asyncpg.Connection[asyncpg.Record]:
    """A connection of its own.

    Raises:
        UnusableSchema: this version cannot work on the schema of the database.
    """
    connection = await asyncpg.connect(
        url, timeout=CONNECT_S, command_timeout=ANSWER_S, server_settings=_session(), connection_class=Connection
    )
    try:
        await arrive(connection, shown(url))
    except BaseException:
        connection.terminate()
        raise
    return connection


def pool(url: str) -> asyncpg.Pool[asyncpg.Record]:
    """Connections that are made as they are needed, and kept; each raises `UnusableSchema` as `connect` does."""

    async def begin(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await arrive(connection, shown(url))
        await _be_durable(connection)

    return asyncpg.create_pool(
        url,
        min_size=0,
        max_size=CONNECTIONS,
        max_queries=2**62,
        init=begin,
        connection_class=Connection,
        timeout=CONNECT_S,
        command_timeout=ANSWER_S,
        server_settings=_session(),
        statement_cache_size=512,
        max_cached_statement_lifetime=0,
    )


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


def _session() -> dict[str, str]:
    return {**_SESSION, "application_name": program()}


async def _be_durable(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """What was kept survives a power cut, whatever the server is set to; a stricter setting stays."""
    await connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
