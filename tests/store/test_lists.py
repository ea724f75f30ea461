"""Lists: newest first (the task executions of a job: oldest first), from a cursor or past an offset."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from data_factory.service.paging import Part
from data_factory.store.promises import Reads, Store
from tests.store.conftest import House, furnish
from tests.store.rows import api_key, attempt, execution, ids, job, keep_each, new_id, pipeline, started, task

pytestmark = pytest.mark.anyio

Look = Callable[[Reads, Part], Awaitable[Any]]


class Listing(msgspec.Struct):
    """A list in a store: its ids in their order, how to read a part of it, and an id that stands in another's list."""

    expected: list[str]
    look: Look
    elsewhere: str


LISTS = ["api keys", "pipelines", "tasks", "jobs", "job executions", "job executions of a job", "task executions"]


@pytest.fixture(params=LISTS)
async def listing(request: pytest.FixtureRequest, store: Store, house: House) -> Listing:
    """Seven rows, each kept alone, mixed with rows of another account."""
    rows: list[Any] = []
    others: list[Any] = []
    other = await furnish(store)
    owner = house.account.id
    runs = {one.account.id: started(execution(one.job)) for one in (house, other)}
    await keep_each(store, *runs.values())
    making: dict[str, tuple[Callable[[House], Any], Look, list[str]]] = {
        "api keys": (lambda one: api_key(one.account.id), lambda r, part: r.api_keys_of_account(owner, part), []),
        "pipelines": (
            lambda one: pipeline(one.account.id),
            lambda r, part: r.pipelines_of_account(owner, part),
            [house.pipeline.id],
        ),
        "tasks": (lambda one: task(one.account.id), lambda r, part: r.tasks_of_account(owner, part), [house.task.id]),
        "jobs": (
            lambda one: job(one.account.id, one.pipeline.id),
            lambda r, part: r.jobs_of_account(owner, part),
            [house.job.id],
        ),
        "job executions": (
            lambda one: execution(one.job),
            lambda r, part: r.job_executions_of_account(owner, part),
            [runs[owner].id],
        ),
        "job executions of a job": (
            lambda one: execution(one.job),
            lambda r, part: r.job_executions_of_job(owner, house.job.id, part),
            [runs[owner].id],
        ),
        "task executions": (
            lambda one: attempt(runs[one.account.id], one.task.id, path=new_id()),
            lambda r, part: r.task_executions_of_job(owner, runs[owner].id, part),
            [],
        ),
    }
    make, look, before = making[request.param]
    for _ in range(7):
        rows.append(make(house))
        others.append(make(other))
        await keep_each(store, rows[-1], others[-1])
    expected = before + ids(rows)
    return Listing(expected if request.param == "task executions" else expected[::-1], look, others[3].id)


async def read(store: Store, listing: Listing, part: Part) -> list[str]:
    return ids(await store.read(lambda reads: listing.look(reads, part)))


async def test_the_whole_list_is_in_its_order(store: Store, listing: Listing) -> None:
    assert await read(store, listing, Part(limit=100)) == listing.expected


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
async def test_pages_by_cursor_give_each_row_once(store: Store, listing: Listing, size: int) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while found := await read(store, listing, Part(cursor=cursor, limit=size)):
        assert len(found) <= size
        seen += found
        cursor = found[-1]
    assert seen == listing.expected


@pytest.mark.parametrize("size", [1, 3, 50])
async def test_pages_by_offset_give_each_row_once(store: Store, listing: Listing, size: int) -> None:
    seen: list[str] = []
    while found := await read(store, listing, Part(offset=len(seen), limit=size)):
        seen += found
    assert seen == listing.expected


async def test_an_offset_counts_from_the_cursor(store: Store, listing: Listing) -> None:
    part = Part(cursor=listing.expected[1], offset=2, limit=2)
    assert await read(store, listing, part) == listing.expected[4:6]


@pytest.mark.parametrize("odd", [new_id(), "", "\0", "'; --"])
async def test_nothing_comes_after_a_cursor_that_is_not_there(store: Store, listing: Listing, odd: str) -> None:
    assert await read(store, listing, Part(cursor=odd)) == []


async def test_a_cursor_of_another_account_is_not_there(store: Store, listing: Listing) -> None:
    assert await read(store, listing, Part(cursor=listing.elsewhere)) == []


@pytest.mark.parametrize("kind", ["job executions", "job executions of a job", "task executions"])
async def test_executions_are_read_up_to_the_one_that_is_too_much(store: Store, house: House, kind: str) -> None:
    owner, text = house.account.id, '{"v":"%s"}' % ("ü" * 92)
    run = started(execution(house.job))
    jobs = [execution(house.job, input=text) for _ in range(5)]
    tasks = [attempt(run, house.task.id, path=f"t{number}", input=text) for number in range(5)]
    await keep_each(store, run, *jobs, *tasks)
    looks: dict[str, tuple[Look, list[str]]] = {
        "job executions": (lambda r, part: r.job_executions_of_account(owner, part), ids(jobs)[::-1]),
        "job executions of a job": (
            lambda r, part: r.job_executions_of_job(owner, house.job.id, part),
            ids(jobs)[::-1],
        ),
        "task executions": (lambda r, part: r.task_executions_of_job(owner, run.id, part), ids(tasks)),
    }
    look, expected = looks[kind]

    async def found(**fields: Any) -> list[str]:
        return ids(await store.read(lambda reads: look(reads, Part(**fields))))

    assert await found(limit=5, max_bytes=5_000) == expected
    assert await found(limit=5, max_bytes=250) in (expected[:2], expected[:3]), "a character is a byte or two"
    assert await found(limit=5, max_bytes=0) == expected[:1]
    assert await found(limit=2, cursor=expected[0], max_bytes=5_000) == expected[1:3]
    assert await found(limit=5, offset=1, max_bytes=0) == expected[1:2]
