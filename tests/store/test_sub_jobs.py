"""Job executions inside others: they count in no pipeline, and what waits for them, or they for, comes due."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from data_factory.model.parents import Parent
from data_factory.model.pauses import Pause
from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord
from data_factory.store.promises import ImpossibleWrite, Store
from tests.store.conftest import House
from tests.store.rows import NOW, attempt, change, done, ended, execution, keep, new_id, started, tally

pytestmark = pytest.mark.anyio


def calling(run: JobExecutionRecord, path: str = "call", **changes: Any) -> TaskExecutionRecord:
    """A step that waits for another job execution."""
    row = attempt(run, "", path=path, type="SUB_WORKFLOW")
    return replace(row, status="IN_PROGRESS", started_at=NOW, **changes)


def inside(step: TaskExecutionRecord, run: JobExecutionRecord) -> JobExecutionRecord:
    """The job execution that it waits for."""
    return replace(run, parent=Parent(step.job_execution_id, step.id, 1).encoded())


async def test_it_takes_no_slot(store: Store, house: House) -> None:
    run = started(execution(house.job))
    step = calling(run)
    child = inside(step, started(execution(house.job)))
    await keep(store, run, step, child)
    assert await tally(store, house.pipeline) == (1, 0)
    (slot,) = await store.read(lambda reads: reads.in_slots(house.pipeline.id, 10))
    assert slot.id == run.id
    assert await store.read(lambda reads: reads.job_execution(house.account.id, child.id)) == child
    (short,) = await store.read(lambda reads: reads.job_executions_in_short(house.account.id, [child.id]))
    assert short.parent == child.parent
    await change(store, child, ended(child))
    assert await tally(store, house.pipeline) == (1, 0)


async def test_it_never_waits_for_one(store: Store, house: House) -> None:
    run = started(execution(house.job))
    with pytest.raises(ImpossibleWrite):
        await keep(store, run, inside(calling(run), execution(house.job)))


async def test_the_steps_that_still_wait_come_due(store: Store, house: House) -> None:
    run = started(execution(house.job))
    waiting, over, other = calling(run, "a"), done(calling(run, "b")), calling(run, "c")
    work = attempt(run, house.task.id, "d")
    await keep(store, run, waiting, over, other, work)
    woken = [waiting.id, over.id, work.id, new_id()]
    await store.write(lambda t: t.wake_parents(woken, NOW + 5))
    assert await store.write(lambda t: t.due_task_executions(NOW + 4, 10)) == []
    due = await store.write(lambda t: t.due_task_executions(NOW + 5, 10))
    assert due == [replace(waiting, available_at=NOW + 5, timer_at=NOW + 5)]


async def test_those_that_nobody_waits_for_come_due_paused_or_not(store: Store, house: House) -> None:
    run = started(execution(house.job))
    step = calling(run)
    going, paused, over, other = (inside(step, started(execution(house.job))) for _ in range(4))
    paused = replace(paused, pause=Pause(NOW).encoded())
    await keep(store, run, step, going, paused, ended(over), other)
    stopped = [going.id, paused.id, over.id, new_id()]
    await store.write(lambda t: t.stop_children(stopped, NOW + 5))
    due = await store.write(lambda t: t.due_job_executions(NOW + 5, 10))
    expected = [replace(one, pause=None, deadline_at=NOW + 5) for one in (going, paused)]
    assert sorted(due, key=lambda row: row.id) == sorted(expected, key=lambda row: row.id)
