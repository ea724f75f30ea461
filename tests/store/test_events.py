"""What was written down: in the order in which it was, and each account's own."""

from __future__ import annotations

import pytest

from data_factory.model.records import EventRecord
from data_factory.service.paging import Part
from data_factory.store.promises import ImpossibleWrite, Store
from tests.store.conftest import House
from tests.store.rows import ALL, NOW, event, execution, keep, new_id

pytestmark = pytest.mark.anyio


async def written(store: Store, account_id: str, id: str, part: Part = ALL) -> list[EventRecord]:
    return await store.read(lambda reads: reads.events_of_execution(account_id, id, part))


async def test_events_of_an_execution_come_in_the_order_in_which_they_were_kept(store: Store, house: House) -> None:
    run, other = execution(house.job), execution(house.job)
    await keep(store, run, other)
    first = [event(run, detail='{"reason":"é \U0001f600"}'), event(other), event(run, key_id="", address="")]
    await store.write(lambda t: t.insert_events(first))
    last = event(run, object_id=new_id(), kind="task_execution.handed_back", origin="SYSTEM")
    await store.write(lambda t: t.insert_events([last, event(run, job_execution_id=None)]))
    wanted = [first[0], first[2], last]
    mine = house.account.id
    assert await written(store, mine, run.id) == wanted
    assert await written(store, mine, run.id, Part(limit=1)) == wanted[:1]
    assert await written(store, mine, run.id, Part(cursor=first[0].id)) == wanted[1:]
    assert await written(store, mine, run.id, Part(offset=1)) == wanted[1:]
    assert await written(store, mine, run.id, Part(cursor=new_id())) == []
    assert await written(store, mine, "not\0hing") == []
    assert await written(store, new_id(), run.id) == []


async def test_nothing_written_down_is_nothing(store: Store) -> None:
    await store.write(lambda t: t.insert_events([]))


@pytest.mark.parametrize("changes", [{"origin": "HOME"}, {"kind": ""}, {"id": "short"}, {"detail": "x" * 10_001}])
async def test_an_event_that_cannot_be_is_refused(store: Store, house: House, changes: dict[str, str]) -> None:
    run = execution(house.job)
    await keep(store, run)
    with pytest.raises(ImpossibleWrite):
        await store.write(lambda t: t.insert_events([event(run, **changes)]))
    assert await written(store, house.account.id, run.id) == []


async def test_all_of_an_account_newest_first(store: Store, house: House) -> None:
    run = execution(house.job)
    await keep(store, run)
    kept = [event(run), event(run, job_execution_id=None, kind="task.created"), event(run)]
    await store.write(lambda t: t.insert_events([*kept, event(run, account_id=new_id())]))

    async def listed(part: Part) -> list[EventRecord]:
        return await store.read(lambda reads: reads.events_of_account(house.account.id, part))

    assert await listed(ALL) == kept[::-1]
    assert await listed(Part(cursor=kept[2].id, limit=1)) == [kept[1]]
    assert await listed(Part(cursor=new_id())) == []


async def test_the_oldest_are_forgotten_a_portion_at_a_time(store: Store, house: House) -> None:
    run = execution(house.job)
    await keep(store, run)
    kept = [event(run, at=NOW + number) for number in (3, 1, 2, 4)]
    await store.write(lambda t: t.insert_events(kept))
    assert await store.write(lambda t: t.forget_events(NOW + 3, 1)) == 1
    assert await written(store, house.account.id, run.id) == [kept[0], kept[2], kept[3]]
    assert await store.write(lambda t: t.forget_events(NOW + 3, 5)) == 1
    assert await store.write(lambda t: t.forget_events(NOW + 3, 5)) == 0
    assert await written(store, house.account.id, run.id) == [kept[0], kept[3]]
