"""The schema that a database has, as one connection sees it, and who else is connected."""

from __future__ import annotations

from typing import Final

import asyncpg

from data_factory.store.migrations import Entry, Kind, Server, refusal
from data_factory.store.postgresql.statements import migrations, statements
from data_factory.store.promises import UnusableSchema

_PRESENT: Final = 0x64617463
"""The advisory locks of those who are connected: a space of their own, in which each says what it knows."""


async def arrive(connection: asyncpg.Connection[asyncpg.Record], database: str) -> None:
    """Say on a new connection that we are there, for as long as it lives, and then look whether we can work here.

    In this order: who changes the schema says so first, and then looks who is there. So one sees the other.

    Raises:
        UnusableSchema: this version cannot work on the schema as it is.
    """
    known = migrations()
    await connection.fetchval(statements()["arrive"].sql, _PRESENT, known[-1].number)
    if reason := refusal(database, known, await migration_log(connection)):
        raise UnusableSchema(reason)


async def migration_log(connection: asyncpg.Connection[asyncpg.Record]) -> list[Entry]:
    """The migrations that were begun or done; none in a database in which nothing of ours is."""
    try:
        rows = await connection.fetch(statements()["migration_log"].sql)
    except asyncpg.UndefinedTableError:
        return []
    return [
        Entry(row["number"], row["name"], Kind(row["kind"]), row["done"], row["version"], row["at"]) for row in rows
    ]


async def is_used(connection: asyncpg.Connection[asyncpg.Record], log: list[Entry]) -> bool:
    """Whether there is anything in a database. The first thing is an account: until then, it is being set up."""
    return any(entry.done for entry in log) and bool(await connection.fetchval("SELECT EXISTS (SELECT FROM accounts)"))


async def servers(connection: asyncpg.Connection[asyncpg.Record]) -> list[Server]:
    """The programs that are connected to a database."""
    return [Server(row["name"], row["knows"]) for row in await connection.fetch(statements()["present"].sql, _PRESENT)]
