"""A find on each store gives what a plain reading of the criterion gives, however the rows are narrowed and cut."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest

from data_factory.api.lists import FIELDS
from data_factory.api.presenting import iso
from data_factory.model.criteria import Criterion
from data_factory.model.records import JobExecutionRecord, TaskRecord
from data_factory.model.resources import JobExecution, Task
from data_factory.service.finding import Finding, Listed, Order, Search
from data_factory.service.paging import Part
from data_factory.store.promises import Store, Transaction
from tests.store.conftest import House
from tests.store.rows import NOW, ended, execution, job, keep, new_id, started, task

pytestmark = pytest.mark.anyio

TITLES = ("\u00c9t\u00e9", "\u00e9TE", "stra\u00dfe", "STRASSE", "a_b%c", "")


def plainly(row: JobExecutionRecord, one: Criterion) -> bool:
    """What a criterion says, read word by word."""
    if one.type in ("and", "or"):
        said = [plainly(row, inner) for inner in one.queries or ()]
        return all(said) if one.type == "and" else any(said)
    value: Any = {
        "status": row.status,
        "jobId": row.job_id,
        "info.title": row.title,
        "createdAt": iso(row.created_at),
        "endedAt": None if row.ended_at is None else iso(row.ended_at),
    }[str(one.field)]
    wanted = one.value
    if one.field in ("jobId", "info.title") and not one.case_sensitive:
        value = value.casefold()
        wanted = [each.casefold() for each in wanted] if isinstance(wanted, list) else wanted.casefold()
    match one.type:
        case "eq":
            return bool(value == wanted)
        case "neq":
            return bool(value != wanted)
        case "in":
            return value in wanted
        case "exists":
            return (value is not None) == wanted
        case "contains":
            return wanted in value
        case "startsWith":
            return bool(value.startswith(wanted))
        case "greater":
            return value is not None and value > wanted
        case "lowerOrEqual":
            return value is not None and value <= wanted
    raise AssertionError(one)


def some_criterion(chance: random.Random, jobs: list[str], depth: int = 0) -> Criterion:
    type: Any
    kind = chance.choice(["status", "statuses", "job", "title", "time", "ended", "tree"] if depth < 2 else ["status"])
    match kind:
        case "status":
            type = chance.choice(["eq", "neq"])
            return Criterion(type=type, field="status", value=chance.choice(["PENDING", "FAILED"]))
        case "statuses":
            return Criterion(type="in", field="status", value=["RUNNING", "COMPLETED"])
        case "job":
            return Criterion(type="eq", field="jobId", value=chance.choice(jobs), case_sensitive=chance.random() < 0.5)
        case "title":
            type = chance.choice(["eq", "neq", "contains", "startsWith"])
            sensitive = chance.random() < 0.5
            return Criterion(type=type, field="info.title", value=chance.choice(TITLES)[:2], case_sensitive=sensitive)
        case "time":
            type = chance.choice(["greater", "lowerOrEqual"])
            return Criterion(type=type, field="createdAt", value=iso(NOW + chance.randrange(-40, 40)))
        case "ended":
            return Criterion(type="exists", field="endedAt", value=chance.random() < 0.5)
    inner = tuple(some_criterion(chance, jobs, depth + 1) for _ in range(chance.randrange(1, 4)))
    return Criterion(type=chance.choice(["and", "or"]), queries=inner)


async def test_a_find_is_a_plain_reading_of_the_criterion(store: Store, house: House) -> None:
    chance = random.Random(7)
    other = job(house.account.id, house.pipeline.id)
    await keep(store, other)
    rows = []
    for _ in range(60):
        row = execution(
            chance.choice([house.job, other]),
            title=chance.choice(TITLES),
            created_at=NOW + chance.randrange(-30, 30),
        )
        match chance.randrange(4):
            case 0:
                row = started(row)
            case 1:
                row = ended(row)
        rows.append(row)
    await keep(store, *rows)
    jobs = [house.job.id, other.id.upper(), new_id()]
    for number in range(60):
        criterion = some_criterion(chance, jobs)
        ascending = chance.random() < 0.5
        search = Search(criterion, Order(ascending=ascending), FIELDS[JobExecution])
        window, limit, size = chance.choice([(7, 5), (100, 100), (20, 100), (100, 9)]) + (chance.choice([1, 3, 100]),)
        found: list[str] = []
        cursor: str | None = None
        for _ in range(200):
            page = await Finding(store, window, limit).job_executions(
                house.account.id, search, Part(cursor=cursor, limit=size)
            )
            assert len(page.records) <= size
            found += [one.id for one in page.records]
            cursor = page.go_on
            if cursor is None:
                break
        expected = [row.id for row in rows if plainly(row, criterion)]
        assert found == (expected if ascending else expected[::-1]), (number, criterion)
    everything = Search(Criterion(), Order(), FIELDS[JobExecution])
    assert (await Finding(store).job_executions(new_id(), everything, Part())).records == []


async def test_a_find_goes_on_at_its_place_although_what_stood_there_is_deleted(store: Store, house: House) -> None:
    rows = [ended(execution(house.job)) for _ in range(7)]
    await keep(store, *rows)
    found: list[str] = []
    everything = Search(Criterion(), Order(), FIELDS[JobExecution])
    beyond: int | None = None
    for _ in range(3):
        page = await Finding(store).job_executions(house.account.id, everything, Part(limit=3), beyond)
        ids, beyond = [one.id for one in page.records], page.place
        await store.write(partial(_erase, ids))
        found += ids
    assert (found, beyond) == ([row.id for row in reversed(rows)], None)


async def _erase(ids: list[str], transaction: Transaction) -> None:
    await transaction.begin_erasing(ids, NOW)


async def test_a_list_that_is_longer_than_the_window_is_gone_through_page_by_page(store: Store, house: House) -> None:
    rows = [task(house.account.id, key=f"{'odd' if number % 2 else 'even'}-{number}") for number in range(9)]
    await keep(store, *rows)

    async def read(part: Part) -> list[TaskRecord]:
        return await store.read(lambda reads: reads.tasks_of_account(house.account.id, part))

    odd = Criterion(type="startsWith", field="key", value="odd")
    search = Search(odd, Order(), FIELDS[Task])
    items = Listed(read, lambda one: {"key": one.key})
    found: list[str] = []
    pages: list[tuple[int, bool]] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        page = await Finding(store, window=3).listed(items, search, Part(cursor=cursor, limit=2))
        pages.append((len(page.records), page.incomplete))
        found += [one.key for one in page.records]
        cursor = page.go_on
    assert found == ["odd-7", "odd-5", "odd-3", "odd-1"]
    assert pages == [(1, True), (2, False), (1, True), (0, False)]
