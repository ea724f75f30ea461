"""What tells why something waits: of big tables no more is looked at than is asked for."""

from __future__ import annotations

import pytest

from data_factory.model.records import SlotRecord, StandingRecord, TaskPollRecord
from data_factory.store.promises import Store
from tests.store.conftest import House
from tests.store.rows import NOW, attempt, claimed, done, execution, keep, keep_each, new_id, pipeline, started

pytestmark = pytest.mark.anyio


async def test_those_that_come_before_in_the_order_of_the_queue(store: Store, house: House) -> None:
    other = pipeline(house.account.id)
    await keep(store, other)
    rows = [execution(house.job) for _ in range(5)]
    await keep_each(store, rows[0], execution(house.job, pipeline_id=other.id), *rows[1:])
    await keep(store, started(execution(house.job)))
    ids = [row.id for row in rows]
    line = house.pipeline.id
    assert await store.read(lambda reads: reads.pending_before(ids[4], line, 10)) == ids[:4]
    assert await store.read(lambda reads: reads.pending_before(ids[4], line, 2)) == ids[:2]
    assert await store.read(lambda reads: reads.pending_before(ids[0], line, 10)) == []
    assert await store.read(lambda reads: reads.pending_before(new_id(), line, 10)) == []


async def test_those_that_have_a_slot(store: Store, house: House) -> None:
    run = started(execution(house.job))
    await keep(store, run, execution(house.job))
    found = await store.read(lambda reads: reads.in_slots(house.pipeline.id, 10))
    assert found == [SlotRecord(run.id, run.title, NOW)]
    assert await store.read(lambda reads: reads.in_slots(house.pipeline.id, 0)) == []


async def test_how_the_tasks_stand_that_have_not_ended(store: Store, house: House) -> None:
    run = started(execution(house.job))
    held = claimed(attempt(run, house.task.id), worker_id="vm", progress="{}")
    waiting = attempt(run, house.task.id, path="second", available_at=NOW + 5, timer_at=NOW + 5)
    over = done(claimed(attempt(run, house.task.id, path="third")))
    await keep(store, run, held, waiting, over)
    found = await store.read(lambda reads: reads.standing_of_job(run.id, 10))
    fields = StandingRecord.__struct_fields__
    expected = [StandingRecord(*(getattr(row, name) for name in fields)) for row in (held, waiting)]
    assert found == expected
    assert await store.read(lambda reads: reads.standing_of_job(run.id, 1)) == expected[:1]
    assert await store.read(lambda reads: reads.standing_count_of_job(run.id)) == 2


async def test_control_flow_stands_before_its_branches(store: Store, house: House) -> None:
    run = started(execution(house.job))
    held = {"status": "IN_PROGRESS", "started_at": NOW}
    outer, inner = (attempt(run, "", path=path, type="JOIN", **held) for path in ("outer", "inner"))
    rows = [outer, attempt(run, house.task.id, path="a"), inner, attempt(run, house.task.id, path="b")]
    await keep(store, run)
    await keep_each(store, *rows)
    found = await store.read(lambda reads: reads.standing_of_job(run.id, 3))
    assert [row.path for row in found] == ["outer", "inner", "a"]


async def test_the_last_poll_counts(store: Store, house: House) -> None:
    first, late = TaskPollRecord(house.task.id, NOW, "one"), TaskPollRecord(house.task.id, NOW - 5, None)
    for polls in ([first], [late]):
        await store.write(lambda t, polls=polls: t.note_polls(polls))  # type: ignore[misc]
    found = await store.read(lambda reads: reads.task_polls([house.task.id, new_id()]))
    assert [(poll.task_id, poll.polled_at) for poll in found] == [(house.task.id, NOW)]
