"""Job executions that run others again, and what they take over of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from data_factory.model.records import FileReaderRecord, LinkRecord, TakeoverRecord
from data_factory.store.promises import ImpossibleWrite, Store
from tests.store.conftest import House
from tests.store.rows import (
    ALL,
    NOW,
    arrive,
    attempt,
    change,
    claimed,
    done,
    ended,
    execution,
    file,
    ids,
    keep,
    new_id,
    started,
)
from tests.store.test_files import readable

pytestmark = pytest.mark.anyio


async def test_links_are_found_from_both_ends(store: Store, house: House) -> None:
    mine = house.account.id
    first, second, third = (f"{number:024x}" for number in (1, 2, 3))
    links = [LinkRecord(second, mine, first, "RERUN", "[]"), LinkRecord(third, mine, second, "RETRY", '["é"]')]
    await store.write(lambda t: t.insert_links(links))
    assert await store.read(lambda reads: reads.links_of([first])) == links[:1]
    assert await store.read(lambda reads: reads.links_of([second])) == links
    assert await store.read(lambda reads: reads.links_of([third, "not\0hing"])) == links[1:]
    assert await store.read(lambda reads: reads.links_of([])) == []
    with pytest.raises(ImpossibleWrite):
        await store.write(lambda t: t.insert_links([replace(links[0], id=first, kind="LAUNCH")]))


async def test_the_latest_of_each_path_is_taken_over_but_what_is_left_out(store: Store, house: House) -> None:
    run, other = started(execution(house.job)), execution(house.job)
    first = done(claimed(attempt(run, house.task.id, path="first")), status="FAILED")
    second = done(claimed(replace(attempt(run, house.task.id, path="first"), attempt=2)), output='{"v":"é"}')
    loop = attempt(run, "", path="loop", type="DO_WHILE", status="CANCELED", started_at=NOW, ended_at=NOW)
    loop = replace(loop, output='{"iteration":3}', failure='{"code":"x"}')
    wait = attempt(run, "", path="wait", type="WAIT", status="CANCELED", started_at=NOW, ended_at=NOW)
    await keep(store, run, other, first, second, loop, wait)
    traces = await store.read(lambda reads: reads.traces_of_job(house.account.id, run.id))
    assert [(one.id, one.path, one.attempt, one.status, one.output) for one in traces] == [
        (first.id, "first", 1, "FAILED", "{}"),
        (second.id, "first", 2, "COMPLETED", "{}"),
        (loop.id, "loop", 1, "CANCELED", '{"iteration":3}'),
        (wait.id, "wait", 1, "CANCELED", "{}"),
    ]
    assert await store.read(lambda reads: reads.traces_of_job(new_id(), run.id)) == []
    await store.write(lambda t: t.take_over(TakeoverRecord(run.id, other.id, (wait.id,), (loop.id,)), new_id()))
    copied = await store.read(lambda reads: reads.task_executions_of_job(house.account.id, other.id, ALL))
    assert [replace(row, id="") for row in copied] == [
        replace(second, id="", job_execution_id=other.id, lease=None, lease_ms=None, claim_id=None),
        replace(loop, id="", job_execution_id=other.id, status="IN_PROGRESS", ended_at=None, failure=None),
    ]
    assert len({row.id for row in (*copied, second, loop)}) == 4


async def test_files_that_were_spared_are_spared_for_what_takes_over_and_nobody_else_reads_more(
    store: Store, house: House
) -> None:
    mine, guest = house.account.id, new_id()
    run, again = started(execution(house.job)), execution(house.job)
    spared, shown = [await arrive(store, file(mine, due_at=NOW)) for _ in range(2)]
    await keep(store, run, again)
    readers = [FileReaderRecord(spared.id, mine, run.id, mine), FileReaderRecord(shown.id, guest, run.id, mine)]
    await store.write(lambda t: t.let_read(readers))
    await change(store, run, ended(run))
    assert ids(await store.write(lambda t: t.due_files(NOW, 10))) == [spared.id, shown.id]
    for _ in range(2):  # the second time changes nothing
        await store.write(lambda t: t.take_over(TakeoverRecord(run.id, again.id, (), ()), new_id()))
    assert ids(await store.write(lambda t: t.due_files(NOW, 10))) == [shown.id]
    await store.write(lambda t: t.begin_erasing([run.id], NOW))
    assert await readable(store, guest, shown.id) is None
