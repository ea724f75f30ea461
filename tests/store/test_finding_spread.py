"""A find among what job executions have, on each store: one by one in their order, whatever the rows are cut into, and
of an account nothing but what it has launched."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from data_factory.api.lists import FIELDS
from data_factory.api.presenting import iso, present_log, present_task_execution
from data_factory.model.criteria import Criterion
from data_factory.model.records import JobExecutionRecord, LogRecord, TaskExecutionRecord
from data_factory.model.resources import Log, TaskExecution
from data_factory.service import spreads
from data_factory.service.finding import Finding, Order, Scan, Search, Spread
from data_factory.service.paging import Part
from data_factory.store.promises import Store
from tests.store.conftest import House, furnish
from tests.store.rows import NOW, attempt, claimed, done, execution, ids, keep, log, new_id, started

pytestmark = pytest.mark.anyio

Row = TaskExecutionRecord | LogRecord
KINDS = ("task executions", "logs")


class Shelf(msgspec.Struct):
    """What two accounts have: in the order in which it was launched, and in that in which it was made."""

    mine: list[tuple[JobExecutionRecord, list[Row]]]
    theirs: list[tuple[JobExecutionRecord, list[Row]]]
    items: Spread[Any]
    fields: Any


async def fill(store: Store, house: House, kind: str, chance: random.Random) -> Shelf:
    """Some job executions, most of them without anything, and what the others have, kept in no order."""
    other = await furnish(store)
    runs = [started(execution(chance.choice([house.job, other.job]))) for _ in range(20)]
    guest = started(execution(other.job, account_id=house.account.id, job_account_id=other.account.id))
    runs.insert(7, guest)
    await keep(store, *runs)
    held: dict[str, list[Row]] = {run.id: [] for run in runs}
    for number in range(90):
        run = guest if number % 9 == 0 else chance.choice(runs[::3])
        row = made(run, kind, house, number, chance)
        held[run.id].append(row)
        await put(store, row)
    sides: dict[bool, list[tuple[JobExecutionRecord, list[Row]]]] = {True: [], False: []}
    for run in runs:
        sides[run.account_id == house.account.id].append((run, held[run.id]))
    make, fields = (spreads.task_executions, TaskExecution) if kind == KINDS[0] else (spreads.logs, Log)
    show: Any = present_task_execution if kind == KINDS[0] else present_log
    return Shelf(sides[True], sides[False], make(house.account.id, show), FIELDS[fields])


def made(run: JobExecutionRecord, kind: str, house: House, number: int, chance: random.Random) -> Row:
    at = NOW + chance.randrange(-30, 30)
    if kind == KINDS[1]:
        severity: Any = chance.choice(["info", "warning", "error"])
        return log(run, severity=severity, message=chance.choice(["half", "Done"]), created_at=at)
    row = attempt(run, house.task.id, f"step{number}", created_at=at, account_id=run.job_account_id, input='{"n":1}')
    held = claimed(row, worker_id="a worker")
    return chance.choice([row, held, done(held, output='{"m":2}')])


async def put(store: Store, row: Row) -> None:
    if isinstance(row, LogRecord):
        await store.write(lambda t: t.insert_logs([row], []))
    else:
        await keep(store, row)


def in_order(shelf: list[tuple[JobExecutionRecord, list[Row]]], ascending: bool) -> Iterator[Row]:
    """What is found if all is wanted."""
    for _, rows in shelf if ascending else shelf[::-1]:
        yield from rows if ascending else rows[::-1]


async def read(store: Store, shelf: Shelf, search: Search, sizes: tuple[int, int, int], one: str | None) -> list[str]:
    """The ids of all that is found, page by page."""
    window, limit, size = sizes
    found: list[str] = []
    cursor: str | None = None
    for _ in range(300):
        part = Part(cursor=cursor, limit=size)
        page = await Finding(store, window, limit).spread(shelf.items, search, part, one)
        assert len(page.records) <= size
        found += ids(page.records)
        cursor = page.go_on
        if cursor is None:
            return found
    raise AssertionError("it comes to no end")


def some_criterion(chance: random.Random, kind: str, runs: list[str]) -> tuple[Criterion, Any]:
    """A criterion, and what it says of a row."""
    least = NOW + chance.randrange(-30, 30)
    id = chance.choice(runs)
    state, states = ("status", ["SCHEDULED", "COMPLETED"]) if kind == KINDS[0] else ("severity", ["info", "error"])
    since = Criterion(type="greaterOrEqual", field="createdAt", value=iso(least))
    some = Criterion(type="in", field=state, value=states)
    other = Criterion(type="neq", field=state, value=states[0])
    of_one = Criterion(type="eq", field="jobExecutionId", value=id)
    both, either = Criterion(type="and", queries=(some, since)), Criterion(type="or", queries=(of_one, some))
    choices: list[tuple[Criterion, Any]] = [
        (Criterion(), lambda row: True),
        (some, lambda row: getattr(row, state) in states),
        (other, lambda row: getattr(row, state) != states[0]),
        (since, lambda row: row.created_at >= least),
        (of_one, lambda row: row.job_execution_id == id),
        (both, lambda row: getattr(row, state) in states and row.created_at >= least),
        (either, lambda row: row.job_execution_id == id or getattr(row, state) in states),
    ]
    return chance.choice(choices)


@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_found_in_its_order_however_it_is_cut(store: Store, house: House, kind: str) -> None:
    chance = random.Random(11)
    shelf = await fill(store, house, kind, chance)
    runs = [run.id for run, _ in (*shelf.mine, *shelf.theirs)]
    for number in range(60):
        criterion, holds = some_criterion(chance, kind, runs)
        ascending = chance.random() < 0.5
        sizes = chance.choice([(1, 1), (7, 5), (100, 100), (20, 100), (100, 9)]) + (chance.choice([1, 3, 100]),)
        search = Search(criterion, Order(ascending=ascending), shelf.fields)
        found = await read(store, shelf, search, sizes, None)
        expected = [row.id for row in in_order(shelf.mine, ascending) if holds(row)]
        assert found == expected, (number, criterion, ascending, sizes)


@pytest.mark.parametrize("kind", KINDS)
async def test_of_one_job_execution_nothing_else_is_found(store: Store, house: House, kind: str) -> None:
    shelf = await fill(store, house, kind, random.Random(12))
    for ascending in (True, False):
        search = Search(Criterion(), Order(ascending=ascending), shelf.fields)
        for side in (shelf.mine, shelf.theirs):
            for run, rows in side:
                expected = ids(rows if ascending else rows[::-1]) if side is shelf.mine else []
                for sizes in ((1, 1, 1), (3, 3, 2), (100, 100, 100)):
                    assert await read(store, shelf, search, sizes, run.id) == expected
                scan = Scan(None, ascending, shelf.items.states, 0, 2 * NOW, 100, 100)
                seen = await store.read(lambda reads, id=run.id, scan=scan: shelf.items.scan(reads, id, scan))  # type: ignore[misc]
                assert [one.id or one.cursor for one in seen] == (expected or [run.id] if side is shelf.mine else [])


@pytest.mark.parametrize("kind", KINDS)
async def test_it_goes_on_after_a_job_execution_and_not_after_what_is_another_s(
    store: Store, house: House, kind: str
) -> None:
    shelf = await fill(store, house, kind, random.Random(13))
    everything = Search(Criterion(), Order(), shelf.fields)

    async def after(cursor: str) -> list[str]:
        return ids((await Finding(store).spread(shelf.items, everything, Part(cursor=cursor, limit=100))).records)

    for place, (run, _) in enumerate(shelf.mine):
        assert await after(run.id) == ids(in_order(shelf.mine[:place], ascending=False))
    for odd in (new_id(), shelf.theirs[-1][0].id, next(in_order(shelf.theirs, ascending=False)).id):
        assert await after(odd) == []


async def test_a_find_that_is_sorted_otherwise_sorts_all_of_one_job_execution(store: Store, house: House) -> None:
    run = started(execution(house.job))
    rows = [attempt(run, house.task.id, f"step{number}", input='{"n":1}') for number in (2, 0, 3, 1)]
    await keep(store, run, *rows)
    items = spreads.task_executions(house.account.id, present_task_execution)
    search = Search(Criterion(), Order("taskReferenceName", ascending=True), FIELDS[TaskExecution])
    first = await Finding(store).spread(items, search, Part(limit=3), run.id)
    assert first.records == [rows[1], rows[3], rows[0]]
    rest = await Finding(store).spread(items, search, Part(cursor=first.go_on, limit=3), run.id)
    assert (rest.records, rest.go_on) == ([rows[2]], None)
    alike = Search(Criterion(), Order("attempt"), FIELDS[TaskExecution])
    assert (await Finding(store).spread(items, alike, Part(limit=9), run.id)).records == rows


async def test_what_is_large_ends_a_page_and_nothing_is_left_out(store: Store, house: House) -> None:
    run = started(execution(house.job))
    large = '{"x":"%s"}' % ("x" * 1_000)
    rows = [attempt(run, house.task.id, f"step{number}", input=large) for number in range(10)]
    await keep(store, run, *rows)
    items = spreads.task_executions(house.account.id, present_task_execution)
    for order in (Order(), Order(ascending=True), Order("taskReferenceName", ascending=True)):
        search = Search(Criterion(), order, FIELDS[TaskExecution])
        found: list[TaskExecutionRecord] = []
        cursor: str | None = None
        for _ in range(20):
            part = Part(cursor=cursor, limit=100, max_bytes=2_500)
            page = await Finding(store).spread(items, search, part, run.id)
            assert len(page.records) <= 3
            found += page.records
            cursor = page.go_on
            if cursor is None:
                break
        assert found == (rows[::-1] if order == Order() else rows), order


async def test_a_guest_finds_nothing_by_what_only_the_owner_sees(store: Store, house: House) -> None:
    other = await furnish(store)
    run = started(execution(other.job, account_id=house.account.id, job_account_id=other.account.id))
    row = claimed(attempt(run, other.task.id, account_id=other.account.id, input='{"token":"t"}'), worker_id="theirs")
    await keep(store, run, row)

    async def found(account_id: str, criterion: Criterion) -> list[TaskExecutionRecord]:
        items = spreads.task_executions(account_id, present_task_execution)
        return (await Finding(store).spread(items, Search(criterion, Order(), FIELDS[TaskExecution]), Part())).records

    (shown,) = await found(house.account.id, Criterion())
    assert shown == replace(row, input="{}", output="{}", worker_id=None)
    assert await found(house.account.id, Criterion(type="eq", field="workerId", value="theirs")) == []
    assert await found(other.account.id, Criterion()) == []
