"""Changing the schema of a database: before its first use, and before and after a deployment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg

from data_factory.store.migrations import (
    VERSION,
    Entry,
    Kind,
    Migration,
    MigrationFailed,
    MigrationRefused,
    Schema,
    named,
    newer_than,
    refusal,
    schema,
    undone,
)
from data_factory.store.postgresql.database import CONNECT_S, Connection, shown
from data_factory.store.postgresql.failures import GONE_WRONG
from data_factory.store.postgresql.schema import is_used, migration_log, servers
from data_factory.store.postgresql.statements import migrations, statements
from data_factory.store.promises import StoreUnavailable, UnusableSchema

LOCK_MS: Final = 200
"""How long a migration waits for a lock at a time: whoever comes meanwhile waits behind it."""

PATIENCE_S: Final = 300.0
"""For how long it tries to get its locks."""

_PAUSE_S: Final = 1.0
_LOOK_S: Final = 0.1
_REPEAT_S: Final = 10.0

_MIGRATING: Final = 0x64617461
"""The advisory lock of the one that changes the schema."""

_SESSION: Final = {"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0"}

_WRONG: Final = (*GONE_WRONG, ValueError)

Say = Callable[[str], None]


async def prepare(url: str) -> None:
    """Make a database ready for a server: set it up if it is empty, and see whether this version can work on it.

    Raises:
        UnusableSchema: it cannot; the message says why, and what to do.
        StoreUnavailable: the database cannot be used; the message says why.
    """
    async with _connected(url) as connection:
        log = await migration_log(connection)
        if undone(migrations(), log) and not await is_used(connection, log):
            try:
                await _migrate(connection, url, Kind.BEFORE, False, lambda _: None)
            except (MigrationFailed, MigrationRefused) as error:
                raise StoreUnavailable(f"The database {shown(url)} cannot be set up: {error}") from error
            log = await migration_log(connection)
        reason = refusal(shown(url), migrations(), log)
        if reason is None:
            await connection.execute(statements()["forget_commits"].sql)
    if reason is not None:
        raise UnusableSchema(reason)


async def look(url: str) -> Schema:
    """What schema a database has, and what is to be done about it.

    Raises:
        StoreUnavailable: the database cannot be used; the message says why.
    """
    async with _connected(url) as connection:
        log = await migration_log(connection)
        used = await is_used(connection, log)
        return schema(
            shown(url),
            migrations(),
            log,
            servers=await servers(connection),
            is_empty=not used and bool(undone(migrations(), log)),
            refusal=(refusal if used else newer_than)(shown(url), migrations(), log),
        )


async def migrate(url: str, kind: Kind, force: bool, say: Say) -> None:
    """Run what is to be run before a deployment, or after it. An unused database is set up whole.

    `say` is told what happens; `force` runs what servers that are connected do not know.

    Raises:
        MigrationRefused: as things stand, that must not be done.
        MigrationFailed: it did not work.
        StoreUnavailable: the database cannot be used; the message says why.
    """
    async with _connected(url) as connection:
        await _migrate(connection, url, kind, force, say)


async def _migrate(connection: Connection, url: str, kind: Kind, force: bool, say: Say) -> None:
    await _be_the_only_one(connection, say)
    await connection.execute(statements()["create_migration_log"].sql)
    log = await migration_log(connection)
    if reason := newer_than(shown(url), migrations(), log):
        raise MigrationRefused(reason)
    for migration in _to_run(log, await is_used(connection, log), kind):
        await _run(connection, migration, force, say)


def _to_run(log: Sequence[Entry], used: bool, kind: Kind) -> list[Migration]:
    if not used:
        return undone(migrations(), log)
    if kind is Kind.AFTER and (first := undone(migrations(), log, Kind.BEFORE)):
        raise MigrationRefused(f"{named(first)} comes first: run `data-factory migrate before`, and deploy {VERSION}.")
    return undone(migrations(), log, kind)


async def _be_the_only_one(connection: Connection, say: Say) -> None:
    """Wait until nobody else migrates. To wait in a statement would hold up an index that is built concurrently."""
    told = False
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _MIGRATING):
        if not told:
            say("Another one is migrating this database: waiting for it.")
            told = True
        await asyncio.sleep(_LOOK_S)


async def _run(connection: Connection, migration: Migration, force: bool, say: Say) -> None:
    """Note that a migration has begun, see whether it may, do it, and note that it is done."""
    began = asyncio.get_running_loop().time()
    is_new = await _note("begin_migration", connection, migration) == "INSERT 0 1"
    if migration.kind is Kind.AFTER and not force and (older := await _who_does_not_know(connection, migration)):
        if is_new:
            await _note("forget_migration", connection, migration)
        raise MigrationRefused(
            f"{migration.name} is for when no older server is left, and there is still {' and '.join(older)}. Stop "
            "what is older and run this again. (--force runs it nevertheless, and they will fail.)"
        )
    if migration.in_transaction:
        await _run_at_once(connection, migration, say)
    else:
        say(f"{migration.name}: begun. Servers go on meanwhile, however long it takes.")
        await _run_one_by_one(connection, migration)
    say(f"{migration.name}: done in {asyncio.get_running_loop().time() - began:.2f} s.")


async def _who_does_not_know(connection: Connection, migration: Migration) -> list[str]:
    return [server.name for server in await servers(connection) if server.knows < migration.number]


async def _run_at_once(connection: Connection, migration: Migration, say: Say) -> None:
    """All of it or nothing, and so that nobody ever waits long for us: rather we let others pass and try again."""
    clock = asyncio.get_running_loop().time
    began = told = clock()
    try:
        while True:
            try:
                async with connection.transaction():
                    await connection.execute("SELECT set_config('lock_timeout', $1, true)", f"{LOCK_MS}ms")
                    await connection.execute(migration.sql)
                    await _note("end_migration", connection, migration)
                return
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                if clock() - began > PATIENCE_S:
                    raise
            if clock() - told > _REPEAT_S:
                told = clock()
                say(f"{migration.name} waits for a lock. {await _in_the_way(connection)}")
            await asyncio.sleep(_PAUSE_S * random.uniform(0.5, 1.5))
    except BaseException as error:
        with suppress(*GONE_WRONG):  # the connection may be gone: then it is noted as begun, which harms nobody
            await _note("forget_migration", connection, migration)
        if not isinstance(error, GONE_WRONG):
            raise
        raise MigrationFailed(f"{migration.name} failed, and nothing of it is kept: {error}") from error


async def _run_one_by_one(connection: Connection, migration: Migration) -> None:
    try:
        for statement in migration.statements():
            await connection.execute(statement)
    except GONE_WRONG as error:
        raise MigrationFailed(
            f"{migration.name} failed, and is done in part: {error}. To do it again from its beginning, run this again."
        ) from error
    await _note("end_migration", connection, migration)


async def _in_the_way(connection: Connection) -> str:
    """Who has had a transaction open for some time."""
    return " ".join(
        f"{row['name']} (process {row['pid']}) has a transaction open since {row['since']:%H:%M:%S %Z}."
        for row in await connection.fetch(statements()["in_the_way"].sql)
    )


async def _note(name: str, connection: Connection, migration: Migration) -> str:
    statement = statements()[name]
    values = {"number": migration.number, "name": migration.name, "kind": migration.kind, "version": VERSION}
    return await connection.execute(statement.sql, *[values[parameter] for parameter in statement.parameters])


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    """A connection for something that may take long; what goes wrong with it is told in words."""
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_S, server_settings=_SESSION)
    except _WRONG as error:
        raise StoreUnavailable(f"The database {shown(url)} cannot be reached: {_words(error)}") from error
    try:
        if (encoding := await connection.fetchval("SHOW server_encoding")) != "UTF8":
            raise StoreUnavailable(f"The database {shown(url)} has the encoding {encoding}; it must be UTF8.")
        yield connection
    except _WRONG as error:
        raise StoreUnavailable(f"The database {shown(url)} cannot be used: {error}") from error
    finally:
        await connection.close(timeout=CONNECT_S)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
