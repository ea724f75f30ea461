"""Job executions and task executions: found again, waiting in the order of their commits, counted."""

from __future__ import annotations

from functools import partial

import pytest
from msgspec.structs import replace

from data_factory.model.records import WaitingRecord
from data_factory.store.promises import ImpossibleWrite, Reads, StaleWrite, Store, Transaction
from tests.store.conftest import House
from tests.store.rows import (
    ALL,
    NOW,
    attempt,
    change,
    claimed,
    done,
    ended,
    execution,
    ids,
    job,
    keep,
    keep_each,
    new_id,
    pipeline,
    started,
    tally,
    task,
)

pytestmark = pytest.mark.anyio


async def test_every_field_of_a_job_execution_comes_back(store: Store, house: House) -> None:
    row = execution(house.job, title="Mine", input='{"power":10}', origin="CLI", launched_by=new_id())
    await keep(store, row)
    running = started(row, deadline_at=NOW + 9, variables='{"x":"é"}')
    await store.write(lambda t: t.update_job_executions([(row, running)]))
    assert await store.read(lambda reads: reads.job_execution(house.account.id, row.id)) == running
    over = ended(running, status="FAILED", output='{"a":1}', failure='{"code":"x","message":"y"}', ended_at=NOW + 5)
    await store.write(lambda t: t.update_job_executions([(running, over)]))
    assert await store.read(lambda reads: reads.job_execution(house.account.id, row.id)) == over


async def test_every_field_of_a_task_execution_comes_back(store: Store, house: House) -> None:
    run = started(execution(house.job))
    row = attempt(run, house.task.id, available_at=NOW + 1, timer_at=NOW + 1, input='{"power":10}')
    await keep(store, run, row)
    steps = [
        replace(row, available_at=None, poll_timeout_at=NOW + 2, timer_at=NOW + 2, updated_at=NOW + 1),
        claimed(row, available_at=None, worker_id="w", claim_id="c", timeout_at=NOW + 3, timer_at=NOW + 3),
    ]
    steps.append(replace(steps[1], progress='{"ratio":0.5,"message":""}', output='{"a":1}', warning='{"code":"late"}'))
    steps.append(done(steps[2], status="TIMED_OUT", output='{"a":2}', failure='{"code":"x"}', ended_at=NOW + 4))
    for before, after in zip([row, *steps], steps, strict=False):
        await change(store, before, after)
        assert await store.read(lambda reads: reads.task_execution(house.account.id, row.id)) == after


async def test_what_is_fixed_at_the_beginning_is_not_changed(store: Store, house: House) -> None:
    run = execution(house.job)
    row = attempt(run, house.task.id)
    await keep(store, run, row)
    moved = started(replace(run, input='{"other":1}', pipeline_id=new_id(), job_version=9, account_id=new_id()))
    await store.write(lambda t: t.update_job_executions([(run, moved)]))
    assert await store.read(lambda reads: reads.job_execution(house.account.id, run.id)) == started(run)
    held = claimed(row)
    elsewhere = replace(held, path="other", task_id=new_id(), attempt=2, account_id=new_id())
    await store.write(lambda t: t.update_task_executions([(row, elsewhere)]))
    assert await store.read(lambda reads: reads.task_execution(house.account.id, row.id)) == held


async def test_nothing_is_found_under_another_account(store: Store, house: House) -> None:
    run = started(execution(house.job))
    row = attempt(run, house.task.id)
    await keep(store, run, row)

    async def look(reads: Reads) -> None:
        assert await reads.job_execution(new_id(), run.id) is None
        assert await reads.job_executions_of_account(new_id(), ALL) == []
        assert await reads.job_executions_of_job(new_id(), house.job.id, ALL) == []
        assert await reads.task_execution(new_id(), row.id) is None
        assert await reads.task_executions_of_job(new_id(), run.id, ALL) == []

    await store.read(look)


async def test_those_that_wait_for_a_slot_come_in_the_order_of_commits(store: Store, house: House) -> None:
    rows = [execution(house.job) for _ in range(6)]
    assert rows[0].id > rows[5].id and rows[0].created_at > rows[5].created_at
    await keep(store, *rows[:3])
    await keep_each(store, *rows[3:])
    await store.write(lambda t: t.update_job_executions([(rows[1], started(rows[1])), (rows[4], ended(rows[4]))]))
    waiting = [rows[0].id, rows[2].id, rows[3].id, rows[5].id]
    for limit in (1, 2, 4, 100):
        found = await store.write(partial(pending, pipeline_id=house.pipeline.id, limit=limit))
        assert ids(found) == waiting[:limit]


async def test_the_highest_priority_is_first_and_what_is_held_is_not_there(store: Store, house: House) -> None:
    priorities = [0, 5, -3, 5, 1_000, -1_000, 0]
    rows = [execution(house.job, priority=priority) for priority in priorities]
    held = [execution(house.job, priority=9, pause="{}"), execution(house.job, priority=9, deadline_at=NOW)]
    await keep(store, *rows[:4], *held, *rows[4:])
    order = [rows[number].id for number in (4, 1, 3, 0, 6, 2, 5)]
    for limit in (1, 3, 100):
        assert ids(await store.write(partial(pending, pipeline_id=house.pipeline.id, limit=limit))) == order[:limit]
    line = house.pipeline.id
    assert await store.read(lambda reads: reads.pending_before(rows[0].id, line, 10)) == order[:3]
    assert await store.write(lambda t: t.due_job_executions(NOW, 10)) == [held[1]]
    back = [(held[0], replace(held[0], pause=None)), (held[1], replace(held[1], pause="{}"))]
    await store.write(lambda t: t.update_job_executions(back))
    assert ids(await store.write(partial(pending, pipeline_id=line, limit=2))) == [rows[4].id, held[0].id]
    assert await store.read(lambda reads: reads.next_timer()) is None


async def test_what_is_held_is_not_claimable(store: Store, house: House) -> None:
    run = started(execution(house.job))
    row = attempt(run, house.task.id, paused_at=NOW, traceparent="00-1")
    await keep(store, run, row)
    task_id = house.task.id
    assert await store.write(lambda t: t.claimable_task_executions({task_id: 1})) == []
    assert await store.write(lambda t: t.claimable_tasks([task_id])) == []
    await store.write(lambda t: t.update_task_executions([(row, replace(row, paused_at=None))]))
    assert ids(await store.write(lambda t: t.claimable_task_executions({task_id: 1}))) == [row.id]
    (kept,) = await store.write(lambda t: t.task_executions_of([row.id]))
    assert kept == replace(row, paused_at=None)


async def test_the_limit_counts_for_each_pipeline(store: Store, house: House) -> None:
    other = pipeline(house.account.id)
    there = job(house.account.id, other.id)
    await keep(store, other, there)
    rows = [execution(one) for one in (house.job, there, house.job, there, house.job, there)]
    await keep(store, *rows)
    both = [house.pipeline.id, other.id]
    found = await store.write(lambda t: t.pending_job_executions({house.pipeline.id: 2, other.id: 1}))
    assert [(one.queue_id, one.id) for one in found] == [
        (house.pipeline.id, rows[0].id),
        (other.id, rows[1].id),
        (house.pipeline.id, rows[2].id),
    ]
    assert {one.size for one in found} == {len(rows[0].input)}
    assert sorted(await store.read(lambda reads: reads.waiting_pipelines())) == sorted(both)
    await store.write(lambda t: t.update_job_executions([(row, started(row)) for row in rows[1::2]]))
    assert await store.read(lambda reads: reads.waiting_pipelines()) == [house.pipeline.id]


async def test_a_pipeline_says_how_many_run_and_wait_in_it(store: Store, house: House) -> None:
    other = pipeline(house.account.id)
    there = job(house.account.id, other.id)
    await keep(store, other, there)
    assert await tally(store, house.pipeline) == (0, 0)
    rows = [execution(house.job) for _ in range(4)]
    more = [started(execution(there)), ended(execution(there)), execution(there), started(execution(house.job))]
    await store.write(lambda t: t.insert_job_executions([*rows, *more]))
    assert await tally(store, house.pipeline) == (1, 4)
    assert await tally(store, other) == (1, 1)
    moves = [(rows[0], started(rows[0])), (rows[1], ended(rows[1])), (more[0], ended(more[0]))]
    await store.write(lambda t: t.update_job_executions(moves))
    assert await tally(store, house.pipeline) == (2, 2)
    assert await tally(store, other) == (0, 1)
    await change(store, started(rows[0]), started(rows[0], deadline_at=NOW))  # which is no other status
    assert await tally(store, house.pipeline) == (2, 2)


async def test_what_runs_in_a_pipeline_is_not_touched_by_who_changes_the_pipeline(store: Store, house: House) -> None:
    await keep(store, started(execution(house.job)), execution(house.job))
    await store.write(lambda t: t.update_pipelines([replace(house.pipeline, slots=7, running=5, pending=5)]))
    assert await tally(store, house.pipeline) == (1, 1)


async def test_a_change_that_is_refused_is_not_counted(store: Store, house: House) -> None:
    row = execution(house.job)
    await keep(store, row)
    with pytest.raises(StaleWrite):
        await change(store, started(row), ended(row))
    with pytest.raises(ImpossibleWrite):
        await keep(store, row)
    assert await tally(store, house.pipeline) == (0, 1)


async def test_claimable_ones_come_in_the_order_of_commits(store: Store, house: House) -> None:
    run = started(execution(house.job))
    rows = [attempt(run, house.task.id, path=f"step-{index}") for index in range(7)]
    rows[1] = replace(rows[1], available_at=NOW + 1, timer_at=NOW + 1)
    rows[2] = claimed(rows[2])
    rows[3] = done(rows[3], status="CANCELED")
    rows[4] = replace(rows[4], poll_timeout_at=NOW, timer_at=NOW)
    await keep(store, run, *rows[:4])
    await keep_each(store, *rows[4:])
    waiting = [rows[0].id, rows[4].id, rows[5].id, rows[6].id]
    for limit in (1, 3, 100):
        found = await store.write(partial(claimable, task_id=house.task.id, limit=limit))
        assert ids(found) == waiting[:limit]
    # Handed back, it stands where it stood; a retry that became available, too.
    again = replace(rows[1], available_at=None, timer_at=None)
    back = attempt(run, house.task.id, path=rows[2].path, created_at=rows[2].created_at, id=rows[2].id)
    await store.write(lambda t: t.update_task_executions([(rows[1], again), (rows[2], back)]))
    found = await store.write(lambda t: t.claimable_task_executions({house.task.id: 3}))
    assert ids(found) == [rows[0].id, rows[1].id, rows[2].id]


async def test_claimable_ones_of_many_tasks_come_oldest_first_with_a_limit_a_task(store: Store, house: House) -> None:
    run = started(execution(house.job))
    other = task(house.account.id)
    rows = [attempt(run, one, path=f"step-{n}") for n, one in enumerate([house.task.id, house.task.id, other.id] * 3)]
    await keep(store, run, other, *rows)
    found = await store.write(lambda t: t.claimable_task_executions({other.id: 1, house.task.id: 2, new_id(): 2}))
    assert ids(found) == [rows[0].id, rows[1].id, rows[2].id]


async def test_what_was_claimed_is_found_by_its_claim(store: Store, house: House) -> None:
    run = started(execution(house.job))
    mine = [claimed(attempt(run, house.task.id, path=f"step-{n}"), claim_id="mine") for n in range(3)]
    other = claimed(attempt(run, house.task.id, path="other"), claim_id="other")
    await keep(store, run, *mine, other)
    await store.write(lambda t: t.update_task_executions([(mine[0], done(mine[0]))]))
    pairs = [(house.task.id, "mine"), (new_id(), "mine"), (house.task.id, "nobody's")]
    found = await store.write(lambda t: t.task_executions_of([], claimed=pairs))
    assert sorted(ids(found)) == sorted(ids(mine[1:]))


async def test_what_is_in_progress_is_counted_from_the_rows(store: Store, house: House) -> None:
    run = started(execution(house.job))
    rows = [attempt(run, house.task.id, path=f"step-{n}") for n in range(4)]
    held = [claimed(rows[0]), claimed(rows[1])]
    await keep(store, run, *held, rows[2], done(rows[3]))
    assert await store.write(lambda t: t.in_progress_counts([house.task.id, new_id()])) == {house.task.id: 2}
    await store.write(lambda t: t.update_task_executions([(held[0], done(held[0]))]))
    assert await store.write(lambda t: t.in_progress_counts([house.task.id])) == {house.task.id: 1}


async def test_the_latest_attempt_at_each_path(store: Store, house: House) -> None:
    run, other = started(execution(house.job)), started(execution(house.job))
    rows = [done(attempt(run, house.task.id, attempt=n), status="FAILED") for n in (3, 1, 2)]
    second = attempt(run, house.task.id, path="second")
    await keep(store, run, other, *rows, second, attempt(other, house.task.id))
    pairs = [(run.id, "first"), (run.id, "second"), (run.id, "third"), (new_id(), "first")]
    found = await store.write(lambda t: t.latest_task_executions(pairs))
    assert sorted(ids(found)) == sorted([rows[0].id, second.id])


async def test_how_large_outputs_are_together(store: Store, house: House) -> None:
    run, other = started(execution(house.job)), started(execution(house.job))
    rows = [done(attempt(run, house.task.id, attempt=n), output='{"v":"%s"}' % ("x" * n)) for n in (1, 2)]
    second = done(attempt(run, house.task.id, path="second"), output='{"v":"yyyy"}')
    await keep(store, run, other, *rows, second, done(attempt(other, house.task.id), output="{}"))
    pairs = [(run.id, "first"), (run.id, "second"), (run.id, "third"), (other.id, "first"), (new_id(), "first")]
    found = await store.write(lambda t: t.output_sizes(pairs))
    assert found == {run.id: len(rows[1].output) + len(second.output), other.id: 2}
    assert await store.write(lambda t: t.output_sizes([])) == {}


async def test_the_active_ones_of_job_executions(store: Store, house: House) -> None:
    run, other = started(execution(house.job)), started(execution(house.job))
    waiting, held = attempt(run, house.task.id), claimed(attempt(run, house.task.id, path="second"))
    elsewhere = attempt(other, house.task.id)
    over = done(attempt(run, house.task.id, path="third"))
    await keep(store, run, other, waiting, held, over, elsewhere)

    async def look(transaction: Transaction) -> None:
        found = await transaction.task_executions_of([], active_of=[run.id])
        assert sorted(ids(found)) == sorted([waiting.id, held.id])
        both = await transaction.task_executions_of([], active_of=[run.id, other.id])
        assert sorted(ids(both)) == sorted([waiting.id, held.id, elsewhere.id])
        found = await transaction.task_executions_of([over.id, held.id, new_id()])
        assert sorted(ids(found)) == sorted([over.id, held.id])
        claimed = [(house.task.id, "a claim")]
        found = await transaction.task_executions_of([over.id, held.id], claimed=claimed, active_of=[other.id])
        assert sorted(ids(found)) == sorted([over.id, held.id, elsewhere.id]), "each of them once"
        assert ids(await transaction.job_executions_by_id([run.id, new_id()])) == [run.id]

    await store.write(look)


async def test_a_batch_of_thousands_is_one_transaction(store: Store, house: House) -> None:
    rows = [execution(house.job) for _ in range(5_000)]
    await store.write(lambda t: t.insert_job_executions(rows))
    await store.write(lambda t: t.update_job_executions([(row, started(row)) for row in rows]))
    assert await tally(store, house.pipeline) == (5_000, 0)
    found = await store.write(lambda t: t.job_executions_by_id(ids(rows)))
    assert len(found) == 5_000


async def pending(transaction: Transaction, pipeline_id: str, limit: int) -> list[WaitingRecord]:
    return await transaction.pending_job_executions({pipeline_id: limit})


async def claimable(transaction: Transaction, task_id: str, limit: int) -> list[WaitingRecord]:
    return await transaction.claimable_task_executions({task_id: limit})
