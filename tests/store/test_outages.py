"""A store that cannot write says so, keeps nothing by halves, and works again when it can, without a restart."""

from __future__ import annotations

import asyncio

import pytest

from data_factory.store.promises import Store, StoreUnavailable
from tests.store.conftest import House, Place, furnish
from tests.store.rows import ALL, execution, ids, keep, started, tally

pytestmark = pytest.mark.anyio


async def test_nothing_is_kept_and_then_the_same_work_is(store: Store, house: House, place: Place) -> None:
    rows = [execution(house.job) for _ in range(100)]
    with place.outage():
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await store.write(lambda t: t.insert_job_executions(rows))
    assert await kept(store, house) == []
    await store.write(lambda t: t.insert_job_executions(rows))
    assert await kept(store, house) == ids(rows)[::-1]


async def test_a_change_is_not_half_made(store: Store, house: House, place: Place) -> None:
    rows = [execution(house.job) for _ in range(100)]
    await store.write(lambda t: t.insert_job_executions(rows))
    with place.outage(), pytest.raises(StoreUnavailable):
        await store.write(lambda t: t.update_job_executions([(row, started(row)) for row in rows]))
    assert await tally(store, house.pipeline) == (0, 100)
    await store.write(lambda t: t.update_job_executions([(row, started(row)) for row in rows]))
    assert await tally(store, house.pipeline) == (100, 0)


async def test_what_was_kept_before_is_there_after_and_when_opened_again(place: Place) -> None:
    store = await place.open()
    house = await furnish(store)
    before, during, after = (execution(house.job) for _ in range(3))
    await keep(store, before)
    with place.outage(), pytest.raises(StoreUnavailable):
        await keep(store, during)
    await keep(store, after)
    await store.close()
    again = await place.open()
    assert await kept(again, house) == [after.id, before.id]
    await again.close()


async def test_the_refusal_tells_nothing_of_the_inside(store: Store, house: House, place: Place) -> None:
    with place.outage(), pytest.raises(StoreUnavailable) as refused:
        await keep(store, execution(house.job))
    assert refused.value.code == "unavailable"
    assert refused.value.message == "The store cannot be written to at the moment: try again."


async def test_whether_anything_can_be_written_is_found_out_without_writing_anything_new(
    store: Store, house: House, place: Place
) -> None:
    await store.write(lambda t: t.write_nothing_new())
    with place.outage(), pytest.raises(StoreUnavailable):
        await store.write(lambda t: t.write_nothing_new())
    await store.write(lambda t: t.write_nothing_new())
    assert await store.read(lambda reads: reads.first_account()) == house.account


async def test_nobody_waits_longer_than_the_patience_for_somebody_else(place: Place) -> None:
    store = await place.open(patience=1)
    house = await furnish(store)
    clock = asyncio.get_running_loop().time
    with place.held_up():
        began = clock()
        for answer in await asyncio.gather(
            *(keep(store, execution(house.job)) for _ in range(2)), return_exceptions=True
        ):
            assert isinstance(answer, StoreUnavailable)
        assert clock() - began < 5
    assert await kept(store, house) == []
    row = execution(house.job)
    await keep(store, row)
    assert await kept(store, house) == [row.id]
    await store.close()


async def kept(store: Store, house: House) -> list[str]:
    return ids(await store.read(lambda reads: reads.job_executions_of_account(house.account.id, ALL)))
