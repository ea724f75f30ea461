"""All of one work is kept, durably, or nothing of it; a read sees one state."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from data_factory.store.promises import (
    ImpossibleWrite,
    Reads,
    StaleWrite,
    Store,
    StoreUnavailable,
    Transaction,
    TwoQuestions,
)
from tests.store.conftest import House, Place, furnish
from tests.store.rows import ALL, NOW, attempt, claimed, done, ended, execution, ids, insert, keep, started, task

pytestmark = pytest.mark.anyio


async def test_work_gives_back_what_it_returns(store: Store, house: House) -> None:
    async def work(reads: Reads) -> list[str]:
        return ids(await reads.tasks_of_account(house.account.id, ALL))

    assert await store.write(work) == await store.read(work) == [house.task.id]


async def test_work_sees_what_it_has_written_itself(store: Store, house: House) -> None:
    row = execution(house.job)

    async def work(transaction: Transaction) -> str:
        await transaction.insert_job_executions([row])
        await transaction.update_job_executions([(row, started(row))])
        [seen] = await transaction.job_executions_by_id([row.id])
        return seen.status

    assert await store.write(work) == "RUNNING"


async def test_work_may_compute_something_aside_and_nobody_waits_for_it(store: Store, house: House) -> None:
    free, entered = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def compute() -> str:
        loop.call_soon_threadsafe(entered.set)
        assert free.wait(60)
        return "done"

    writing = asyncio.create_task(store.write(lambda transaction: transaction.aside(compute)))
    await entered.wait()
    assert await store.read(lambda reads: reads.tasks_by_id([house.task.id])) == [house.task]
    free.set()
    assert await writing == "done"


async def test_an_exception_keeps_nothing_and_reaches_the_caller(store: Store, house: House) -> None:
    async def work(transaction: Transaction) -> None:
        await insert(transaction, task(house.account.id), execution(house.job))
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await store.write(work)
    assert await everything(store, house) == [house.task.id]


async def test_a_refused_row_takes_the_whole_work_with_it(store: Store, house: House) -> None:
    row = execution(house.job)
    with pytest.raises(ImpossibleWrite):
        await keep(store, task(house.account.id), row, row)
    assert await everything(store, house) == [house.task.id]


async def test_work_that_catches_a_refusal_still_fails_or_keeps_what_it_said(store: Store, house: House) -> None:
    """No store may keep a part of one verb: what a refused verb had written so far is gone, or all of the work is."""
    one, other = execution(house.job), execution(house.job)

    async def work(transaction: Transaction) -> None:
        await transaction.insert_job_executions([one])
        try:
            await transaction.insert_job_executions([other, one])
        except Exception as error:
            raise ImpossibleWrite from error

    with pytest.raises(ImpossibleWrite):
        await store.write(work)
    assert await everything(store, house) == [house.task.id]


async def test_the_store_works_on_after_a_failed_work(store: Store, house: House) -> None:
    with pytest.raises(ImpossibleWrite):
        await keep(store, house.task)
    await keep(store, row := task(house.account.id))
    assert row.id in await everything(store, house)


async def test_what_write_returned_is_there_when_the_place_is_opened_again(place: Place) -> None:
    store = await place.open()
    house = await furnish(store)
    row = execution(house.job)
    await keep(store, row, attempt(row, house.task.id))
    await store.close()

    again = await place.open()
    assert await again.read(lambda reads: reads.first_account()) == house.account
    assert await again.read(lambda reads: reads.default_pipeline(house.account.id)) == replace(
        house.pipeline, pending=1
    )
    assert await again.read(lambda reads: reads.tasks_by_id([house.task.id])) == [house.task]
    assert await again.read(lambda reads: reads.jobs_by_id([house.job.id])) == [house.job]
    assert await again.read(lambda reads: reads.job_execution(house.account.id, row.id)) == row
    await again.close()


async def test_a_store_that_is_closed_says_so(place: Place) -> None:
    store = await place.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.write(nothing)
    with pytest.raises(StoreUnavailable):
        await store.read(nothing)


async def test_close_lets_the_work_in_hand_end(place: Place) -> None:
    store = await place.open()
    house = await furnish(store)
    rows = [task(house.account.id) for _ in range(20)]
    writes = [asyncio.create_task(keep(store, row)) for row in rows]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*writes) == [None] * 20


async def test_nobody_hangs_whose_caller_gave_up(store: Store, house: House) -> None:
    row = task(house.account.id)
    giving_up = asyncio.create_task(keep(store, row))
    await asyncio.sleep(0)
    giving_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await giving_up
    await store.write(nothing)
    assert set(await everything(store, house)) <= {house.task.id, row.id}


async def test_a_read_sees_one_state_while_writes_go_on(store: Store, house: House) -> None:
    """A thousand transactions each keep the sum of two rows; a read that saw a half of one would see another sum."""
    pipeline, other = house.pipeline, replace(house.pipeline, id="f" * 24, is_default=0, slots=999)
    await keep(store, other)

    async def move(transaction: Transaction) -> None:
        one, two = await transaction.pipelines_by_id([pipeline.id]), await transaction.pipelines_by_id([other.id])
        await transaction.update_pipelines([replace(one[0], slots=one[0].slots % 999 + 1)])
        await transaction.update_pipelines([replace(two[0], slots=1_000 - (one[0].slots % 999 + 1))])

    async def total(reads: Reads) -> int:
        one = await reads.pipelines_by_id([pipeline.id])
        await reads.tasks_of_account(house.account.id, ALL)
        return one[0].slots + (await reads.pipelines_by_id([other.id]))[0].slots

    async def many(times: int, once: Callable[[], Awaitable[int | None]]) -> set[int | None]:
        return {await once() for _ in range(times)}

    writing = asyncio.create_task(many(300, lambda: store.write(move)))
    seen = set()
    while not writing.done():
        seen |= set(await asyncio.gather(*(store.read(total) for _ in range(4))))
    await writing
    assert seen == {1_000}


async def test_concurrent_writes_do_not_lose_each_other(store: Store, house: House) -> None:
    async def grow(transaction: Transaction) -> None:
        [row] = await transaction.pipelines_by_id([house.pipeline.id])
        await transaction.update_pipelines([replace(row, slots=row.slots + 1)])

    await asyncio.gather(*(store.write(grow) for _ in range(50)))
    [row] = await store.read(lambda reads: reads.pipelines_by_id([house.pipeline.id]))
    assert row.slots == 51


@pytest.mark.parametrize("change", ["job execution status", "task execution status", "task execution lease"])
async def test_a_row_that_has_changed_since_is_not_overwritten(store: Store, house: House, change: str) -> None:
    """The guard names the state that was read: another state means that somebody else was faster."""
    run, bystander = started(execution(house.job)), started(execution(house.job))
    held = claimed(attempt(run, house.task.id))
    await keep(store, run, bystander, held)

    async def late(transaction: Transaction) -> None:
        await transaction.update_job_executions([(bystander, ended(bystander))])
        if change == "job execution status":
            await transaction.update_job_executions([(execution(house.job), started(run)), (run, ended(run))])
        elif change == "task execution status":
            await transaction.update_task_executions([(attempt(run, house.task.id), done(held))])
        else:
            await transaction.update_task_executions([(replace(held, lease="another"), done(held))])

    with pytest.raises(StaleWrite):
        await store.write(late)
    assert await store.read(lambda reads: reads.job_execution(house.account.id, run.id)) == run
    assert await store.read(lambda reads: reads.job_execution(house.account.id, bystander.id)) == bystander
    assert await store.read(lambda reads: reads.task_execution(house.account.id, held.id)) == held


async def test_one_stale_row_of_many_keeps_none(store: Store, house: House) -> None:
    rows = [execution(house.job) for _ in range(5)]
    await keep(store, *rows)
    await store.write(lambda t: t.update_job_executions([(rows[3], started(rows[3]))]))
    with pytest.raises(StaleWrite):
        await store.write(lambda t: t.update_job_executions([(row, started(row)) for row in rows]))
    found = await store.read(lambda reads: reads.job_executions_of_account(house.account.id, ALL))
    assert [row.status for row in reversed(found)] == ["PENDING", "PENDING", "PENDING", "RUNNING", "PENDING"]


async def test_one_thing_can_be_asked_and_two_need_a_state_to_be_asked_of(store: Store, house: House) -> None:
    run = execution(house.job)
    await keep(store, run)
    assert await store.ask(lambda reads: reads.job_execution(house.account.id, run.id)) == run
    assert await store.ask(lambda reads: reads.job_execution(house.account.id, house.job.id)) is None
    await store.write(lambda t: t.update_job_executions([(run, started(run))]))
    assert await store.ask(lambda reads: reads.job_executions_of_account(house.account.id, ALL)) == [started(run)]

    async def two(reads: Reads) -> None:
        for _ in range(2):
            await reads.job_execution(house.account.id, run.id)

    with pytest.raises(TwoQuestions):
        await store.ask(two)
    await store.read(two)


async def test_what_goes_wrong_with_a_question_is_no_harm_to_the_next(store: Store, house: House) -> None:
    async def mistaken(reads: Reads) -> None:
        await reads.job_execution(house.account.id, house.job.id)
        raise ZeroDivisionError

    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            await store.ask(mistaken)
    assert await store.ask(lambda reads: reads.default_pipeline(house.account.id)) == house.pipeline


async def test_no_rows_are_no_change(store: Store, house: House) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.insert_job_executions([])
        await transaction.update_job_executions([])
        await transaction.insert_task_executions([])
        await transaction.update_task_executions([])
        await transaction.update_pipelines([])
        await transaction.insert_idempotency_keys([], NOW)
        assert await transaction.job_executions_by_id([]) == []
        assert await transaction.claimable_task_executions({}) == []

    await store.write(work)


async def nothing(_reads: Reads) -> None: ...


async def everything(store: Store, house: House) -> list[str]:
    """The ids of the tasks and of the job executions."""

    async def work(reads: Reads) -> list[str]:
        tasks = await reads.tasks_of_account(house.account.id, ALL)
        return ids(tasks) + ids(await reads.job_executions_of_account(house.account.id, ALL))

    return await store.read(work)
