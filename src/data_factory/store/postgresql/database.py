"""The database, its connections and its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import asyncpg

from data_factory.store.postgresql.failures import GONE_WRONG
from data_factory.store.postgresql.statements import migrations, statements
from data_factory.store.promises import SchemaTooNew, StoreUnavailable

CONNECT_S: Final = 5.0
ANSWER_S: Final = 20.0
"""The longest that a statement may take, the way to the server and back included."""

CONNECTIONS: Final = 10

_SESSION: Final = {
    "application_name": "data-factory",
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

_MIGRATING: Final = 0x64617461
"""The advisory lock of the one that changes the schema."""

_WRONG: Final = (*GONE_WRONG, ValueError)


if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection


class Connection(_Connection):
    """A connection that is as it was when it is given back: nobody changes the settings of its session."""

    def get_reset_query(self) -> str:
        return ""


async def connect(url: str) -> asyncpg.Connection[asyncpg.Record]:
    """A connection of its own."""
    return await asyncpg.connect(
        url, timeout=CONNECT_S, command_timeout=ANSWER_S, server_settings=_SESSION, connection_class=Connection
    )


def pool(url: str) -> asyncpg.Pool[asyncpg.Record]:
    """Connections that are made as they are needed, and kept."""
    return asyncpg.create_pool(
        url,
        min_size=0,
        max_size=CONNECTIONS,
        max_queries=2**62,
        init=_be_durable,
        connection_class=Connection,
        timeout=CONNECT_S,
        command_timeout=ANSWER_S,
        server_settings=_SESSION,
        statement_cache_size=512,
        max_cached_statement_lifetime=0,
    )


async def prepare(url: str) -> None:
    """Bring the schema of a database up to date, each migration in a transaction of its own.

    Raises:
        StoreUnavailable: the database cannot be used; the message says why.
        SchemaTooNew: a newer version has written it.
    """
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_S)
    except _WRONG as error:
        raise StoreUnavailable(f"The database {shown(url)} cannot be reached: {_words(error)}") from error
    try:
        if (encoding := await connection.fetchval("SHOW server_encoding")) != "UTF8":
            raise StoreUnavailable(f"The database {shown(url)} has the encoding {encoding}; it must be UTF8.")
        await _migrate(connection)
        await connection.execute(statements()["forget_commits"].sql)
    except _WRONG as error:
        raise StoreUnavailable(f"The database {shown(url)} cannot be used: {error}") from error
    finally:
        await connection.close(timeout=CONNECT_S)


def shown(url: str) -> str:
    """The address of a database without its password.

    >>> shown("postgresql://me:secret@db.example/factory?sslmode=require")
    'postgresql://me@db.example/factory'
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{user.partition(':')[0]}{at}{host}{parts.path}"


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


async def _migrate(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    scripts = migrations()
    newest = scripts[-1][0]
    await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATING)
    version = await _version(connection)
    if version > newest:
        raise SchemaTooNew(
            f"The data has schema {version}; this version of Data Factory knows {newest}. Install a newer one."
        )
    for number, script in scripts:
        if number > version:
            async with connection.transaction():
                await connection.execute(script)
                await connection.execute("UPDATE schema_version SET version = $1", number)


async def _version(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    if await connection.fetchval("SELECT to_regclass('schema_version') IS NULL"):
        async with connection.transaction():
            await connection.execute("CREATE TABLE schema_version (version integer NOT NULL)")
            await connection.execute("INSERT INTO schema_version VALUES (0)")
    version: int = await connection.fetchval("SELECT version FROM schema_version")
    return version


async def _be_durable(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """What was kept survives a power cut, whatever the server is set to; a stricter setting stays."""
    await connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
