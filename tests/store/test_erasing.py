"""Job executions that are deleted: gone at once, and their rows erased some at a time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from data_factory.model.records import FileReaderRecord, IdempotencyRecord, LinkRecord, LogTallyRecord
from data_factory.service.erasing import Erasing
from data_factory.store.postgresql import PostgresqlStore
from data_factory.store.promises import Store, Transaction
from data_factory.store.sqlite import SqliteStore
from data_factory.store.sqlite.database import FILE_NAME
from tests.postgresql import Database
from tests.store.conftest import House, furnish
from tests.store.rows import (
    ALL,
    NOW,
    arrive,
    attempt,
    claimed,
    delivery,
    done,
    ended,
    event,
    execution,
    file,
    keep,
    log,
    new_id,
    started,
    webhook,
)

pytestmark = pytest.mark.anyio


ERASED = {"task_executions", "logs", "log_tallies", "webhooks", "file_readers"}
"""Where rows of a job execution go with it."""

LEFT = {"events", "webhook_deliveries"}
"""Where they stay for a time of their own: the audit, and what webhooks were told."""


def tables_of_executions(directory: Path) -> set[str]:
    """The tables whose rows are of a job execution, as the schema of SQLite has them; PostgreSQL's has the same."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as database:
        rows = database.execute(
            "SELECT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c"
            " WHERE m.type = 'table' AND c.name = 'job_execution_id'"
        )
        return {name for (name,) in rows}


def count_of(directory: Path, table: str, id: str) -> int:
    with closing(sqlite3.connect(directory / FILE_NAME)) as database:
        [(count,)] = database.execute(f"SELECT count(*) FROM {table} WHERE job_execution_id = ?", [id])  # noqa: S608
        return int(count)


async def test_of_each_table_it_is_decided_whether_its_rows_go_or_stay(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    house = await furnish(store)
    mine, run = house.account.id, ended(started(execution(house.job)))
    await keep(store, run, done(claimed(attempt(run, house.task.id))))
    hook = webhook(mine, job_execution_id=run.id)
    await store.write(lambda t: t.insert_logs([log(run)], [LogTallyRecord(run.id, mine, 1, 4, run.job_id, 1)]))
    await store.write(lambda t: t.insert_webhook(hook))
    await store.write(lambda t: t.insert_deliveries([delivery(hook, job_execution_id=run.id)]))
    await store.write(lambda t: t.insert_events([event(run)]))
    read = await arrive(store, file(mine))
    await store.write(lambda t: t.let_read([FileReaderRecord(read.id, new_id(), run.id, owner_id=mine)]))
    tables = tables_of_executions(tmp_path)
    assert tables == ERASED | LEFT, "does a row of a new table go with its job execution, or stay?"
    assert {table for table in tables if count_of(tmp_path, table, run.id)} == tables, "the test knows them all"
    await store.write(lambda t: t.begin_erasing([run.id], NOW))
    await Erasing(store, lambda: NOW, new_id).run_once(NOW)
    assert {table for table in tables if count_of(tmp_path, table, run.id)} == LEFT
    await store.close()


async def of_five_each(store: Store, house: House, count: int) -> list[str]:
    """Deleted job executions of five task executions each, of which nothing is erased yet."""
    runs = [ended(started(execution(house.job))) for _ in range(count)]
    rows = [done(claimed(attempt(run, house.task.id, path=f"t{n}"))) for run in runs for n in range(5)]
    await keep(store, *runs, *rows)
    ids = [run.id for run in runs]
    await store.write(lambda t: t.begin_erasing(ids, NOW))
    return ids


async def left_of(store: Store, house: House, ids: Sequence[str]) -> int:
    found = [await store.read(lambda r, id=id: r.traces_of_job(house.account.id, id)) for id in ids]  # type: ignore[misc]
    return sum(map(len, found))


async def test_two_servers_erase_at_once_each_something_else(database: Database) -> None:
    one, other = PostgresqlStore(database.url), PostgresqlStore(database.url)
    house = await furnish(one)
    ids = await of_five_each(one, house, 8)
    erased: list[int] = []

    async def erase(store: Store) -> None:
        while await store.write(lambda t: t.erase_some(2)):
            erased.append(1)

    await asyncio.gather(erase(one), erase(other), erase(one))
    while await one.write(lambda t: t.erase_some(2)):  # what the others held when they looked
        erased.append(1)
    assert len(erased) == 8 * 3, "two, two and one of each, and nothing twice"
    assert await left_of(one, house, ids) == 0
    for store in (one, other):
        await store.close()


async def test_a_log_that_is_written_while_its_job_execution_is_deleted_goes_with_it(database: Database) -> None:
    one, other = PostgresqlStore(database.url), PostgresqlStore(database.url)
    house = await furnish(one)
    run = ended(started(execution(house.job)))
    await keep(one, run)

    async def delete() -> int:
        count = await other.write(lambda t: t.begin_erasing([run.id], NOW))
        await Erasing(other, lambda: NOW, new_id).run_once(NOW)
        return count

    async def write(transaction: Transaction) -> asyncio.Task[int]:
        tallies = await transaction.log_tallies([run.id])
        deleting = asyncio.create_task(delete())
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while not deleting.done() and await asyncio.to_thread(database.sql, waits) == "0":
            pass
        await transaction.insert_logs([log(run)], [replace(one, logs=1, bytes=4) for one in tallies])
        return deleting

    deleting = await one.write(write)
    assert await deleting == 1
    for table in ("logs", "log_tallies", "erasures"):
        assert database.sql(f"SELECT count(*) FROM {table}") == "0"  # noqa: S608 - our own names
    assert await one.write(lambda t: t.log_tallies([run.id])) == [], "nothing more can be logged of it"
    for store in (one, other):
        await store.close()


async def test_what_is_deleted_is_gone_at_once_and_erased_in_portions(store: Store, house: House) -> None:
    mine = house.account.id
    run = ended(started(execution(house.job)))
    other, running = ended(started(execution(house.job))), started(execution(house.job))
    rows = [done(claimed(attempt(run, house.task.id, path=f"t{number}"))) for number in range(5)]
    kept = done(claimed(attempt(other, house.task.id)))
    await keep(store, run, other, running, *rows, kept)
    logs = [log(run), log(other)]
    tallies = [LogTallyRecord(one.job_execution_id, mine, 1, 4, run.job_id, 1) for one in logs]
    await store.write(lambda t: t.insert_logs(logs, sorted(tallies, key=lambda tally: tally.job_execution_id)))
    await store.write(lambda t: t.insert_links([LinkRecord(run.id, mine, other.id, "RERUN", "[]")]))
    keys = [IdempotencyRecord(mine, name, "f", one.id, one.created_at) for name, one in (("a", run), ("b", other))]
    await store.write(lambda t: t.insert_idempotency_keys(keys, 0))
    assert await store.write(lambda t: t.begin_erasing([run.id, running.id, "not\0hing"], NOW)) == 1
    assert await store.write(lambda t: t.begin_erasing([run.id], NOW)) == 0
    assert await store.read(lambda reads: reads.job_execution(mine, run.id)) is None
    assert await store.read(lambda reads: reads.job_execution(mine, running.id)) == running
    assert await store.read(lambda reads: reads.task_execution(mine, rows[0].id)) is None, "nobody sees a half of it"
    assert await store.read(lambda reads: reads.idempotency_keys([(mine, "a"), (mine, "b")])) == keys[1:]
    portions = 0
    while await store.write(lambda t: t.erase_some(2)):
        portions += 1
    assert portions == 3
    assert await store.read(lambda reads: reads.task_executions_of_job(mine, run.id, ALL)) == []
    assert await store.read(lambda reads: reads.logs_of_job(mine, run.id, ["info"], ALL)) == []
    assert await store.read(lambda reads: reads.links_of([run.id])) == []
    assert await store.read(lambda reads: reads.task_executions_of_job(mine, other.id, ALL)) == [kept]
    assert len(await store.read(lambda reads: reads.logs_of_job(mine, other.id, ["info"], ALL))) == 1


async def test_what_is_old_is_deleted_by_itself(store: Store, house: House) -> None:
    mine = house.account.id
    old = [ended(started(execution(house.job)), ended_at=NOW + age, status="FAILED") for age in range(3)]
    young, running = ended(started(execution(house.job)), ended_at=NOW + 10), started(execution(house.job))
    await keep(store, *old, young, running)
    aged = await store.read(lambda reads: reads.aged_job_executions(mine, 0, 2))
    assert [row.id for row in aged] == [row.id for row in old[:2]]
    later = await store.read(lambda reads: reads.aged_job_executions(mine, aged[-1].seq, 10))
    assert [row.id for row in later] == [old[2].id, young.id, running.id]
    erasing = Erasing(store, lambda: NOW, new_id, keep_ms=1_000)
    plan = await erasing.purge(mine, NOW + 3, ["FAILED", "TIMEDOUT"], dry_run=True)
    assert (dict(plan.by_status), plan.next) == ({"FAILED": 3}, None)
    assert (await erasing.purge(mine, NOW + 3, ["COMPLETED"])).by_status.total() == 0
    assert await erasing.run_once(NOW + 1_003) == 3
    assert await erasing.run_once(NOW + 1_003) == 0
    left = await store.read(lambda reads: reads.job_executions_of_account(mine, ALL))
    assert [row.id for row in left] == [running.id, young.id]
