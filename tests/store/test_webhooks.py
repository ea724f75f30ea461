"""Webhooks, and what they are told: found when it is due, held by one, and forgotten when it is old."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from data_factory.model.records import DeliveryRecord, ReceiverRecord, WebhookRecord
from data_factory.service.paging import Part
from data_factory.store.promises import StaleWrite, Store
from tests.store.conftest import House
from tests.store.rows import ALL, NOW, delivery, ids, new_id, webhook

pytestmark = pytest.mark.anyio

SOON = NOW + 60_000
HOST = "example.com:443"


async def kept(store: Store, *webhooks: WebhookRecord) -> WebhookRecord:
    for one in webhooks:
        await store.write(lambda t, one=one: t.insert_webhook(one))  # type: ignore[misc]
    return webhooks[0]


async def told(store: Store, *deliveries: DeliveryRecord) -> list[DeliveryRecord]:
    await store.write(lambda t: t.insert_deliveries(deliveries))
    return list(deliveries)


async def held(store: Store, wanted: dict[str, int], lease: str = "mine", now: int = NOW) -> list[DeliveryRecord]:
    return await store.write(lambda t: t.hold_deliveries(wanted, now, lease, SOON))


async def test_a_webhook_is_found_by_its_account_and_by_its_execution(store: Store, house: House) -> None:
    account = house.account.id
    one, other = webhook(account), webhook(account, is_active=0)
    of_run = webhook(account, job_execution_id=new_id())
    await kept(store, one, other, of_run)
    assert ids(await store.read(lambda reads: reads.webhooks_of_account(account, ALL))) == [other.id, one.id]
    after = Part(cursor=other.id, limit=5)
    assert ids(await store.read(lambda reads: reads.webhooks_of_account(account, after))) == [one.id]
    assert await store.read(lambda reads: reads.webhook(account, of_run.id)) == of_run
    assert await store.read(lambda reads: reads.webhook(new_id(), of_run.id)) is None
    assert await store.read(lambda reads: reads.webhook(account, "\0")) is None
    concerning = await store.write(lambda t: t.webhooks_concerning([account], [str(of_run.job_execution_id)]))
    assert set(ids(concerning)) == {one.id, of_run.id}
    assert await store.write(lambda t: t.webhooks_concerning([new_id()], [new_id()])) == []


async def test_a_webhook_is_changed_and_deleted(store: Store, house: House) -> None:
    one = await kept(store, webhook(house.account.id))
    changed = replace(one, url="http://x/", is_active=0, disabled_reason="gone", former_secret="was", former_until=NOW)

    async def change(now: WebhookRecord) -> WebhookRecord | None:
        await store.write(lambda t: t.update_webhook(now))
        return await store.write(lambda t: t.webhook(one.account_id, one.id))

    assert await change(changed) == changed
    await store.write(lambda t: t.delete_webhook(one.id))
    with pytest.raises(StaleWrite):
        await change(one)


async def test_pipelines_know_that_they_have_webhooks(store: Store, house: House) -> None:
    async def has() -> int:
        [found] = await store.read(lambda reads: reads.pipelines_by_id([house.pipeline.id]))
        return found.has_webhooks

    await store.write(lambda t: t.expect_webhooks(new_id(), [new_id()]))
    assert await has() == 0
    await store.write(lambda t: t.hold_webhooks_of(house.account.id))
    await store.write(lambda t: t.expect_webhooks(pipeline_ids=[house.pipeline.id]))
    assert await has() == 1
    await store.write(lambda t: t.expect_webhooks(house.account.id))
    assert await has() == 1


async def test_what_is_due_is_handed_out_by_host_the_earliest_first_and_once(store: Store, house: House) -> None:
    one = await kept(store, webhook(house.account.id))
    due = await told(store, *(delivery(one, host="a:1", due_at=NOW - 10 + number) for number in range(4)))
    [other, later] = await told(store, delivery(one, host="b:1"), delivery(one, host="c:1", due_at=NOW + 5))
    waiting = await store.ask(lambda reads: reads.receivers_waiting(10))
    assert waiting == [ReceiverRecord("a:1", NOW - 10), ReceiverRecord("b:1", NOW), ReceiverRecord("c:1", NOW + 5)]
    assert [one.host for one in await store.ask(lambda reads: reads.receivers_waiting(1))] == ["a:1"]
    first = await held(store, {"a:1": 2, "c:1": 9, "none": 1})
    assert set(ids(first)) == {due[0].id, due[1].id}
    assert {(one.lease, one.due_at) for one in first} == {("mine", SOON)}
    assert set(ids(await held(store, {"a:1": 9, "b:1": 9}))) == {due[2].id, due[3].id, other.id}
    assert await held(store, {"a:1": 9, "b:1": 9}) == []
    assert ids(await held(store, {"c:1": 1}, now=NOW + 5)) == [later.id]
    again = await held(store, {"a:1": 9}, "another", now=SOON)
    assert len(again) == 4 and {one.lease for one in again} == {"another"}


async def test_two_who_ask_at_once_are_given_different_ones(store: Store, house: House) -> None:
    one = await kept(store, webhook(house.account.id))
    await told(store, *(delivery(one) for _ in range(40)))
    shares = await asyncio.gather(*(held(store, {HOST: 10}, str(number)) for number in range(4)))
    taken = [id for share in shares for id in ids(share)]
    assert len(taken) == len(set(taken))


async def test_only_who_holds_one_says_how_it_went(store: Store, house: House) -> None:
    one = await kept(store, webhook(house.account.id))
    await told(store, delivery(one))
    [mine] = await held(store, {HOST: 1})
    [theirs] = await held(store, {HOST: 1}, "theirs", now=SOON)
    done = replace(
        mine, status="DELIVERED", lease=None, due_at=None, ended_at=NOW, tries=1, attempts='[{"status":200}]'
    )
    with pytest.raises(StaleWrite):
        await store.write(lambda t: t.update_delivery(mine, done))
    await store.write(lambda t: t.update_delivery(theirs, done))
    assert await store.read(lambda reads: reads.delivery(one.account_id, mine.id)) == done
    assert await store.read(lambda reads: reads.delivery(new_id(), mine.id)) is None
    assert await store.ask(lambda reads: reads.receivers_waiting(10)) == []


async def test_deliveries_are_listed_newest_first_and_the_old_ones_are_forgotten(store: Store, house: House) -> None:
    account, run = house.account.id, new_id()
    standing, once = webhook(account), webhook(account, job_execution_id=run)
    await kept(store, standing, once)
    ended = {"status": "FAILED", "due_at": None, "job_execution_id": run}
    rows = await told(
        store,
        delivery(standing),
        *(delivery(standing, ended_at=NOW - 10 + number, **ended) for number in range(3)),
        delivery(once, ended_at=NOW, **ended),
    )
    newest = ids(rows)[::-1]
    assert ids(await store.read(lambda r: r.deliveries_of_webhook(account, standing.id, ALL))) == newest[1:]
    assert ids(await store.read(lambda r: r.deliveries_of_job(account, run, ALL))) == newest[:4]
    assert await store.read(lambda r: r.deliveries_of_job(new_id(), run, ALL)) == []
    after = Part(cursor=newest[1], limit=1)
    assert ids(await store.read(lambda r: r.deliveries_of_webhook(account, standing.id, after))) == [newest[2]]
    assert await store.write(lambda t: t.purge_deliveries(NOW - 100, 5)) == 0
    assert await store.write(lambda t: t.purge_deliveries(NOW, 2)) == 2
    assert await store.write(lambda t: t.purge_deliveries(NOW + 1, 5)) == 2
    assert ids(await store.read(lambda r: r.deliveries_of_webhook(account, standing.id, ALL))) == [rows[0].id]
    assert await store.read(lambda r: r.webhook(account, standing.id)) == standing
    assert await store.read(lambda r: r.webhook(account, once.id)) is None
