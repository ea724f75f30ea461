"""What only the SQLite store does: its file, its connections, its migrations, its lock."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from data_factory.store import sqlite
from data_factory.store.migrations import Kind, Migration
from data_factory.store.promises import Reads, StoreUnavailable, Transaction, UnusableSchema, WriteUnderWay
from data_factory.store.sqlite import SqliteStore, migrating
from data_factory.store.sqlite import schema as schema_of_a_file
from data_factory.store.sqlite.database import FILE_NAME, connect, connect_reader
from data_factory.store.sqlite.lock import DirectoryInUse, DirectoryLock
from data_factory.store.sqlite.statements import migrations, statements
from tests.store.conftest import furnish, no_file_larger_than
from tests.store.rows import ALL, execution, ids, is_named, keep, task

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


# -- migrations


def schema(path: Path) -> tuple[int, list[str]]:
    connection = sqlite3.connect(path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema ORDER BY name")]
    connection.close()
    return version, names


def test_a_fresh_file_gets_the_newest_schema_and_a_second_start_changes_nothing(path: Path) -> None:
    connect(path).close()
    fresh = schema(path)
    assert fresh[0] == migrations()[-1].number
    assert {"job_executions", "task_executions", "idempotency_keys"} <= set(fresh[1])
    connect(path).close()
    assert schema(path) == fresh


def test_migrations_are_numbered_without_gaps_and_know_no_before_and_after() -> None:
    assert [one.number for one in migrations()] == list(range(1, len(migrations()) + 1))
    assert {one.kind for one in migrations()} == {Kind.BEFORE}
    assert all(one.in_transaction for one in migrations())


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    connect(path).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    before = path.read_bytes()
    with pytest.raises(UnusableSchema, match=r"by a newer version of Data Factory \(.+\).*: install a newer one"):
        connect(path)
    assert path.read_bytes() == before
    assert migrating.look(path.parent).refusal is not None


def test_a_migration_that_fails_leaves_the_one_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, broken = "CREATE TABLE one (id TEXT) STRICT;", "CREATE TABLE two (id TEXT) STRICT; CREATE TABLE one (id);"
    know(monkeypatch, Migration(1, "0001_good", Kind.BEFORE, good), Migration(2, "0002_broken", Kind.BEFORE, broken))
    with pytest.raises(StoreUnavailable, match="cannot be migrated: table one already exists"):
        migrating.migrate(path.parent, lambda _: None)
    assert schema(path) == (1, ["one"])
    assert [one.done for one in migrating.look(path.parent).migrations] == [True, False]


def test_migrate_does_what_the_next_start_would(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(path).close()
    number = migrations()[-1].number + 1
    know(monkeypatch, *migrations(), Migration(number, "0099_next", Kind.BEFORE, "CREATE TABLE next (id TEXT) STRICT;"))
    assert migrating.look(path.parent).next is Kind.BEFORE
    said: list[str] = []
    lock = DirectoryLock(path.parent, "is here")
    with pytest.raises(DirectoryInUse):
        migrating.migrate(path.parent, said.append)
    lock.release()
    migrating.migrate(path.parent, said.append)
    assert said == ["0099_next: done."]
    assert (migrating.look(path.parent).next, schema(path)[0]) == (None, number)


def test_to_look_makes_nothing(tmp_path: Path) -> None:
    assert migrating.look(tmp_path / "nowhere").is_empty
    assert list(tmp_path.iterdir()) == []


def know(monkeypatch: pytest.MonkeyPatch, *these: Migration) -> None:
    """Let this be a version that knows these migrations."""
    for module in (schema_of_a_file, migrating):
        monkeypatch.setattr(module, "migrations", lambda: list(these))


# -- files


def test_the_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    DirectoryLock(tmp_path / "a" / "b", "is here").release()
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_the_database_is_for_its_owner_only_in_any_directory(tmp_path: Path, path: Path) -> None:
    tmp_path.chmod(0o755)
    connection = connect(path)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    connection.close()
    assert set(modes) >= {FILE_NAME, f"{FILE_NAME}-wal"}
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("odd", ["no database", "a directory"])
def test_a_file_that_is_no_database_is_refused_by_its_name(tmp_path: Path, path: Path, odd: str) -> None:
    if odd == "a directory":
        path.mkdir()
    else:
        path.write_text("This is a letter to my mother, and not a database. " * 100)
    with pytest.raises(StoreUnavailable, match=f"The database {re.escape(str(path))} cannot be used"):
        SqliteStore(tmp_path)


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, path: Path) -> None:
    with no_file_larger_than(0), pytest.raises(StoreUnavailable, match="cannot be used"):
        SqliteStore(tmp_path)


async def test_a_batch_larger_than_the_memory_that_outgrows_the_disk_is_not_half_kept(tmp_path: Path) -> None:
    """It is written bit by bit long before it is committed; what is on the disk already must not count."""
    store = SqliteStore(tmp_path)
    house = await furnish(store)
    rows = [execution(house.job, input='{"a":"%s"}' % ("x" * 4_000_000)) for _ in range(25)]
    with no_file_larger_than(40_000_000), pytest.raises(StoreUnavailable):
        await keep(store, *rows)
    assert await store.read(lambda reads: reads.job_executions_of_account(house.account.id, ALL)) == []
    await keep(store, *rows[:3])
    assert len(await store.read(lambda reads: reads.job_executions_of_account(house.account.id, ALL))) == 3
    await store.close()
    after = sqlite3.connect(tmp_path / FILE_NAME)
    assert after.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    after.close()


async def test_a_damaged_table_makes_the_store_unavailable(tmp_path: Path, path: Path) -> None:
    store = SqliteStore(tmp_path)
    house = await furnish(store)
    await store.close()
    whole = sqlite3.connect(path)
    (page,) = whole.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'tasks'").fetchone()
    whole.close()
    with path.open("r+b") as file:
        file.seek(4096 * (page - 1))
        file.write(b"\xff" * 4096)
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreUnavailable):
        await store.read(lambda reads: reads.tasks_of_account(house.account.id, ALL))
    with pytest.raises(StoreUnavailable):
        await keep(store, task(house.account.id))
    await store.close()


# -- connections


def test_a_commit_is_on_the_disk_when_it_returns(path: Path) -> None:
    connection = connect(path)

    def pragma(name: str) -> object:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert (pragma("journal_mode"), pragma("synchronous"), pragma("foreign_keys")) == ("wal", 2, 1)
    assert pragma("fullfsync") == 0 or sys.platform == "darwin"
    connection.close()


def test_a_reader_cannot_write(path: Path) -> None:
    connect(path).close()
    reader = connect_reader(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("INSERT INTO accounts (id, title, created_at) VALUES ('0123456789abcdef01234567', 'x', 1)")
    reader.close()


async def test_a_read_does_not_wait_for_a_writer_nor_see_what_it_has_not_committed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    house = await furnish(store)
    row = task(house.account.id)
    wrote, looked = threading.Event(), threading.Event()

    async def slow(reads: Reads) -> list[str]:
        first = await reads.tasks_of_account(house.account.id, ALL)
        looked.set()
        assert wrote.wait(10)
        assert await reads.tasks_of_account(house.account.id, ALL) == first
        return ids(first)

    reading = asyncio.create_task(store.read(slow))
    assert await asyncio.to_thread(looked.wait, 10)
    await keep(store, row)
    assert row.id in ids(await store.read(lambda reads: reads.tasks_of_account(house.account.id, ALL)))
    wrote.set()
    assert await reading == [house.task.id]
    await store.close()


async def test_a_write_waits_for_another_program_that_holds_the_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    house = await furnish(store)
    backup = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    backup.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(keep(store, task(house.account.id)))
    await store.read(lambda reads: reads.first_account())
    assert not writing.done()
    backup.execute("COMMIT")
    backup.close()
    await writing
    await store.close()


async def test_work_that_waits_for_something_else_is_a_mistake_that_is_told(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)

    async def work(_reads: Reads) -> None:
        await asyncio.sleep(0)

    for run in (store.write, store.read):
        with pytest.raises(RuntimeError, match="waited for something that is not the store"):
            await run(work)
    await furnish(store)
    await store.close()


# -- a disk that does not answer


async def test_what_has_begun_may_be_kept_and_what_has_not_never_will(tmp_path: Path) -> None:
    """The writer's thread hangs in the first write; the second waits behind it."""
    store = SqliteStore(tmp_path, patience=0.2)
    house = await furnish(store)
    rows = [execution(house.job) for _ in range(3)]
    answers = threading.Event()

    async def hang(transaction: Transaction) -> str:
        await transaction.insert_job_executions(rows[:1])
        answers.wait()
        return "kept"

    begun = asyncio.create_task(store.write(hang))
    await asyncio.sleep(0)  # it is the first
    with pytest.raises(StoreUnavailable):
        await keep(store, rows[1])
    with pytest.raises(WriteUnderWay) as under_way:
        await begun
    assert not under_way.value.end.done()
    answers.set()
    assert await under_way.value.end == "kept"
    await keep(store, rows[2])
    found = await store.read(lambda reads: reads.job_executions_of_account(house.account.id, ALL))
    assert ids(found) == [rows[2].id, rows[0].id]
    await store.close()


async def test_a_read_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, patience=0.05)
    answers = threading.Event()

    async def hang(reads: Reads) -> None:
        answers.wait()

    with pytest.raises(StoreUnavailable):
        await store.read(hang)
    answers.set()
    await store.close()


# -- statements


def test_every_statement_is_used() -> None:
    folder = Path(sqlite.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    assert [name for name in statements() if not is_named(name, code)] == []


# -- the lock

HOLD = """
import sys, pathlib
from data_factory.store.sqlite.lock import DirectoryLock
lock = DirectoryLock(pathlib.Path(sys.argv[1]), "serves http://127.0.0.1:1234")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_told_who_holds_it_until_that_one_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        for _ in range(2):
            told = f"in use by process {holder.pid}, which serves http://127.0.0.1:1234. Stop it, or choose another"
            with pytest.raises(DirectoryInUse, match=told):
                DirectoryLock(tmp_path, "serves http://127.0.0.1:5678")
        holder.kill()
    DirectoryLock(tmp_path, "serves http://127.0.0.1:5678").release()


def test_a_lock_that_is_released_can_be_taken_in_the_same_process(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path, "is here")
    with pytest.raises(DirectoryInUse):
        DirectoryLock(tmp_path, "is there")
    lock.release()
    DirectoryLock(tmp_path, "is there").release()
