"""Accounts, keys, pipelines, tasks and jobs: every verb gives back what was kept, and nothing of another account."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from data_factory.model.records import JobPublicationRecord
from data_factory.service.paging import Part
from data_factory.store.promises import Reads, StaleWrite, Store, Transaction
from tests.store.conftest import House, furnish
from tests.store.rows import (
    ALL,
    NOW,
    account,
    api_key,
    attempt,
    done,
    ended,
    execution,
    ids,
    job,
    keep,
    new_id,
    pipeline,
    started,
    task,
    version,
)

pytestmark = pytest.mark.anyio


async def test_the_first_account_is_the_oldest(store: Store) -> None:
    assert await store.read(lambda reads: reads.first_account()) is None
    newer, older = account(), account()
    assert older.created_at < newer.created_at
    await keep(store, newer, older)
    assert await store.read(lambda reads: reads.first_account()) == older


async def test_keys(store: Store, house: House) -> None:
    key, other, stranger = api_key(house.account.id), api_key(house.account.id, title="laptop"), account()
    await keep(store, key, other, stranger)

    async def look(reads: Reads) -> None:
        assert await reads.api_key_by_hash(key.hash) == key
        assert await reads.api_key_by_hash("0" * 64) is None
        assert await reads.api_key(house.account.id, key.id) == key
        assert await reads.api_key(stranger.id, key.id) is None
        assert await reads.api_keys_by_title(house.account.id, "laptop") == [other]
        assert await reads.api_keys_by_title(stranger.id, "laptop") == []
        assert await reads.api_keys_of_account(house.account.id, ALL) == [other, key]
        assert await reads.api_keys_of_account(stranger.id, ALL) == []

    await store.read(look)


async def test_a_revoked_key_is_nowhere(store: Store, house: House) -> None:
    key, other, stranger = api_key(house.account.id), api_key(house.account.id), account()
    await keep(store, key, other, stranger)
    await store.write(lambda t: t.revoke_api_key(stranger.id, key.id, NOW))
    assert await store.read(lambda reads: reads.api_key_by_hash(key.hash)) == key
    await store.write(lambda t: t.revoke_api_key(house.account.id, key.id, NOW))

    async def look(reads: Reads) -> None:
        assert await reads.api_key_by_hash(key.hash) is None
        assert await reads.api_key(house.account.id, key.id) is None
        assert await reads.api_keys_by_title(house.account.id, key.title) == [other]
        assert await reads.api_keys_of_account(house.account.id, ALL) == [other]

    await store.read(look)


async def test_pipelines(store: Store, house: House) -> None:
    fast = pipeline(house.account.id, title="fast", slots=8)
    await keep(store, fast)
    assert await store.read(lambda reads: reads.pipelines_by_id([fast.id, new_id()])) == [fast]
    runs = [execution(house.job), started(execution(house.job))]
    held = attempt(runs[1], house.task.id)
    await keep(store, *runs, held)
    counted = replace(house.pipeline, running=1, pending=1)
    found = await store.write(lambda t: t.pipelines_of([fast.id], [runs[0].id, new_id()]))
    assert sorted(found, key=lambda row: row.title) == [fast, counted]
    found = await store.write(lambda t: t.pipelines_of([fast.id], [], [held.id, new_id()]))
    assert sorted(found, key=lambda row: row.title) == [fast, counted]
    assert await store.write(lambda t: t.pipelines_of([], [runs[0].id], [held.id])) == [counted]
    await store.write(lambda t: t.update_task_executions([(held, done(held))]))
    await store.write(lambda t: t.update_job_executions([(run, ended(run)) for run in runs]))
    assert await store.read(lambda reads: reads.default_pipeline(house.account.id)) == house.pipeline
    assert await store.read(lambda reads: reads.default_pipeline(new_id())) is None
    assert await store.read(lambda reads: reads.pipelines_of_account(house.account.id, ALL)) == [fast, house.pipeline]

    wider = [replace(fast, title="faster", slots=9, updated_at=NOW + 1), replace(house.pipeline, slots=2)]
    await store.write(lambda t: t.update_pipelines(wider))
    found = await store.read(lambda reads: reads.pipelines_by_id([fast.id, house.pipeline.id]))
    assert sorted(found, key=lambda row: row.title) == wider


async def test_tasks(store: Store, house: House) -> None:
    other, stranger = task(house.account.id, definition='{"key":"other"}'), account()
    await keep(store, other, stranger)
    found = await store.read(lambda reads: reads.tasks_by_id([house.task.id, other.id, new_id()]))
    assert {row.id: row for row in found} == {house.task.id: house.task, other.id: other}
    assert await store.read(lambda reads: reads.tasks_by_key(house.account.id, [other.key, "no"])) == [other]
    assert await store.read(lambda reads: reads.tasks_by_key(stranger.id, [other.key])) == []
    pairs = [(house.account.id, other.key), (house.account.id, "no"), (stranger.id, house.task.key)]
    assert await store.read(lambda reads: reads.tasks_named(pairs)) == [other]
    assert await store.read(lambda reads: reads.tasks_of_account(house.account.id, ALL)) == [other, house.task]

    changed = replace(other, key="renamed", definition='{"key":"renamed"}', updated_at=NOW + 1)
    await store.write(lambda t: t.update_task(changed))
    assert await store.read(lambda reads: reads.tasks_by_key(house.account.id, ["renamed"])) == [changed]


async def test_jobs_are_found_by_account_and_key(store: Store, house: House) -> None:
    pairs = [(house.account.id, house.job.key), (house.account.id, "no"), (new_id(), house.job.key)]
    assert await store.read(lambda reads: reads.jobs_named(pairs)) == [house.job]


async def test_a_deleted_task_is_found_by_its_id_only(store: Store, house: House) -> None:
    deleted = replace(house.task, deleted_at=NOW)
    await store.write(lambda t: t.update_task(deleted))
    assert await store.read(lambda reads: reads.tasks_by_id([deleted.id])) == [deleted]
    assert await store.read(lambda reads: reads.tasks_by_key(house.account.id, [deleted.key])) == []
    assert await store.read(lambda reads: reads.tasks_named([(house.account.id, deleted.key)])) == []
    assert await store.read(lambda reads: reads.tasks_of_account(house.account.id, ALL)) == []
    with pytest.raises(StaleWrite):
        await store.write(lambda t: t.update_task(replace(deleted, deleted_at=None)))


async def test_jobs_and_their_versions(store: Store, house: House) -> None:
    second = replace(house.job, version=2, key="renamed", title="Two", status="ACTIVE", updated_at=NOW + 1)
    published = version(second, definition='{"key":"renamed"}', task_ids='{"${account}/a":"1"}')
    await store.write(lambda t: t.update_job(second, published, [house.task.id]))

    async def look(reads: Reads) -> None:
        assert await reads.jobs_by_id([house.job.id, new_id()]) == [second]
        assert await reads.job_by_key(house.account.id, "renamed") == second
        assert await reads.job_by_key(house.account.id, house.job.key) is None
        assert await reads.job_by_key(new_id(), "renamed") is None
        assert await reads.jobs_of_account(house.account.id, ALL) == [second]
        pairs = [(second.id, 1), (second.id, 2), (second.id, 3), (new_id(), 1)]
        found = sorted(await reads.job_versions(pairs), key=lambda row: row.version)
        assert found == [version(house.job), published]

    await store.read(look)


async def test_the_publications_of_a_job_are_told_without_what_is_in_them(store: Store, house: House) -> None:
    for number in (2, 3, 4):
        later = replace(house.job, version=number)
        await store.write(lambda t, later=later: t.update_job(later, version(later), []))  # type: ignore[misc]

    async def look(reads: Reads) -> None:
        async def numbers(before: int, **part: Any) -> list[int]:
            return [row.version for row in await reads.job_publications(house.job.id, before, Part(**part))]

        assert await numbers(2**31 - 1, limit=3) == [4, 3, 2]
        assert await numbers(3, limit=10) == [2, 1]
        assert await numbers(4, offset=1, limit=1) == [2]
        assert await numbers(1) == []
        [first] = await reads.job_publications(house.job.id, 2, Part())
        assert first == JobPublicationRecord(house.job.id, 1, version(house.job).created_at)
        assert await reads.job_publications(new_id(), 9, Part()) == []

    await store.read(look)


async def test_of_two_publications_at_once_one_is_stale(store: Store, house: House) -> None:
    second = replace(house.job, version=2, title="Two")
    await store.write(lambda t: t.update_job(second, version(second), []))
    with pytest.raises(StaleWrite):
        await store.write(lambda t: t.update_job(replace(second, title="Too late"), version(second), []))
    with pytest.raises(StaleWrite):
        await store.write(lambda t: t.update_job(replace(second, version=4), version(replace(second, version=4)), []))
    assert await store.read(lambda reads: reads.jobs_by_id([house.job.id])) == [second]


async def test_which_jobs_use_a_task_is_told_of_their_present_version(store: Store, house: House) -> None:
    other = task(house.account.id)
    user = job(house.account.id, house.pipeline.id)
    await keep(store, other)
    await store.write(lambda t: t.insert_job(user, version(user), [house.task.id, other.id]))
    assert await users(store, house.task.id) == await users(store, other.id) == [user.id]

    changed = replace(user, version=2)
    await store.write(lambda t: t.update_job(changed, version(changed), [other.id]))
    assert await users(store, house.task.id) == []
    assert await users(store, other.id) == [user.id]


@pytest.mark.parametrize("odd", ["\0", "{id}\0", "{id}\0{id}", "\0{id}", "{id} ", "%", "{ID}", "é", "'", '"', "]", ""])
async def test_only_the_very_id_and_the_very_key_match(store: Store, house: House, odd: str) -> None:
    async def look(transaction: Transaction) -> None:
        for row, by_id in (
            (house.task, transaction.tasks_by_id),
            (house.job, transaction.jobs_by_id),
            (house.pipeline, transaction.pipelines_by_id),
        ):
            text = odd.replace("{id}", row.id).replace("{ID}", row.id.upper())
            assert list(await by_id([text])) == []
            assert list(await by_id([text, row.id])) == [row]
        key = odd.replace("{id}", house.task.key).replace("{ID}", house.task.key.upper())
        assert await transaction.tasks_by_key(house.account.id, [key]) == []
        assert await transaction.job_versions([(odd.replace("{id}", house.job.id), 1)]) == [] or odd == "{id}"

    await store.write(look)


async def test_two_accounts_are_two_worlds(store: Store, house: House) -> None:
    other = await furnish(store)

    async def look(reads: Reads) -> None:
        for one in (house, other):
            assert ids(await reads.pipelines_of_account(one.account.id, ALL)) == [one.pipeline.id]
            assert ids(await reads.tasks_of_account(one.account.id, ALL)) == [one.task.id]
            assert ids(await reads.jobs_of_account(one.account.id, ALL)) == [one.job.id]
            assert await reads.default_pipeline(one.account.id) == one.pipeline

    await store.read(look)


async def users(store: Store, task_id: str) -> list[str]:
    return ids(await store.read(lambda reads: reads.jobs_using_task(task_id)))
