"""Migrations of a PostgreSQL database: what runs when, beside whom, and what is kept of what fails."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from data_factory.store import postgresql
from data_factory.store.migrations import VERSION, Kind, Migration, MigrationFailed, MigrationRefused, Server
from data_factory.store.postgresql import PostgresqlStore, migrating, schema
from data_factory.store.postgresql.database import connect, program
from data_factory.store.postgresql.migrating import look, migrate, prepare
from data_factory.store.postgresql.statements import migrations
from data_factory.store.promises import StoreUnavailable, UnusableSchema
from tests.postgresql import Database, PostgresServer
from tests.store.conftest import furnish
from tests.store.rows import keep, task

pytestmark = pytest.mark.anyio

COLUMN = "ALTER TABLE tasks ADD COLUMN colour text NOT NULL DEFAULT ''"
INDEX = """-- not in a transaction
-- A colour finds its tasks; what an attempt before this one has left is no index.
DROP INDEX CONCURRENTLY IF EXISTS tasks_colour;
CREATE INDEX CONCURRENTLY tasks_colour
    ON tasks (colour);
"""
DROP = "ALTER TABLE tasks DROP COLUMN deleted_at CASCADE"


@pytest.fixture
def empty(postgres: PostgresServer) -> Database:
    """A database without our schema."""
    return Database(postgres)


@pytest.fixture
async def used(empty: Database, anyio_backend: str) -> Database:
    """A database that a server of this version has worked on."""
    await prepare(empty.url)
    store = PostgresqlStore(empty.url)
    await furnish(store)
    await store.close()
    return empty


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> Versions:
    return Versions(monkeypatch)


class Versions:
    """Lets this program be another version: one that knows more migrations."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.next = made(("colour.before", COLUMN), ("colours.before", INDEX), ("deleted.after", DROP))

    def know(self, more: list[Migration]) -> None:
        for module in (schema, migrating):
            self._monkeypatch.setattr(module, "migrations", lambda: [*migrations(), *more])


def made(*files: tuple[str, str]) -> list[Migration]:
    """Migrations that come after the present ones."""
    first = migrations()[-1].number + 1
    parts = [(*file.split("."), sql) for file, sql in files]
    return [
        Migration(number, f"{number:04d}_{name}", Kind(kind), sql)
        for number, (name, kind, sql) in enumerate(parts, first)
    ]


async def run(database: Database, kind: Kind, force: bool = False) -> list[str]:
    """What was said of it, without how long it took; that something has begun is left out."""
    said: list[str] = []
    await migrate(database.url, kind, force, said.append)
    return [re.sub(r" in [0-9.]+ s\.$", "", line) for line in said if ": begun." not in line]


def columns(database: Database) -> set[str]:
    return set(
        database.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'tasks'").splitlines()
    )


@asynccontextmanager
async def session(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else who is at work on the database, and is no server of ours."""
    connection = await asyncpg.connect(database.url, server_settings={"application_name": "somebody else"})
    try:
        yield connection
    finally:
        await connection.close()


# -- the files


def test_they_are_numbered_without_gaps_and_say_when_they_run() -> None:
    folder = Path(postgresql.__file__).parent / "migrations"
    first, *others = sorted(path.name for path in folder.iterdir())
    assert first == "0001_first.sql"
    assert all(re.fullmatch(r"\d{4}_\w+\.(before|after)\.sql", name) for name in others)
    names = [one.name for one in migrations()]
    assert [name[:4] for name in names] == [f"{number:04d}" for number in range(1, len(others) + 2)]


def test_an_index_that_is_invalid_is_not_taken_for_one() -> None:
    assert not any("CONCURRENTLY IF NOT EXISTS" in one.sql for one in migrations())


# -- an empty database


async def test_servers_that_start_at_once_make_one_schema(empty: Database) -> None:
    await asyncio.gather(*(prepare(empty.url) for _ in range(4)))
    assert empty.sql("SELECT count(*) FROM schema_migrations WHERE done_at IS NULL") == "0"
    assert empty.sql("SELECT max(number) FROM schema_migrations") == str(migrations()[-1].number)
    before = empty.sql("SELECT relname FROM pg_class ORDER BY 1")
    await prepare(empty.url)
    assert empty.sql("SELECT relname FROM pg_class ORDER BY 1") == before


async def test_an_empty_database_is_set_up_whole(empty: Database, versions: Versions) -> None:
    versions.know(versions.next)
    assert (await look(empty.url)).is_empty
    await prepare(empty.url)
    state = await look(empty.url)
    assert ([one.done for one in state.migrations], state.next) == ([True] * len(state.migrations), None)
    assert "colour" in columns(empty) and "deleted_at" not in columns(empty)


async def test_a_set_up_that_was_interrupted_is_finished_by_the_next_start(empty: Database, versions: Versions) -> None:
    versions.know(made(("broken.before", "CREATE TABLE accounts ()")))
    with pytest.raises(StoreUnavailable, match=r"cannot be set up: \d{4}_broken failed.*\"accounts\" already exists"):
        await prepare(empty.url)
    versions.know(versions.next)
    assert (await look(empty.url)).is_empty
    await prepare(empty.url)
    assert (await look(empty.url)).next is None


async def test_one_that_a_newer_version_has_set_up_is_not_empty(empty: Database, versions: Versions) -> None:
    versions.know(versions.next)
    await run(empty, Kind.BEFORE)
    versions.know([])
    state = await look(empty.url)
    assert not state.is_empty and state.refusal is not None and state.next is None
    with pytest.raises(UnusableSchema):
        await prepare(empty.url)


# -- before and after a deployment


async def test_first_before_then_after(used: Database, versions: Versions) -> None:
    versions.know(versions.next)
    colour, colours, deleted = (one.name for one in versions.next)
    with pytest.raises(UnusableSchema, match=f"needs {colour} and {colours}. Run `data-factory migrate before`"):
        await prepare(used.url)
    state = await look(used.url)
    assert state.next is Kind.BEFORE and state.refusal is not None and not state.is_empty
    with pytest.raises(MigrationRefused, match=f"{colour} and {colours} comes first: run `data-factory migrate before"):
        await run(used, Kind.AFTER)
    assert await run(used, Kind.BEFORE) == [f"{colour}: done", f"{colours}: done"]
    assert await run(used, Kind.BEFORE) == []
    await prepare(used.url)
    state = await look(used.url)
    assert (state.next, state.refusal) == (Kind.AFTER, None)
    assert await run(used, Kind.AFTER) == [f"{deleted}: done"]
    await prepare(used.url)
    assert (await look(used.url)).next is None
    assert "deleted_at" not in columns(used)


async def test_an_older_version_works_until_something_is_taken_away(used: Database, versions: Versions) -> None:
    versions.know(versions.next)
    await run(used, Kind.BEFORE)
    versions.know([])
    await prepare(used.url)
    store = PostgresqlStore(used.url)
    await furnish(store)
    await store.close()
    versions.know(versions.next)
    await run(used, Kind.AFTER)
    versions.know([])
    said = rf"changed by version {VERSION} of Data Factory \({versions.next[-1].name}\).*install {VERSION} or newer"
    with pytest.raises(UnusableSchema, match=said):
        await prepare(used.url)
    with pytest.raises(MigrationRefused, match=said):
        await run(used, Kind.BEFORE)
    with pytest.raises(UnusableSchema, match=said):
        await connect(used.url)


async def test_versions_can_be_skipped(used: Database, versions: Versions) -> None:
    """What comes before is run first, whichever version it belongs to, beside servers of the oldest one."""
    later = made(*[("x.before", "")] * len(versions.next), ("taste.before", "ALTER TABLE tasks ADD COLUMN taste text"))
    versions.know([*versions.next, later[-1]])
    await run(used, Kind.BEFORE)
    assert {"colour", "taste", "deleted_at"} <= columns(used)
    await prepare(used.url)
    await run(used, Kind.AFTER)
    assert "deleted_at" not in columns(used)


# -- older servers


async def test_after_waits_until_no_older_server_is_connected(used: Database, versions: Versions) -> None:
    older = PostgresqlStore(used.url)
    await furnish(older)
    versions.know(versions.next)
    await run(used, Kind.BEFORE)
    newer = await connect(used.url)
    assert (await look(used.url)).servers == (
        Server(program(), migrations()[-1].number),
        Server(program(), versions.next[-1].number),
    )
    with pytest.raises(MigrationRefused, match=f"there is still {re.escape(program())}. Stop what is older"):
        await run(used, Kind.AFTER)
    assert "deleted_at" in columns(used)
    versions.know([])
    await prepare(used.url)  # what was refused has left no mark: an older one can still be started
    versions.know(versions.next)
    await older.close()
    await run(used, Kind.AFTER)
    assert "deleted_at" not in columns(used)
    await newer.close()


async def test_after_can_be_forced_and_an_older_server_answers_that_it_cannot(
    used: Database, versions: Versions, caplog: pytest.LogCaptureFixture
) -> None:
    older = PostgresqlStore(used.url)
    house = await furnish(older)
    versions.know(versions.next)
    await run(used, Kind.BEFORE)
    await run(used, Kind.AFTER, force=True)
    versions.know([])
    used.cut()
    with pytest.raises(StoreUnavailable) as refused:
        await keep(older, task(house.account.id))
    assert "Data Factory" not in refused.value.message
    assert "cannot work on it any more" in caplog.text
    await older.close()


# -- locks


async def test_two_at_once_do_it_once(used: Database, versions: Versions) -> None:
    versions.know(versions.next)
    said = await asyncio.gather(*(run(used, Kind.BEFORE) for _ in range(3)))
    assert sorted(line for lines in said for line in lines if "done" in line) == [
        f"{one.name}: done" for one in versions.next[:2]
    ]
    assert any("Another one is migrating" in line for lines in said for line in lines)


async def test_who_holds_a_table_is_waited_for_and_nobody_waits_behind(
    used: Database, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_MS", 20)
    monkeypatch.setattr(migrating, "_PAUSE_S", 0.05)
    monkeypatch.setattr(migrating, "_REPEAT_S", 0.0)
    versions.know(versions.next[:1])
    said: list[str] = []
    async with session(used) as holder, session(used) as passer:
        async with holder.transaction():
            await holder.execute("SELECT count(*) FROM tasks")
            running = asyncio.create_task(migrate(used.url, Kind.BEFORE, False, said.append))
            while len(said) < 2:
                await passer.execute("SELECT count(*) FROM tasks", timeout=20)
        await running
    assert said[0].startswith(f"{versions.next[0].name} waits for a lock.")
    assert said[-1].startswith(f"{versions.next[0].name}: done")
    assert "colour" in columns(used)


async def test_it_gives_up_in_the_end_and_keeps_nothing(
    used: Database, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_MS", 20)
    monkeypatch.setattr(migrating, "PATIENCE_S", 0.0)
    versions.know(versions.next[:1])
    async with session(used) as holder, holder.transaction():
        await holder.execute("SELECT count(*) FROM tasks")
        with pytest.raises(MigrationFailed, match="nothing of it is kept: canceling statement due to lock timeout"):
            await run(used, Kind.BEFORE)
    state = await look(used.url)
    assert (state.migrations[-1].done, state.migrations[-1].at) == (False, None)


# -- what fails


async def test_one_that_fails_leaves_those_before_it_and_nothing_of_itself(used: Database, versions: Versions) -> None:
    broken = "ALTER TABLE tasks ADD COLUMN taste text; ALTER TABLE nothing ADD COLUMN taste text"
    versions.know(made(("good.before", COLUMN), ("bad.before", broken)))
    with pytest.raises(MigrationFailed, match=r'_bad failed, and nothing of it is kept: relation "nothing" does not'):
        await run(used, Kind.BEFORE)
    assert "colour" in columns(used) and "taste" not in columns(used)
    assert [one.done for one in (await look(used.url)).migrations[-2:]] == [True, False]


async def test_one_without_a_transaction_is_done_again_from_its_beginning(used: Database, versions: Versions) -> None:
    """The index that was being built is left invalid, and is built anew."""
    unique = INDEX.replace("CREATE INDEX", "CREATE UNIQUE INDEX")
    store = PostgresqlStore(used.url)
    await furnish(store)  # a second task without a colour
    versions.know(made(("colour.before", COLUMN), ("colours.before", unique)))
    with pytest.raises(MigrationFailed, match=r"_colours failed, and is done in part: could not create unique index"):
        await run(used, Kind.BEFORE)
    entry = (await look(used.url)).migrations[-1]
    assert (entry.done, entry.at is None) == (False, False)
    assert used.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'tasks_colour'::regclass") == "f"
    with pytest.raises(UnusableSchema, match=f"needs {entry.name}"):
        await prepare(used.url)
    used.sql("UPDATE tasks SET colour = id")
    assert await run(used, Kind.BEFORE) == [f"{entry.name}: done"]
    assert used.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'tasks_colour'::regclass") == "t"
    await store.close()
