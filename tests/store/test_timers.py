"""What comes due, and what a request's `Idempotency-Key` has made."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from data_factory.model.pauses import Pause
from data_factory.model.records import IdempotencyRecord
from data_factory.store.promises import Store, Timer, Transaction
from tests.store.conftest import House
from tests.store.rows import (
    ALL,
    NOW,
    attempt,
    claimed,
    done,
    ended,
    execution,
    ids,
    job,
    keep,
    new_id,
    started,
    tally,
    version,
)

pytestmark = pytest.mark.anyio


async def test_without_timers_there_is_no_next_one(store: Store, house: House) -> None:
    run = started(execution(house.job))
    await keep(store, run, attempt(run, house.task.id), execution(house.job))
    assert await next_timer(store) is None
    assert ids(await store.write(lambda t: t.due_task_executions(NOW, 10))) == []
    assert ids(await store.write(lambda t: t.due_job_executions(NOW, 10))) == []


async def test_the_next_timer_is_the_earliest_of_all(store: Store, house: House) -> None:
    run, late = started(execution(house.job), deadline_at=NOW + 50), started(execution(house.job))
    retry = attempt(late, house.task.id, available_at=NOW + 40, timer_at=NOW + 40)
    held = claimed(attempt(late, house.task.id, path="second"), lease_expires_at=NOW + 60, timer_at=NOW + 60)
    await keep(store, run, late, retry, held)
    assert await next_timer(store) == NOW + 40
    await store.write(lambda t: t.update_task_executions([(retry, done(retry, status="CANCELED"))]))
    assert await next_timer(store) == NOW + 50
    await store.write(lambda t: t.update_job_executions([(run, ended(run))]))
    assert await next_timer(store) == NOW + 60
    await store.write(lambda t: t.update_task_executions([(held, done(held))]))
    assert await next_timer(store) is None


async def test_jobs_are_due_earliest_first_and_each_is_held_by_one(store: Store, house: House) -> None:
    rules = '[{"cronExpression":"* * * * *","isEnabled":true}]'
    jobs = [
        job(house.account.id, house.pipeline.id, periodicity=rules, due_at=at) for at in (NOW + 3, NOW + 1, NOW + 2)
    ]
    await keep(store, *jobs)
    order = ids(sorted(jobs, key=lambda row: row.due_at or 0))
    assert await next_timer(store) == NOW + 1
    assert ids(await store.write(lambda t: t.due_jobs(NOW, 10))) == []
    assert ids(await store.write(lambda t: t.due_jobs(NOW + 2, 10))) == order[:2]
    assert ids(await store.write(lambda t: t.due_jobs(NOW + 9, 2))) == order[:2]
    await store.write(lambda t: t.reschedule_jobs([replace(one, due_at=NOW + 50, title="no") for one in jobs[1:]]))
    assert ids(await store.write(lambda t: t.due_jobs(NOW + 9, 10))) == [jobs[0].id]
    assert await store.read(lambda r: r.jobs_by_id([jobs[1].id])) == [replace(jobs[1], due_at=NOW + 50)]


async def test_who_publishes_moves_nothing_that_is_due_and_wakes_nothing_that_is_paused(
    store: Store, house: House
) -> None:
    rules, others = '[{"cronExpression":"* * * * *"}]', '[{"cronExpression":"1 * * * *"}]'
    one = job(house.account.id, house.pipeline.id, periodicity=rules, due_at=NOW)
    await keep(store, one)

    async def publish(**changes: Any) -> int | None:
        nonlocal one
        one = replace(one, version=one.version + 1, **changes)
        await store.write(lambda t: t.update_job(one, version(one), []))
        [kept] = await store.read(lambda r: r.jobs_by_id([one.id]))
        return kept.due_at

    assert await publish(due_at=NOW + 60) == NOW
    assert await publish(due_at=NOW + 60, periodicity=others) == NOW + 60
    assert await publish(due_at=None, status="INACTIVE") is None
    assert await publish(due_at=NOW + 70, status="ACTIVE") == NOW + 70
    await store.write(lambda t: t.schedule_job(replace(one, is_paused=1, due_at=None)))
    assert (await store.write(lambda t: t.hold_job(one.id))) == replace(one, is_paused=1, due_at=None)
    assert await publish(due_at=NOW + 80) is None
    await store.write(lambda t: t.schedule_job(replace(one, periodicity=rules, due_at=NOW + 90, updated_at=NOW + 5)))
    (set_,) = await store.read(lambda r: r.jobs_by_id([one.id]))
    assert set_ == replace(one, periodicity=rules, due_at=NOW + 90, updated_at=NOW + 5)
    assert await store.write(lambda t: t.hold_job(new_id())) is None


async def test_due_task_executions_come_earliest_first(store: Store, house: House) -> None:
    run = started(execution(house.job))
    due = [
        attempt(run, house.task.id, path=f"step-{n}", available_at=at, timer_at=at)
        for n, at in enumerate((NOW + 3, NOW + 1, NOW + 2, NOW + 4))
    ]
    await keep(store, run, *due)
    order = ids(sorted(due, key=lambda row: row.timer_at or 0))
    assert ids(await store.write(lambda t: t.due_task_executions(NOW, 10))) == []
    assert ids(await store.write(lambda t: t.due_task_executions(NOW + 2, 10))) == order[:2]
    assert ids(await store.write(lambda t: t.due_task_executions(NOW + 9, 3))) == order[:3]
    assert ids(await store.write(lambda t: t.due_task_executions(NOW + 9, 10))) == order


async def test_due_job_executions_come_earliest_first(store: Store, house: House) -> None:
    due = [started(execution(house.job), deadline_at=at) for at in (NOW + 3, NOW + 1, NOW + 2)]
    await keep(store, *due, started(execution(house.job)))
    order = ids(sorted(due, key=lambda row: row.deadline_at or 0))
    assert ids(await store.write(lambda t: t.due_job_executions(NOW + 2, 10))) == order[:2]
    assert ids(await store.write(lambda t: t.due_job_executions(NOW + 9, 2))) == order[:2]
    assert ids(await store.write(lambda t: t.due_job_executions(NOW + 9, 10))) == order


async def test_idempotency_keys_are_remembered_by_account(store: Store, house: House) -> None:
    rows = [IdempotencyRecord(house.account.id, f"key-{n}", f"print-{n}", new_id(), NOW) for n in range(3)]
    elsewhere = IdempotencyRecord(new_id(), "key-1", "another", new_id(), NOW)
    await store.write(lambda t: t.insert_idempotency_keys([*rows, elsewhere], 0))
    pairs = [(house.account.id, "key-1"), (house.account.id, "key-2"), (house.account.id, "key-9"), (new_id(), "key-0")]
    found = await store.read(lambda reads: reads.idempotency_keys(pairs))
    assert sorted(found, key=lambda row: row.key) == rows[1:]


@pytest.mark.parametrize("key", ["é ü 漢字 \U0001f600", "'; drop table x; --", '"', "\\", "[", "a" * 255])
async def test_an_idempotency_key_is_any_text(store: Store, house: House, key: str) -> None:
    row = IdempotencyRecord(house.account.id, key, "print", new_id(), NOW)
    await store.write(lambda t: t.insert_idempotency_keys([row], 0))
    assert await store.read(lambda reads: reads.idempotency_keys([(house.account.id, key)])) == [row]
    assert await store.read(lambda reads: reads.idempotency_keys([(house.account.id, f"{key}\0")])) == []


async def test_old_idempotency_keys_are_forgotten_in_the_end_and_young_ones_are_not(store: Store, house: House) -> None:
    owner = house.account.id
    old = [IdempotencyRecord(owner, f"old-{n}", "print", new_id(), NOW - 10 - n) for n in range(250)]
    await store.write(lambda t: t.insert_idempotency_keys(old, 0))
    young = IdempotencyRecord(owner, "young", "print", new_id(), NOW)
    pairs = [(owner, row.key) for row in (*old, young)]
    await store.write(lambda t: t.insert_idempotency_keys([young], NOW - 5))
    rounds = 0
    while len(await store.read(lambda reads: reads.idempotency_keys(pairs))) > 1:
        rounds += 1
        assert rounds < 250
        await store.write(partial(remember, row=replace(young, key=f"more-{rounds}")))
    assert await store.read(lambda reads: reads.idempotency_keys(pairs)) == [young]


GRACE = 10_000


@pytest.mark.parametrize(
    ("ends", "length", "then"),
    [
        (-5_000, 60_000, GRACE),  # it ended while nobody could hear its worker
        (5_000, 60_000, GRACE),  # it is about to
        (GRACE, 60_000, GRACE),
        (30_000, 60_000, 30_000),  # there is time enough
        (-5_000, 2_000, 2_000),  # no longer than it ever was
        (3_000, 2_000, 3_000),
    ],
)
async def test_a_lease_is_spared(store: Store, house: House, ends: int, length: int, then: int) -> None:
    run = started(execution(house.job))
    held = claimed(attempt(run, house.task.id), lease_ms=length, lease_expires_at=NOW + ends, timer_at=NOW + ends)
    await keep(store, run, held)
    await store.write(lambda t: t.spare_leases(NOW, NOW, GRACE, 100))
    spared = replace(held, lease_expires_at=NOW + then, timer_at=NOW + then)
    assert await store.read(lambda reads: reads.task_execution(house.account.id, held.id)) == spared
    await store.write(lambda t: t.spare_leases(NOW, NOW, GRACE, 100))
    assert await next_timer(store) == NOW + then


async def test_only_leases_are_spared(store: Store, house: House) -> None:
    run = started(execution(house.job), deadline_at=NOW - 1)
    retry = attempt(run, house.task.id, available_at=NOW - 1, timer_at=NOW - 1)
    unclaimed = attempt(run, house.task.id, path="second", poll_timeout_at=NOW - 1, timer_at=NOW - 1)
    late = claimed(
        attempt(run, house.task.id, path="third"), lease_expires_at=NOW - 1, timeout_at=NOW - 2, timer_at=NOW - 2
    )
    over = done(claimed(attempt(run, house.task.id, path="fourth")))
    await keep(store, run, retry, unclaimed, late, over)
    await store.write(lambda t: t.spare_leases(NOW, NOW, GRACE, 100))
    found = await store.read(lambda reads: reads.task_executions_of_job(house.account.id, run.id, ALL))
    assert found == [retry, unclaimed, replace(late, lease_expires_at=NOW + GRACE), over]
    assert await next_timer(store) == NOW - 2


async def test_leases_are_spared_a_few_at_a_time_and_none_twice(store: Store, house: House) -> None:
    """Each time for the whole grace, however long those before took."""
    run = started(execution(house.job))
    rows = [
        claimed(
            attempt(run, house.task.id, path=f"step-{n}"), lease_ms=60_000, lease_expires_at=NOW - n, timer_at=NOW - n
        )
        for n in range(5)
    ]
    await keep(store, run, *rows)
    for later, spared in ((0, 2), (1_000, 2), (2_000, 1), (3_000, 0)):
        assert await store.write(lambda t, now=NOW + later: t.spare_leases(NOW, now, GRACE, 2)) == spared  # type: ignore[misc]
    found = await store.read(lambda reads: reads.task_executions_of_job(house.account.id, run.id, ALL))
    ends = [NOW + GRACE + later for later in (2_000, 1_000, 1_000, 0, 0)]
    assert [row.lease_expires_at for row in found] == [row.timer_at for row in found] == ends


async def test_while_leases_are_to_be_spared_no_task_execution_is_due(store: Store, house: House) -> None:
    """Whoever looks, and whoever is to spare them. Deadlines of jobs have nothing to do with it."""
    run = started(execution(house.job), deadline_at=NOW + 5)
    held = claimed(attempt(run, house.task.id), lease_expires_at=NOW - 1, timer_at=NOW - 1)
    await keep(store, run, held)
    await store.write(lambda t: t.begin_sparing(NOW - 7))
    await store.write(lambda t: t.begin_sparing(NOW))
    assert await store.write(lambda t: t.sparing_since()) == NOW
    assert await store.write(lambda t: t.due_task_executions(NOW, 10)) == []
    assert ids(await store.write(lambda t: t.due_job_executions(NOW + 5, 10))) == [run.id]
    assert await next_timer(store) == NOW + 5
    await store.write(lambda t: t.end_sparing())
    assert await store.write(lambda t: t.sparing_since()) is None
    assert ids(await store.write(lambda t: t.due_task_executions(NOW, 10))) == [held.id]
    assert await next_timer(store) == NOW - 1


async def test_what_is_put_off_comes_due_later_and_nothing_else_does(store: Store, house: House) -> None:
    run = started(execution(house.job), deadline_at=NOW + 1)
    rows = [attempt(run, house.task.id, path=f"step-{n}", available_at=NOW, timer_at=NOW) for n in range(2)]
    periodic = job(house.account.id, house.pipeline.id, periodicity='[{"cronExpression":"* * * * *"}]', due_at=NOW + 2)
    await keep(store, run, *rows, periodic)
    timers = [Timer("task_execution", rows[0].id, NOW), Timer("job_execution", run.id, NOW + 1)]
    timers.append(Timer("job", periodic.id, NOW + 2))
    for timer in timers:
        assert not await put_off(store, timer._replace(at=NOW + 7))
        assert not await put_off(store, timer._replace(id=new_id()))
        assert [await put_off(store, timer) for _ in range(2)] == [True, False]
    assert await store.write(lambda t: t.due_task_executions(NOW + 49, 10)) == [rows[1]]
    late = [rows[1], replace(rows[0], timer_at=NOW + 50)]
    assert await store.write(lambda t: t.due_task_executions(NOW + 50, 10)) == late
    assert await store.write(lambda t: t.due_job_executions(NOW + 49, 10)) == []
    assert await store.write(lambda t: t.due_job_executions(NOW + 50, 10)) == [replace(run, deadline_at=NOW + 50)]
    assert await store.write(lambda t: t.due_jobs(NOW + 49, 10)) == []
    assert ids(await store.write(lambda t: t.due_jobs(NOW + 50, 10))) == [periodic.id]


async def test_what_waits_for_a_slot_is_put_off_and_what_runs_without_a_timer_is_not(
    store: Store, house: House
) -> None:
    waiting, other = execution(house.job), execution(house.job)
    paused = execution(house.job, pause=Pause(NOW).encoded())
    running = started(execution(house.job))
    await keep(store, waiting, other, paused, running)

    timers = [Timer("job_execution", row.id, None) for row in (waiting, paused, running)]
    assert [await put_off(store, timer) for timer in timers] == [True, False, False]
    found = await store.write(lambda t: t.pending_job_executions({house.pipeline.id: 10}))
    assert [one.id for one in found] == [other.id]
    assert await tally(store, house.pipeline) == (1, 3)
    assert await store.write(lambda t: t.due_job_executions(NOW + 50, 10)) == [replace(waiting, deadline_at=NOW + 50)]


async def put_off(store: Store, timer: Timer) -> bool:
    return await store.write(lambda transaction: transaction.put_off(timer, NOW + 50))


async def next_timer(store: Store) -> int | None:
    return await store.read(lambda reads: reads.next_timer())


async def remember(transaction: Transaction, row: IdempotencyRecord) -> None:
    await transaction.insert_idempotency_keys([row], NOW - 5)
