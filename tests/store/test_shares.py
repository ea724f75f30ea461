"""With whom a job is shared, and who may launch it by that: the same on every store."""

from __future__ import annotations

from functools import partial

import pytest
from msgspec.structs import replace

from data_factory.model.records import AccountRecord, JobShareRecord, PipelineRecord
from data_factory.service.paging import Part
from data_factory.store.promises import Store, Transaction
from tests.store.conftest import House
from tests.store.rows import ALL, NOW, account, job, keep, new_id, pipeline

pytestmark = pytest.mark.anyio


async def guest_of(store: Store) -> tuple[AccountRecord, PipelineRecord]:
    """Another account, with a default pipeline and one more."""
    made = account()
    default = pipeline(made.id, is_default=1)
    await keep(store, made, default, pipeline(made.id))
    return made, default


async def share(store: Store, *shares: JobShareRecord) -> None:
    async def work(transaction: Transaction) -> None:
        for one in shares:
            await transaction.share_job(one)

    await store.write(work)


async def _update(changed: AccountRecord, transaction: Transaction) -> None:
    await transaction.update_account(changed)


async def test_a_job_is_shared_once_with_each_the_first_of_them_first(store: Store, house: House) -> None:
    (late, late_pipeline), (early, early_pipeline) = await guest_of(store), await guest_of(store)
    await share(
        store,
        JobShareRecord(house.job.id, late.id, NOW + 2),
        JobShareRecord(house.job.id, early.id, NOW + 1),
        JobShareRecord(house.job.id, early.id, NOW + 3),  # a second time changes nothing
    )
    both = [
        JobShareRecord(house.job.id, early.id, NOW + 1, early_pipeline.id),
        JobShareRecord(house.job.id, late.id, NOW + 2, late_pipeline.id),
    ]
    assert await store.read(lambda reads: reads.job_shares(house.job.id)) == both
    assert await store.read(lambda reads: reads.job_shares(new_id())) == []
    await store.write(lambda transaction: transaction.unshare_job(house.job.id, early.id))
    await store.write(lambda transaction: transaction.unshare_job(house.job.id, new_id()))
    assert await store.read(lambda reads: reads.job_shares(house.job.id)) == both[1:]


async def test_what_is_shared_with_an_account_newest_first_from_a_cursor_on(store: Store, house: House) -> None:
    guest, _ = await guest_of(store)
    other, _ = await guest_of(store)
    jobs = [job(house.account.id, house.pipeline.id) for _ in range(3)]
    gone = job(house.account.id, house.pipeline.id, status="INACTIVE")
    await keep(store, *jobs, gone)
    await share(store, *(JobShareRecord(one.id, guest.id, NOW) for one in (jobs[1], jobs[0], gone, jobs[2])))
    await share(store, JobShareRecord(house.job.id, other.id, NOW))

    async def shared(account_id: str, part: Part) -> list[str]:
        return [one.id for one in await store.read(lambda reads: reads.jobs_shared_with(account_id, part))]

    newest_first = [one.id for one in reversed(jobs)]
    assert await shared(guest.id, ALL) == newest_first
    assert await shared(guest.id, Part(limit=1)) == newest_first[:1]
    assert await shared(guest.id, Part(limit=2, offset=1)) == newest_first[1:]
    assert await shared(guest.id, Part(cursor=newest_first[0])) == newest_first[1:]
    assert await shared(guest.id, Part(cursor=newest_first[2])) == []
    assert await shared(guest.id, Part(cursor=new_id())) == []
    assert await shared(other.id, ALL) == [house.job.id]
    assert await shared(house.account.id, ALL) == []


async def test_who_may_launch_and_in_which_pipeline(store: Store, house: House) -> None:
    guest, default = await guest_of(store)
    stranger, _ = await guest_of(store)
    second = job(house.account.id, house.pipeline.id)
    await keep(store, second)
    await share(store, JobShareRecord(house.job.id, guest.id, NOW))
    asked = [(house.job.id, guest.id), (house.job.id, stranger.id), (second.id, guest.id), (new_id(), guest.id)]
    found = await store.read(lambda reads: reads.job_guests(asked))
    assert found == [JobShareRecord(house.job.id, guest.id, NOW, default.id)]
    assert await store.read(lambda reads: reads.job_guests([])) == []


async def test_an_owner_who_is_disabled_shares_nothing_until_enabled(store: Store, house: House) -> None:
    guest, default = await guest_of(store)
    made = JobShareRecord(house.job.id, guest.id, NOW)
    await share(store, made)
    asked = [(house.job.id, guest.id)]
    for disabled_at in (NOW, None):
        changed = replace(house.account, disabled_at=disabled_at)
        await store.write(partial(_update, changed))
        may = await store.read(lambda reads: reads.job_guests(asked))
        seen = await store.read(lambda reads: reads.jobs_shared_with(guest.id, ALL))
        assert may == ([] if disabled_at else [replace(made, pipeline_id=default.id)])
        assert [one.id for one in seen] == ([] if disabled_at else [house.job.id])
