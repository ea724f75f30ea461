"""What only the PostgreSQL store does: its schema, its locks, its plans, and connections that are lost."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from data_factory.store import postgresql
from data_factory.store.clock import DistantClock
from data_factory.store.postgresql import PostgresqlStore, connections, peers
from data_factory.store.postgresql.database import connect, shown
from data_factory.store.postgresql.migrating import prepare
from data_factory.store.postgresql.statements import statements
from data_factory.store.promises import Reads, StaleWrite, StoreUnavailable, Transaction, WriteUnderWay
from tests.cable import Cable, Fate, is_commit
from tests.postgresql import PASSWORD, Database, PostgresServer, running_postgres
from tests.store.conftest import furnish
from tests.store.rows import ALL, NOW, attempt, claimed, done, ended, execution, ids, is_named, keep, log, started, task

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(database: Database, anyio_backend: str) -> AsyncIterator[PostgresqlStore]:
    store = PostgresqlStore(database.url)
    yield store
    await store.close()


@pytest.fixture
def empty(postgres: PostgresServer) -> Database:
    """A database without our schema."""
    return Database(postgres)


# -- the schema


async def test_a_migration_under_a_running_store_is_not_noticed(empty: Database) -> None:
    await prepare(empty.url)
    store = PostgresqlStore(empty.url)
    house = await furnish(store)
    for change in ("ADD COLUMN later text DEFAULT 'x'", "DROP COLUMN seq CASCADE, ADD COLUMN seq bigint"):
        assert await store.read(lambda reads: reads.tasks_by_id([house.task.id])) == [house.task]
        assert await store.write(lambda t: t.tasks_by_id([house.task.id])) == [house.task]
        await asyncio.to_thread(empty.sql, f"ALTER TABLE tasks {change}")
        assert await store.write(lambda t: t.tasks_by_id([house.task.id])) == [house.task]
        assert await store.read(lambda reads: reads.tasks_by_id([house.task.id])) == [house.task]
    await store.close()


# -- clear errors


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((PASSWORD, "wrong"), 'password authentication failed for user "tests"'),
        (("factory_", "nowhere_"), 'database "nowhere_[0-9]+" does not exist'),
        (("127.0.0.1:", "127.0.0.2:"), "cannot be reached"),
        (("://tests", "://nobody"), 'authentication failed for user "nobody"'),
    ],
)
async def test_a_database_that_cannot_be_used_is_refused_by_its_name(
    database: Database, change: tuple[str, str], said: str
) -> None:
    url = database.url.replace(*change)
    with pytest.raises(StoreUnavailable, match=said) as refused:
        await prepare(url)
    assert shown(url) in refused.value.message
    assert PASSWORD not in refused.value.message


async def test_a_database_of_another_encoding_is_refused(postgres: PostgresServer) -> None:
    other = Database(postgres)
    postgres.sql(f"DROP DATABASE {other.name}")
    postgres.sql(f"CREATE DATABASE {other.name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(StoreUnavailable, match="has the encoding LATIN1; it must be UTF8"):
        await prepare(other.url)


# -- the clock


async def test_the_time_is_that_of_the_database_whatever_this_machine_believes(
    store: PostgresqlStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert store.wall_ns() == 0
    await store.join(Alone())
    before, now, after = (
        int(await asyncio.to_thread(database.sql, MICROSECONDS)),
        store.wall_ns() // 1_000,
        int(await asyncio.to_thread(database.sql, MICROSECONDS)),
    )
    assert before - 500_000 < now < after + 500_000


async def test_the_time_is_asked_now_and_then_where_others_are_listened_to(
    store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "LOOK_S", 0.001)
    heeded: list[int] = []
    asked_often = asyncio.Event()

    def heed(self: DistantClock, answer: int, asked: int, answered: int) -> None:
        assert asked <= answered
        heeded.append(answer)
        if len(heeded) == 5:
            asked_often.set()

    monkeypatch.setattr(DistantClock, "heed", heed)
    await store.join(Alone())
    async with asyncio.timeout(60):
        await asked_often.wait()
    assert heeded == sorted(heeded)


MICROSECONDS = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


class Alone:
    """One of the processes on a database, that nobody tells anything."""

    async def arrive_first(self, chance_ms: int) -> None:
        return

    async def arrive(self) -> None:
        return

    def hear(self, news: str) -> None:
        raise AssertionError(news)

    def lose(self) -> None:
        return

    def come_back(self) -> None:
        return


async def test_a_lease_that_is_given_up_while_it_is_to_be_spared_is_left_alone(
    store: PostgresqlStore, database: Database
) -> None:
    """Workers are heard while leases are spared: what they have in hand is waited for, and seen as it is then."""
    house = await furnish(store)
    run = started(execution(house.job))
    held = [
        claimed(attempt(run, house.task.id, path=f"step-{n}"), lease_expires_at=NOW - 1, timer_at=NOW - 1)
        for n in range(2)
    ]
    await keep(store, run, *held)
    other = await asyncpg.connect(database.url)
    try:
        await other.execute("BEGIN")
        await other.execute("SELECT FROM task_executions WHERE id = $1 FOR UPDATE", held[0].id)
        sparing = asyncio.create_task(store.write(lambda t: t.spare_leases(NOW, NOW, 10_000, 9)))
        while not await other.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await other.execute(
            "UPDATE task_executions SET status = 'COMPLETED', lease_expires_at = NULL, timer_at = NULL, ended_at = $2, "
            "timeout_at = NULL WHERE id = $1",
            held[0].id,
            NOW,
        )
        await other.execute("COMMIT")
    finally:
        await other.close()
    assert await sparing == 2
    found = await store.read(lambda reads: reads.task_executions_of_job(house.account.id, run.id, ALL))
    assert [(row.status, row.lease_expires_at) for row in found] == [
        ("COMPLETED", None),
        ("IN_PROGRESS", NOW + min(10_000, held[1].lease_ms or 0)),
    ]


# -- connections that are lost


async def test_a_connection_cut_in_the_middle_is_made_again_and_the_work_too(
    store: PostgresqlStore, database: Database
) -> None:
    house = await furnish(store)
    rows = [task(house.account.id), task(house.account.id)]
    tries: list[int] = []

    async def work(transaction: Transaction) -> None:
        await transaction.insert_task(rows[0])
        tries.append(1)
        if len(tries) == 1:
            await asyncio.to_thread(database.cut)
        await transaction.insert_task(rows[1])

    await store.write(work)
    assert len(tries) == 2
    assert ids(await store.read(lambda reads: reads.tasks_of_account(house.account.id, ALL))) == [
        rows[1].id,
        rows[0].id,
        house.task.id,
    ]


@pytest.fixture
async def cable(postgres: PostgresServer, anyio_backend: str) -> AsyncIterator[Cable]:
    async with Cable(postgres.port) as cable:
        yield cable


@pytest.mark.parametrize("fate", [Fate.LOSE, Fate.LOSE_ANSWER])
async def test_a_commit_that_was_not_answered_is_found_out(database: Database, cable: Cable, fate: Fate) -> None:
    """The connection is lost with the COMMIT, or with its answer: it is kept once either way."""
    store = PostgresqlStore(cable.to(database.url))
    house = await furnish(store)
    row = task(house.account.id)
    fates = [fate]
    cable.fate = lambda message: fates.pop() if is_commit(message) and fates else Fate.PASS
    await keep(store, row)
    assert fates == []
    assert ids(await store.read(lambda reads: reads.tasks_of_account(house.account.id, ALL))) == [row.id, house.task.id]
    await store.close()


async def test_a_silent_database_is_not_waited_for_and_is_used_again_when_it_speaks(
    database: Database, cable: Cable
) -> None:
    """Every connection of the pool is dead without a word: that costs one user its patience, and not each in turn."""
    store = PostgresqlStore(cable.to(database.url))
    house = await furnish(store)
    store.patience = 1
    await asyncio.gather(*(store.read(lambda reads: reads.first_account()) for _ in range(10)))
    clock = asyncio.get_running_loop().time
    before, during, after = [execution(house.job) for _ in range(3)]
    await keep(store, before)
    with cable.silence():
        began = clock()
        with pytest.raises(StoreUnavailable):
            await keep(store, during)
        with pytest.raises(StoreUnavailable):
            await store.read(lambda reads: reads.first_account())
        assert clock() - began < 5 * store.patience
    await keep(store, after)  # or it would be refused, were it on a connection that is dead
    assert ids(await store.read(lambda reads: reads.job_executions_of_account(house.account.id, ALL))) == [
        after.id,
        before.id,
    ]
    await store.close()


async def test_a_session_that_fell_silent_within_a_message_does_not_keep_its_locks(
    database: Database, cable: Cable
) -> None:
    """The database waits for the rest of what it was asked, which it takes neither for idle nor for a statement."""
    store = PostgresqlStore(cable.to(database.url), patience=0.5)
    house = await furnish(store)

    async def hold(transaction: Transaction) -> None:
        await transaction.pipelines_by_id([house.pipeline.id])

    await store.write(hold)  # by now the statement is prepared
    cable.fate = lambda message: Fate.STALL if message[:1] == b"S" else Fate.PASS
    with pytest.raises(StoreUnavailable):
        await store.write(hold)
    cable.fate = lambda _: Fate.PASS
    refused = 0
    while True:
        try:
            await store.write(hold)
            break
        except StoreUnavailable:
            refused += 1
            assert refused < 20, "the session that is dead has kept its lock"
    await store.close()


@pytest.mark.parametrize("kept", [True, False])
async def test_whether_a_commit_was_kept_is_known_later_if_nobody_can_be_asked(
    database: Database, cable: Cable, kept: bool
) -> None:
    """And a commit that was lost is not tried again then: whoever was told that nobody knows may have done so."""
    store = PostgresqlStore(cable.to(database.url))
    house = await furnish(store)
    store.patience = 1
    row = execution(house.job)
    silence = cable.silence()

    def fate(message: bytes) -> Fate:
        if is_commit(message):
            cable.fate = lambda _: Fate.PASS
            if kept:
                asyncio.get_running_loop().call_soon(silence.__enter__)  # it still arrives; its answer does not
            else:
                silence.__enter__()
                return Fate.LOSE
        return Fate.PASS

    cable.fate = fate

    async def work(transaction: Transaction) -> str:
        await transaction.insert_job_executions([row])
        return "kept"

    with pytest.raises(WriteUnderWay) as under_way:
        await store.write(work)
    silence.__exit__(None, None, None)
    if kept:
        assert await under_way.value.end == "kept"
    else:
        with pytest.raises(StoreUnavailable):
            await under_way.value.end
    found = await store.read(lambda reads: reads.job_executions_of_account(house.account.id, ALL))
    assert ids(found) == [row.id] * kept
    await store.close()


async def test_a_database_that_has_come_back_is_not_stormed(
    store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ask at once: few connections are made at a time, and no more than are needed."""
    at_once, made = [0], []

    async def counted(url: str, patience: float) -> asyncpg.Connection[asyncpg.Record]:
        at_once.append(at_once[-1] + 1)
        made.append(await connect(url, patience))
        at_once.append(at_once[-1] - 1)
        return made[-1]

    monkeypatch.setattr(connections, "connect", counted)
    await asyncio.gather(*(store.read(lambda reads: reads.first_account()) for _ in range(50)))
    assert max(at_once) == connections.AT_ONCE
    assert len(made) <= connections.MOST


async def test_who_waits_has_the_next_connection_that_is_given_back_or_made(
    store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To make one takes longer than most work does."""
    in_use, go_on, made = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(url: str, patience: float) -> asyncpg.Connection[asyncpg.Record]:
        await made.wait()
        return await connect(url, patience)

    async def long(reads: Reads) -> None:
        in_use.set()
        await go_on.wait()

    first = asyncio.create_task(store.read(long))
    await in_use.wait()
    monkeypatch.setattr(connections, "connect", slow)
    second, third = (asyncio.create_task(store.read(long)) for _ in range(2))
    await asyncio.sleep(0)
    in_use.clear()
    go_on.set()
    await asyncio.gather(first, second, third)
    assert in_use.is_set() and not made.is_set()
    made.set()


async def test_a_connection_that_comes_too_late_for_one_is_the_next_ones(
    store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = store._connections
    monkeypatch.setattr(connections, "MOST", 1)
    only = await pool.take()
    late, next_one = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    pool.give_back(only)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert await next_one is only
    pool.give_back(only)


async def test_to_close_does_not_wait_for_a_database_that_is_gone(database: Database, cable: Cable) -> None:
    store = PostgresqlStore(cable.to(database.url))
    house = await furnish(store)
    store.patience = 1
    silence = cable.silence()

    def fate(message: bytes) -> Fate:
        if is_commit(message):
            silence.__enter__()
        return Fate.PASS

    cable.fate = fate
    with pytest.raises(WriteUnderWay) as under_way:
        await keep(store, execution(house.job))
    async with asyncio.timeout(30):
        await store.close()
    assert under_way.value.end.cancelled()


async def test_a_session_that_stands_still_in_a_transaction_is_ended_by_the_database(database: Database) -> None:
    """Or a server that is stopped in the middle of something would hold up all others."""
    connection = await connect(database.url, 2)
    await connection.execute("BEGIN; LOCK TABLE tasks")
    store = PostgresqlStore(database.url)
    house = await furnish(store)
    assert await store.read(lambda reads: reads.tasks_by_id([house.task.id])) == [house.task]
    with pytest.raises((asyncpg.IdleInTransactionSessionTimeoutError, asyncpg.InterfaceError)):
        await connection.execute("COMMIT")
    await store.close()


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that may be stopped and killed."""
    with running_postgres() as server:
        server.sql("CREATE DATABASE own TEMPLATE template0")
        asyncio.run(prepare(f"{server.url}/own"))
        yield server


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
async def test_the_database_restarts_under_load(own_server: PostgresServer, number: signal.Signals) -> None:
    """What was confirmed is there, what was refused is not, and the same store works again as soon as it can."""
    store = PostgresqlStore(f"{own_server.url}/own")
    house = await furnish(store)
    confirmed: list[str] = []
    refused: list[str] = []
    over = False

    async def load() -> None:
        while not over:
            row = task(house.account.id)
            try:
                await keep(store, row)
            except StoreUnavailable:
                refused.append(row.id)
                await asyncio.sleep(0.01)
            else:
                confirmed.append(row.id)

    async def confirmed_more() -> None:
        end = len(confirmed) + 50
        while len(confirmed) < end:  # noqa: ASYNC110 - it is the database that is waited for
            await asyncio.sleep(0.01)

    loads = [asyncio.create_task(load()) for _ in range(8)]
    for _ in range(2):
        await confirmed_more()
        await asyncio.to_thread(own_server.stop, number)
        with pytest.raises(StoreUnavailable):
            await store.read(lambda reads: reads.first_account())
        await asyncio.to_thread(own_server.start)
    await confirmed_more()
    over = True
    await asyncio.gather(*loads)
    there = own_server.sql("SELECT id FROM tasks", database="own").split()
    assert {*confirmed} <= {*there} and not {*refused} & {*there}
    assert len(there) == len({*there})
    assert refused
    await store.close()


async def test_a_reader_cannot_write(store: PostgresqlStore) -> None:
    house = await furnish(store)

    async def work(reads: Reads) -> None:
        await reads._connection.execute("DELETE FROM job_versions")  # type: ignore[attr-defined]

    with pytest.raises(StoreUnavailable):
        await store.read(work)
    assert len(await store.read(lambda reads: reads.job_versions([(house.job.id, 1)]))) == 1


# -- locks


async def test_what_one_hands_out_another_skips(store: PostgresqlStore, database: Database) -> None:
    house = await furnish(store)
    run = started(execution(house.job))
    rows = [attempt(run, house.task.id, path=f"step-{n}") for n in range(4)]
    await keep(store, run, *rows)
    other = PostgresqlStore(database.url)

    async def outer(transaction: Transaction) -> None:
        mine = await transaction.claimable_task_executions({house.task.id: 2})
        theirs = await other.write(lambda t: t.claimable_task_executions({house.task.id: 4}))
        assert (ids(mine), ids(theirs)) == (ids(rows[:2]), ids(rows[2:]))
        assert await other.write(lambda t: t.claimable_tasks([house.task.id])) == [house.task.id]

    await store.write(outer)
    await other.close()


async def test_whoever_holds_a_pipeline_makes_others_wait(store: PostgresqlStore, database: Database) -> None:
    house = await furnish(store)
    other = PostgresqlStore(database.url)
    order: list[str] = []

    async def second(transaction: Transaction) -> None:
        await transaction.pipelines_by_id([house.pipeline.id])
        order.append("second")

    async def first(transaction: Transaction) -> asyncio.Task[None]:
        await transaction.pipelines_by_id([house.pipeline.id])
        waiting = asyncio.create_task(other.write(second))
        await asyncio.sleep(0.1)
        order.append("first")
        return waiting

    await (await store.write(first))
    assert order == ["first", "second"]
    await other.close()


async def test_a_circle_is_broken_and_both_are_kept(store: PostgresqlStore) -> None:
    """Nothing of ours waits in a circle; should something do so one day, it is tried again."""
    house = await furnish(store)
    other = replace(house.pipeline, id="f" * 24, is_default=0)
    await keep(store, other)
    both = asyncio.Barrier(2)
    tries: list[str] = []

    async def grow(transaction: Transaction, first: str, second: str) -> None:
        tries.append(first)
        [row] = await transaction.pipelines_by_id([first])
        if len(tries) <= 2:
            await both.wait()
        [last] = await transaction.pipelines_by_id([second])
        await transaction.update_pipelines([replace(row, slots=row.slots + 1), replace(last, slots=last.slots + 1)])

    await asyncio.gather(
        store.write(lambda t: grow(t, house.pipeline.id, other.id)),
        store.write(lambda t: grow(t, other.id, house.pipeline.id)),
    )
    assert len(tries) == 3
    found = await store.read(lambda reads: reads.pipelines_by_id([house.pipeline.id, other.id]))
    assert [row.slots for row in found] == [3, 3]


async def test_cut_connections_do_not_count_as_others_that_were_in_the_way(store: PostgresqlStore) -> None:
    """Of each there may be three: neither says that the work is impossible."""
    met: list[Exception] = [StaleWrite("changed meanwhile"), ConnectionResetError("cut")] * 3

    async def work(_: Transaction) -> str:
        if met:
            raise met.pop()
        return "kept"

    assert await store.write(work) == "kept"


async def test_who_was_in_the_way_when_time_ran_out_may_be_gone_at_the_next_try(
    store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is refused as something that can be asked again, not as something that can never be kept."""
    late = asyncio.get_running_loop().time() + store.patience

    async def work(_: Transaction) -> None:
        monkeypatch.setattr(postgresql, "_now", lambda: late)
        raise StaleWrite("changed meanwhile")

    with pytest.raises(StoreUnavailable):
        await store.write(work, within=store.patience / 2)


async def test_a_task_is_not_deleted_while_a_job_that_names_it_is_published(store: PostgresqlStore) -> None:
    house = await furnish(store)
    found: list[list[str]] = []

    async def delete(transaction: Transaction) -> None:
        found.append(ids(await transaction.jobs_using_task(house.task.id)))

    async def publish(transaction: Transaction) -> asyncio.Task[None]:
        await transaction.tasks_by_key(house.account.id, [house.task.key])
        deleting = asyncio.create_task(store.write(delete))
        await asyncio.sleep(0.1)
        made = replace(house.job, id="e" * 24, key="another")
        version = (await transaction.job_versions([(house.job.id, 1)]))[0]
        await transaction.insert_job(made, replace(version, job_id=made.id), [house.task.id])
        return deleting

    await (await store.write(publish))
    assert found == [["e" * 24]]


# -- statements


def test_every_statement_is_used() -> None:
    folder = Path(postgresql.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    assert [name for name in statements() if not is_named(name, code)] == []


QUESTIONS = [name for name, one in statements().items() if "FROM" in one.sql and "pg_" not in one.sql]
SMALL = {"first_account", "forget_commits", "forget_migration", "accounts", "sealed_otherwise"}
"""May look at a whole table, because it is small."""


@pytest.mark.parametrize("name", QUESTIONS)
async def test_every_plan_reads_by_an_index(database: Database, name: str) -> None:
    """On empty tables, which is when plans are made; the session's settings keep them from reading whole tables."""
    connection = await connect(database.url)
    one = statements()[name]
    numbers = ", ".join(["NULL"] * len(one.parameters))
    await connection.execute(f"PREPARE question AS {one.sql}")
    [[plan]] = await connection.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE question{f'({numbers})' if numbers else ''}")
    await connection.close()
    nodes = re.findall(r'"Node Type": "(.+?)"', json.dumps(json.loads(plan)))
    assert name in SMALL or "Seq Scan" not in nodes
    assert "Hash Join" not in nodes and "Merge Join" not in nodes


IN_THEIR_ORDER = [
    "pending_job_executions",
    "claimable_task_executions",
    "pending_before",
    "job_executions_of_account",
    "job_executions_of_job",
    "logs_of_job",
]
"""What finds the first of many, in an order that is that of the table too."""


async def test_nobody_goes_through_all_there_is_to_find_the_first(store: PostgresqlStore, database: Database) -> None:
    """Where half of all there is waits in one queue, it looks as if one came upon it soon on the way through the table.
    But what waits is the youngest, and all that has ended comes before it."""
    house = await furnish(store)
    over = [ended(execution(house.job)) for _ in range(2_000)]
    waiting = [execution(house.job) for _ in range(2_000)]
    attempts = [attempt(one, house.task.id) for one in (*over, *waiting)]
    attempts[:2_000] = [done(claimed(one)) for one in attempts[:2_000]]
    await store.write(lambda t: t.insert_job_executions([*over, *waiting]))
    await store.write(lambda t: t.insert_task_executions(attempts))
    await store.write(lambda t: t.insert_logs([log(over[0]) for _ in over], []))
    connection = await connect(database.url)
    await connection.execute("ANALYZE")
    for name in IN_THEIR_ORDER:
        one = statements()[name]
        await connection.execute(f"PREPARE {name} AS {one.sql}")
        numbers = ", ".join(["NULL"] * len(one.parameters))
        plan = await connection.fetch(f"EXPLAIN EXECUTE {name}({numbers})")
        assert "_pkey" not in str(plan), name
    await connection.close()


def rows_read(node: dict[str, Any]) -> int:
    """How many rows the tables gave, be it that they were not wanted."""
    each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) if "Index" in node["Node Type"] else 0
    return int(each * node["Actual Loops"]) + sum(map(rows_read, node.get("Plans", ())))


async def test_a_find_reads_no_more_than_its_window(store: PostgresqlStore, database: Database) -> None:
    """Of what job executions have, too, which is in no order for a whole account: it is not all sorted first."""
    house = await furnish(store)
    runs = [ended(execution(house.job)) for _ in range(1_000)]
    before, after = ([ended(execution(house.job, account_id="f" * 24)) for _ in range(1_000)] for _ in range(2))
    attempts = [attempt(run, house.task.id, f"step{number}") for run in runs for number in range(3)]
    await store.write(lambda t: t.insert_job_executions([*runs[:500], *before, runs[500], *after, *runs[501:]]))
    await store.write(lambda t: t.insert_task_executions(attempts))
    await store.write(lambda t: t.insert_logs([log(run) for run in runs for _ in range(3)], []))
    connection = await connect(database.url)
    await connection.execute("ANALYZE")
    asked: dict[str, str] = {
        "account_id": f"'{house.account.id}'",
        "cursor": f"'{runs[500].id}'",
        "window": "20",
        "limit": "10",
        "statuses": "'{SCHEDULED,info}'",
        "since": "0",
        "until": str(NOW),
    }
    for name in [one for one in statements() if re.fullmatch(r"scan_of_(task_executions|logs)_of_account\w*", one)]:
        one = statements()[name]
        await connection.execute(f"PREPARE {name} AS {one.sql}")
        values = ", ".join(asked[parameter] for parameter in one.parameters)
        [[plan]] = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {name}({values})")
        assert 0 < rows_read(json.loads(plan)[0]["Plan"]) < 100, name
    await connection.close()


async def test_a_commit_is_on_the_disk_when_it_returns(database: Database) -> None:
    database.server.sql(f"ALTER DATABASE {database.name} SET synchronous_commit = off")
    try:
        store = PostgresqlStore(database.url)

        async def work(reads: Reads) -> str:
            return str(await reads._connection.fetchval("SHOW synchronous_commit"))  # type: ignore[attr-defined]

        assert await store.read(work) == "on"
        await store.close()
    finally:
        database.server.sql(f"ALTER DATABASE {database.name} RESET synchronous_commit")


async def test_times_as_large_as_they_get(store: PostgresqlStore) -> None:
    house = await furnish(store)
    run = execution(house.job, created_at=2**63 - 1)
    await keep(store, run)
    assert await store.read(lambda reads: reads.job_execution(house.account.id, run.id)) == run
    with pytest.raises(asyncpg.DataError):
        await keep(store, execution(house.job, created_at=2**63))
    assert NOW < 2**63
