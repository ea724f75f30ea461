"""What a timeline is made of: every moment of one job execution, by time, from anywhere on."""

from __future__ import annotations

import pytest

from data_factory.store.promises import Store
from tests.store.conftest import House
from tests.store.rows import NOW, api_key, attempt, claimed, done, event, execution, keep, new_id, started

pytestmark = pytest.mark.anyio


async def test_every_moment_by_time_and_from_each_on(store: Store, house: House) -> None:
    run, other = started(execution(house.job)), started(execution(house.job))
    first = done(claimed(attempt(run, house.task.id, created_at=NOW), started_at=NOW + 2), ended_at=NOW + 5)
    loop = done(attempt(run, "", type="DO_WHILE", path="loop", created_at=NOW, started_at=NOW), ended_at=NOW + 5)
    choice = done(
        attempt(run, "", type="SWITCH", path="choice", started_at=NOW + 5, created_at=NOW + 5), ended_at=NOW + 5
    )
    waiting = attempt(run, house.task.id, path="last", created_at=NOW + 5)
    await keep(store, run, other, first, loop, choice, waiting, attempt(other, house.task.id))
    told = event(run, at=NOW + 5)
    await store.write(lambda t: t.insert_events([told, event(other), event(run, job_execution_id=None)]))
    mine = house.account.id

    async def after(at: int, phase: int, seq: int, limit: int = 100) -> list[tuple[int, int, str, str]]:
        place = (at, phase, seq)
        found = await store.read(lambda reads: reads.moments_of_execution((mine, mine), run.id, place, limit))
        assert found == sorted(found, key=lambda one: (one.at, one.phase, one.seq))
        return [(one.at - NOW, one.phase, one.what, one.id) for one in found]

    whole = await after(0, 0, 0)
    assert whole == [
        (0, 4, "begun", first.id),
        (0, 4, "begun", loop.id),
        (2, 5, "claimed", first.id),
        (5, 1, "event", told.id),
        (5, 2, "ended", first.id),
        (5, 3, "ended", loop.id),
        (5, 4, "ended", choice.id),
        (5, 4, "begun", waiting.id),
    ]
    assert await after(NOW + 5, 3, 0) == whole[5:]
    assert await after(NOW + 2, 5, 2**40, limit=2) == whole[3:5]
    nobody = (new_id(), new_id())
    assert await store.read(lambda reads: reads.moments_of_execution(nobody, run.id, (0, 0, 0), 100)) == []
    found = await store.read(lambda reads: reads.events_by_id([told.id, new_id()]))
    assert found == [told]


async def test_what_somebody_skipped_is_told_with_who_that_was_and_not_as_an_end_too(
    store: Store, house: House
) -> None:
    run = started(execution(house.job))
    own, taken_over = [
        done(attempt(run, house.task.id, path=path, created_at=NOW), status="SKIPPED", ended_at=NOW + 1)
        for path in ("own", "taken over")
    ]
    await keep(store, run, own, taken_over)
    told = event(run, at=NOW + 1, kind="task_execution.skipped", object_id=own.id)
    other = event(run, at=NOW + 1, kind="task_execution.answered", object_id=taken_over.id)
    await store.write(lambda t: t.insert_events([told, other]))
    mine = (house.account.id, house.account.id)
    found = await store.read(lambda reads: reads.moments_of_execution(mine, run.id, (NOW, 5, 0), 100))
    assert [(one.what, one.id) for one in found] == [("event", told.id), ("event", other.id), ("ended", taken_over.id)]


async def test_what_is_told_of_a_task_execution(store: Store, house: House) -> None:
    run = started(execution(house.job))
    lost = done(claimed(attempt(run, house.task.id), worker_id="vm"), status="TIMED_OUT", failure='{"code":"x"}')
    again = attempt(run, house.task.id, attempt=2)
    output = '{"evaluationResult":["a \\u00e9"],"selectedCase":"a \\u00e9"}'
    choice = done(attempt(run, "", type="SWITCH", path="choice", started_at=NOW), output=output)
    await keep(store, run, lost, again, choice)
    ids = [lost.id, again.id, choice.id, new_id(), "not\0hing"]
    told = {one.id: one for one in await store.read(lambda reads: reads.told_task_executions(ids))}
    assert len(told) == 3
    assert (told[lost.id].worker_id, told[lost.id].failure) == ("vm", '{"code":"x"}')
    assert told[again.id].earlier_failure == '{"code":"x"}'
    assert (told[choice.id].chosen, told[lost.id].chosen, told[lost.id].earlier_failure) == ("a \u00e9", None, None)


async def test_titles_of_keys_even_of_those_that_were_revoked(store: Store, house: House) -> None:
    mine = house.account.id
    key, gone = api_key(mine, title="ours"), api_key(mine, title="former", revoked_at=NOW)
    await keep(store, key, gone)
    ids = [key.id, gone.id, new_id()]
    assert await store.read(lambda r: r.key_titles(mine, ids)) == {key.id: "ours", gone.id: "former"}
    assert await store.read(lambda r: r.key_titles(new_id(), ids)) == {}
