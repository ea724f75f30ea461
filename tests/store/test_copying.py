"""A copy of a store is the same in every row, whichever kinds the two are of, or there is none."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from data_factory.model.records import (
    FileReaderRecord,
    IdempotencyRecord,
    JobShareRecord,
    LinkRecord,
    LogTallyRecord,
    ProjectRecord,
    SecretRecord,
    TaskPollRecord,
    VariableRecord,
)
from data_factory.store.copying import Copied, CopyFailed, CopyRefused, Step, copy
from data_factory.store.postgresql import PostgresqlStore
from data_factory.store.postgresql import copying as postgresql
from data_factory.store.promises import Store, StoreUnavailable
from data_factory.store.sqlite import SqliteStore
from data_factory.store.sqlite import copying as sqlite
from data_factory.store.sqlite.database import FILE_NAME
from data_factory.store.sqlite.lock import DirectoryLock
from tests.conftest import TEMPLATE
from tests.postgresql import Database, PostgresServer
from tests.store.conftest import House, furnish
from tests.store.rows import (
    ALL,
    NOW,
    account,
    api_key,
    arrive,
    attempt,
    change,
    claimed,
    delivery,
    done,
    ended,
    event,
    execution,
    file,
    ids,
    job,
    keep,
    keep_each,
    log,
    new_id,
    started,
    task,
    version,
    webhook,
)

pytestmark = pytest.mark.anyio

PAIRS = [(source, target) for source in ("sqlite", "postgresql") for target in ("sqlite", "postgresql")]
BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
Contents = dict[str, list[dict[str, Any]]]


class Place:
    """A data directory, or a database."""

    def __init__(self, where: Path | Database) -> None:
        self.where: Any = where

    async def open(self) -> Store:
        return SqliteStore(self.where) if isinstance(self.where, Path) else PostgresqlStore(self.where.url)

    @asynccontextmanager
    async def source(self, *, running: bool = False) -> AsyncIterator[Any]:
        if isinstance(self.where, Path):
            with sqlite.source(self.where, running=running) as tables:
                yield tables
        else:
            async with postgresql.source(self.where.url, running=running) as tables:
                yield tables

    @asynccontextmanager
    async def target(self) -> AsyncIterator[Any]:
        if isinstance(self.where, Path):
            with sqlite.target(self.where) as tables:
                yield tables
        else:
            async with postgresql.target(self.where.url) as tables:
                yield tables

    async def contents(self) -> Contents:
        """Every row of every table, as the database itself says."""
        if isinstance(self.where, Path):
            return of_file(self.where / FILE_NAME)
        return await of_database(self.where)

    async def has_nothing(self) -> bool:
        """Whether nothing is kept there that a server would see."""
        if isinstance(self.where, Path):
            return {path.name for path in self.where.glob("*")} <= {"lock"}
        return not any((await of_database(self.where)).values())


def of_file(path: Path) -> Contents:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: in_order(connection.execute(f"SELECT * FROM {name}")) for name in names}  # noqa: S608 - it is ours


async def of_database(database: Database) -> Contents:
    connection = await asyncpg.connect(database.url)
    names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    wanted = {name for (name,) in names} - {"commits", "schema_migrations"}
    found = {name: in_order(await connection.fetch(f"TABLE {name}")) for name in wanted}
    await connection.close()
    return found


def in_order(rows: Any) -> list[dict[str, Any]]:
    return sorted((dict(row) for row in rows), key=repr_of)


def repr_of(row: dict[str, Any]) -> str:
    return repr(sorted(row.items()))


class Watch:
    """Remembers the steps; `then` is done as one begins."""

    def __init__(self, **then: Callable[[], object]) -> None:
        self.steps: list[tuple[str, int]] = []
        self.seen = 0
        self._then = then

    def begin(self, step: Step, rows: int) -> None:
        self.steps.append((step, rows))
        self._then.get(step, lambda: None)()

    def pass_by(self, table: str, rows: int, bytes: int) -> None:
        self.seen += rows


async def copied(source: Place, target: Place, *, running: bool = False, watch: Watch | None = None) -> list[Copied]:
    async with source.source(running=running) as here, target.target() as there:
        return await copy(here, there, watch or Watch())


@pytest.fixture(scope="session")
def second_database(postgres: PostgresServer) -> Database:
    return Database(postgres, TEMPLATE)


@pytest.fixture
def fresh(postgres: PostgresServer) -> Callable[[str | None], Place]:
    """A database that nobody else uses, with our schema or with nothing."""
    return lambda template: Place(Database(postgres, template))


@pytest.fixture
def place(our_database: Database, second_database: Database, tmp_path: Path) -> Iterator[Callable[[str, str], Place]]:
    """A place of a kind: a directory that is not there yet, or one of two databases in which is only our schema."""
    databases = [second_database, our_database]

    def made(kind: str, name: str) -> Place:
        return Place(tmp_path / name if kind == "sqlite" else databases.pop())

    yield made
    for database in {our_database, second_database} - set(databases):
        database.empty()


async def filled(place: Place, large: int = 10) -> House:
    """Keep something in every table, and whatever is hard to carry."""
    store = await place.open()
    house = await furnish(store)
    hard = '{"é":"\\u0000 \U0001f600 \\ud83d\\ude00 \t","n":123456789012345678901234567890.10,"z":1E400}'
    key = api_key(house.account.id)
    await keep(store, key, task(house.account.id, deleted_at=NOW), task(house.account.id, definition=hard))
    folder = ProjectRecord(new_id(), house.account.id, "\U0001f600", None, 0, "ACTIVE", NOW, NOW)
    await store.write(lambda t: t.insert_project(folder))
    other = job(house.account.id, house.pipeline.id, project_id=folder.id, title="\U00024b62 \u00a0'\"\\ \r\n")

    async def publish(transaction: Any) -> None:
        await transaction.revoke_api_key(house.account.id, key.id, 2**63 - 1)
        await transaction.insert_job(other, version(other), [house.task.id])
        await transaction.begin_sparing(NOW)
        await transaction.insert_idempotency_keys([IdempotencyRecord(house.account.id, "k 1", "f", other.id, NOW)], 0)

    await store.write(publish)
    waiting, running = execution(house.job, input=hard), started(execution(house.job), deadline_at=2**62)
    over = ended(execution(other), output='{"large":"%s"}' % ("\U0001f600" * large), failure="{}")
    await keep_each(store, waiting, running, over)
    for path, change_of in (("a", claimed), ("b", lambda one: one), ("c", done)):
        first = attempt(running, house.task.id, path)
        held = change_of(claimed(first) if path == "c" else first)
        await keep(store, held)
    await keep(store, attempt(running, house.task.id, "d", available_at=NOW + 5, timer_at=NOW + 5))
    tally = LogTallyRecord(running.id, house.account.id, 1, 5, running.job_id, running.job_version)
    await store.write(lambda t: t.note_polls([TaskPollRecord(house.task.id, NOW, None)]))
    await store.write(lambda t: t.insert_logs([log(running, message="\U0001f600 \n")], [tally]))
    await store.write(lambda t: t.insert_events([event(running, detail='{"reason":"\U0001f600"}')]))
    await arrive(store, file(house.account.id, filename="\U0001f600 '\"\\.xlsx"))
    token = VariableRecord(new_id(), house.account.id, "token", "\U0001f600", "ACTIVE", 1, "sealed", NOW, NOW)
    await store.write(lambda t: t.insert_variable(token))
    await store.write(lambda t: t.retire_secret(SecretRecord(house.account.id, "token", "was"), NOW, 0))
    told = webhook(house.account.id, former_secret="was", former_until=NOW)
    await store.write(lambda t: t.insert_webhook(told))
    await store.write(lambda t: t.insert_deliveries([delivery(told, attempts='[{"error":"😀"}]')]))
    guest, gone = account(), ended(execution(other))
    await keep(store, guest)
    await keep_each(store, gone)

    async def link(transaction: Any) -> None:
        await transaction.share_job(JobShareRecord(other.id, guest.id, NOW))
        await transaction.insert_links([LinkRecord(over.id, house.account.id, gone.id, "RETRY", '["a"]')])
        await transaction.begin_erasing([gone.id], NOW)

    await store.write(link)
    used = await arrive(store, file(house.account.id))
    await store.write(lambda t: t.use_files(other.id, house.account.id, [used.id], NOW))
    reader = FileReaderRecord(used.id, guest.id, running.id, owner_id=house.account.id)
    await store.write(lambda t: t.let_read([reader]))
    await store.close()
    return house


@pytest.mark.parametrize(("source", "target"), PAIRS)
async def test_every_row_of_every_table_is_copied(place: Any, source: str, target: str) -> None:
    here, there = place(source, "source"), place(target, "target")
    await filled(here)
    before = await here.contents()
    assert [table for table, rows in before.items() if not rows] == [], "of these a copy would not be seen"
    watch = Watch()
    result = await copied(here, there, watch=watch)
    assert await there.contents() == before == await here.contents()
    assert {one.table: one.rows for one in result} == {table: len(rows) for table, rows in before.items()}
    rows = sum(map(len, before.values()))
    assert (watch.steps, watch.seen) == ([("copying", rows), ("checking", rows)], 2 * rows)


async def test_there_and_back_and_there_again(place: Any) -> None:
    places = [place("sqlite", "here"), place("postgresql", ""), place("sqlite", "back"), place("postgresql", "")]
    await filled(places[0], large=2_600_000)
    results = [await copied(here, there) for here, there in pairwise(places)]
    assert results[0] == results[1] == results[2]
    assert len({one.sha256 for one in results[0]}) == len(results[0])
    assert await places[0].contents() == await places[-1].contents()


@pytest.mark.parametrize(("source", "target"), PAIRS)
async def test_what_comes_later_comes_after_what_was_copied(place: Any, source: str, target: str) -> None:
    here, there = place(source, "source"), place(target, "target")
    store = await here.open()
    house = await furnish(store)
    early = [execution(house.job) for _ in range(3)]
    await keep_each(store, *early)
    running = started(execution(house.job))
    work = [attempt(running, house.task.id, f"p{n}") for n in range(3)]
    await keep_each(store, running, *work)
    await store.close()
    await copied(here, there)
    store = await there.open()
    late, more = execution(house.job), attempt(running, house.task.id, "late")
    await keep_each(store, late, more)
    waiting = await store.write(lambda transaction: transaction.pending_job_executions({house.pipeline.id: 9}))
    assert ids(waiting) == ids([*early, late])
    claimable = await store.write(lambda transaction: transaction.claimable_task_executions({house.task.id: 9}))
    assert ids(claimable) == ids([*work, more])
    newest_first = await store.read(lambda reads: reads.job_executions_of_account(house.account.id, ALL))
    assert ids(newest_first) == ids([late, running, *reversed(early)])
    await change(store, late, started(late))
    await store.close()


@pytest.mark.parametrize(("source", "target"), PAIRS)
async def test_nothing_at_all_can_be_copied_too(place: Any, source: str, target: str) -> None:
    here, there = place(source, "source"), place(target, "target")
    await (await here.open()).close()
    if isinstance(there.where, Path):  # one that was opened once, and nothing else
        await (await there.open()).close()
    assert sum(one.rows for one in await copied(here, there)) == 0
    store = await there.open()
    await furnish(store)
    await store.close()


async def test_a_database_without_a_schema_is_given_one(place: Any, fresh: Any) -> None:
    here, there = place("sqlite", "source"), fresh(None)
    await filled(here)
    await copied(here, there)
    assert await there.contents() == await here.contents()
    await (await there.open()).close()


# -- tables that nobody has thought of


LATER = 'CREATE TABLE "order" ("select" {text} PRIMARY KEY, number {integer}, ratio {real}, secret {bytes})'
KINDS = {
    "sqlite": {"text": "TEXT", "integer": "INTEGER", "real": "REAL", "bytes": "BLOB"},
    "postgresql": {"text": "text", "integer": "bigint", "real": "double precision", "bytes": "bytea"},
}


async def test_a_table_that_is_added_later_is_copied_too(place: Any, fresh: Any) -> None:
    here, there = place("sqlite", "source"), fresh(TEMPLATE)
    await filled(here)
    rows = [("b", 1, 0.1, b"\0\xff"), ("B", None, None, None), ("é", 2**62, 5e-324, b""), ("a", -1, 1e308, b"x")]
    with closing(sqlite3.connect(here.where / FILE_NAME)) as connection:
        connection.execute(LATER.format(**KINDS["sqlite"]) + " STRICT")
        connection.executemany('INSERT INTO "order" VALUES (?, ?, ?, ?)', rows)
        connection.commit()
    there.where.sql(LATER.format(**KINDS["postgresql"]))
    result = await copied(here, there)
    assert {one.table: one.rows for one in result}["order"] == len(rows)
    later = await asyncpg.connect(there.where.url)
    assert sorted(map(tuple, await later.fetch('TABLE "order"')), key=repr) == sorted(rows, key=repr)
    await later.close()


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("extra", ["CREATE TABLE extra (id {text} PRIMARY KEY)", "ALTER TABLE jobs ADD extra {text}"])
async def test_a_table_or_a_column_that_only_one_has_is_not_passed_over(
    place: Any, fresh: Any, source: str, target: str, extra: str
) -> None:
    there = place(target, "target")
    here = place(source, "source") if source == "sqlite" else fresh(TEMPLATE)
    await filled(here)
    extra = extra.format(**KINDS[source])
    if source == "sqlite":
        with closing(sqlite3.connect(here.where / FILE_NAME)) as connection:
            connection.execute(extra)
    else:
        here.where.sql(extra)
    name = "extra" if "CREATE" in extra else "jobs"
    with pytest.raises(CopyRefused, match=rf"not alike in {name}: both"):
        await copied(here, there)
    assert await there.has_nothing()


async def test_a_column_of_which_no_copy_can_be_made_is_said(place: Any, fresh: Any) -> None:
    here = fresh(TEMPLATE)
    here.where.sql("ALTER TABLE jobs ADD extra jsonb")
    with pytest.raises(CopyRefused, match=r"jobs\.extra is declared as jsonb"):
        await copied(here, place("sqlite", "target"))


async def test_both_kinds_of_store_have_the_same_tables(place: Any) -> None:
    tables = []
    for kind in ("sqlite", "postgresql"):
        here = place(kind, "source")
        await (await here.open()).close()
        async with here.source() as source:
            tables.append(sorted(await source.tables(), key=lambda table: table.name))
    assert tables[0] == tables[1]
    assert all(table.key for table in tables[0])


# -- what cannot be copied


@BOTH
async def test_a_target_with_data_is_refused_and_left_alone(place: Any, kind: str) -> None:
    here, there = place("sqlite", "here"), place(kind, "source")
    await filled(here)
    house = await filled(there)
    before = await there.contents()
    with pytest.raises(CopyRefused, match="is not empty"):
        await copied(here, there)
    assert await there.contents() == before
    store = await there.open()
    await keep(store, task(house.account.id))
    await store.close()


@BOTH
async def test_a_source_that_is_not_there_is_refused(place: Any, fresh: Any, kind: str) -> None:
    here, there = place(kind, "here") if kind == "sqlite" else fresh(None), place("sqlite", "there")
    with pytest.raises(CopyRefused, match="There is no Data Factory in"):
        await copied(here, there)
    assert await there.has_nothing() and not there.where.exists()


@BOTH
@pytest.mark.parametrize(
    ("version", "said"), [(99, "was changed by .* of Data Factory"), (0, "0001_first is to be run")]
)
async def test_a_source_of_another_version_is_refused(
    place: Any, fresh: Any, kind: str, version: int, said: str
) -> None:
    here, there = place(kind, "here") if kind == "sqlite" else fresh(TEMPLATE), place("sqlite", "there")
    await filled(here)
    if kind == "sqlite":
        with closing(sqlite3.connect(here.where / FILE_NAME)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")
    elif version == 99:
        here.where.sql("UPDATE schema_migrations SET number = 99, kind = 'after', version = '9.9'")
    else:
        here.where.sql("UPDATE schema_migrations SET done_at = NULL")
        said = r"not ready for Data Factory .*, which needs 0001_first"
    with pytest.raises(CopyRefused, match=said):
        await copied(here, there)
    assert not there.where.exists()


async def test_a_file_that_is_no_database_is_said(place: Any) -> None:
    here, there = place("sqlite", "source"), place("sqlite", "target")
    here.where.mkdir()
    (here.where / FILE_NAME).write_bytes(b"A letter to my mother. " * 1_000)
    with pytest.raises(CopyFailed, match="cannot be read: file is not a database"):
        await copied(here, there)


ODD = {
    "a NUL": ("UPDATE tasks SET definition = 'a' || char(0)", r"tasks\.definition has a NUL character in the row \d+"),
    "a number too large": ("UPDATE pipelines SET slots = 1099511627776", r"written \(pipelines\): .*out of"),
    "text that is none": ("UPDATE tasks SET definition = CAST(x'ff' AS TEXT)", r"data-factory\.sqlite cannot be read"),
    "a reference to nothing": ("UPDATE jobs SET pipeline_id = account_id", "violates foreign key constraint"),
}


@pytest.mark.parametrize(("change", "said"), ODD.values(), ids=ODD)
async def test_what_a_database_cannot_keep_is_said_and_nothing_is_kept(place: Any, change: str, said: str) -> None:
    here, there = place("sqlite", "source"), place("postgresql", "target")
    await filled(here)
    with closing(sqlite3.connect(here.where / FILE_NAME)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(change)
        connection.commit()
    with pytest.raises(CopyFailed, match=said):
        await copied(here, there)
    assert await there.has_nothing()


async def test_a_reference_to_nothing_is_noticed_by_a_file_too(place: Any) -> None:
    here, there = place("sqlite", "source"), place("sqlite", "target")
    await filled(here)
    with closing(sqlite3.connect(here.where / FILE_NAME)) as connection:
        connection.execute("UPDATE jobs SET pipeline_id = account_id")
        connection.commit()
    with pytest.raises(CopyFailed, match="FOREIGN KEY constraint failed"):
        await copied(here, there)
    assert await there.has_nothing()


@BOTH
async def test_a_target_that_is_not_the_same_is_noticed_and_nothing_is_kept(place: Any, kind: str) -> None:
    here, there = place("sqlite", "source"), place(kind, "target")
    await filled(here)

    class Careless:
        """A target that does not keep what it is given."""

        def __init__(self, tables: Any) -> None:
            self.tables, self.count, self.rows, self._fill = tables.tables, tables.count, tables.rows, tables.fill

        async def fill(self, table: Any, batches: Any) -> None:
            async def wrong() -> AsyncIterator[Any]:
                async for batch in batches:
                    yield [tuple(value + 1 if value == NOW else value for value in row) for row in batch]

            await self._fill(table, wrong())

    with pytest.raises(CopyFailed, match="is not what it should be"):
        async with here.source() as source, there.target() as target:
            await copy(source, Careless(target), Watch())
    assert await there.has_nothing()
    assert sum(one.rows for one in await copied(here, there)) > 0


@BOTH
async def test_a_copy_that_is_stopped_leaves_nothing(place: Any, kind: str) -> None:
    here, there = place("sqlite", "source"), place(kind, "target")
    await filled(here)
    me = asyncio.current_task()
    assert me is not None
    with pytest.raises(asyncio.CancelledError):
        await copied(here, there, watch=Watch(checking=me.cancel))
    me.uncancel()
    assert await there.has_nothing()
    assert sum(one.rows for one in await copied(here, there)) > 0


# -- who else is there


@BOTH
async def test_a_source_on_which_a_server_works_is_refused(place: Any, kind: str, tmp_path: Path) -> None:
    here, there = place(kind, "source"), place("sqlite", "there")
    await filled(here)
    store = await here.open()
    lock = DirectoryLock(here.where, "serves it") if kind == "sqlite" else None
    await store.join(Nobody())
    with pytest.raises(CopyRefused, match=r"in use by process .* which serves it|Servers are at work on"):
        await copied(here, there)
    assert not there.where.exists()
    assert sum(one.rows for one in await copied(here, there, running=True)) > 0
    await store.close()
    if lock is not None:
        lock.release()
    await copied(here, Place(tmp_path / "later"))


@BOTH
async def test_from_a_running_source_comes_what_it_had_when_the_copy_began(place: Any, kind: str) -> None:
    here, there = place(kind, "source"), place("sqlite", "there")
    house = await filled(here)
    before = await here.contents()
    store = await here.open()
    async with here.source(running=True) as source, there.target() as target:
        assert len(await source.tables()) == len(before)
        await source.count((await source.tables())[0])
        await keep(store, task(house.account.id))
        await copy(source, target, Watch())
    assert await there.contents() == before != await here.contents()
    await store.close()


async def test_while_a_database_is_copied_no_server_can_start_and_nobody_can_write(place: Any, tmp_path: Path) -> None:
    here, there = place("postgresql", "source"), place("postgresql", "target")
    await filled(here)
    stores = [await here.open(), await there.open()]
    somebody = await asyncpg.connect(here.where.url, server_settings={"lock_timeout": "50"})
    async with here.source(), there.target():
        for store in stores:
            with pytest.raises(StoreUnavailable, match="is being copied"):
                await store.join(Nobody())
        with pytest.raises(asyncpg.LockNotAvailableError):
            await somebody.execute("UPDATE tasks SET updated_at = 1")
        with pytest.raises(CopyRefused, match="another copy is being made"):
            await copied(here, Place(tmp_path / "another"))
    await somebody.execute("UPDATE tasks SET updated_at = 1")
    await somebody.close()
    for store in stores:
        await store.join(Nobody())
        await store.close()


async def test_a_database_that_cannot_be_reached_is_said() -> None:
    for end in (postgresql.source, postgresql.target):
        with pytest.raises(StoreUnavailable, match=r"tests@127\.0\.0\.1:1/nowhere cannot be reached") as caught:
            async with end("postgresql://tests:secret@127.0.0.1:1/nowhere"):
                pass
        assert "secret" not in str(caught.value)


class Nobody:
    """A member that hears nothing."""

    async def arrive_first(self, chance_ms: int) -> None: ...
    async def arrive(self) -> None: ...
    def hear(self, news: str) -> None: ...
    def lose(self) -> None: ...
    def come_back(self) -> None: ...
