"""States that cannot be are refused by the store itself, whatever the code above believes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from data_factory.model.records import IdempotencyRecord
from data_factory.store.promises import ImpossibleWrite, Store
from tests.store.conftest import House
from tests.store.rows import (
    NOW,
    Row,
    account,
    api_key,
    attempt,
    change,
    claimed,
    done,
    ended,
    execution,
    job,
    keep,
    new_id,
    pipeline,
    started,
    task,
    version,
)

pytestmark = pytest.mark.anyio


def run(house: House) -> Any:
    return started(execution(house.job))


def first(house: House) -> Any:
    return attempt(run(house), house.task.id)


IMPOSSIBLE: dict[str, Callable[[House], Row]] = {
    # ids and references
    "an account without an id": lambda house: replace(account(), id=""),
    "a key without an id": lambda house: api_key(house.account.id, id=""),
    "a pipeline without an id": lambda house: pipeline(house.account.id, id=""),
    "a task without an id": lambda house: task(house.account.id, id=""),
    "a job without an id": lambda house: job(house.account.id, house.pipeline.id, id=""),
    "a job execution without an id": lambda house: replace(execution(house.job), id=""),
    "a task execution without an id": lambda house: replace(first(house), id=""),
    "a key of nobody": lambda house: api_key(new_id()),
    "a pipeline of nobody": lambda house: pipeline(new_id()),
    "a task of nobody": lambda house: task(new_id()),
    "a job of nobody": lambda house: job(new_id(), house.pipeline.id),
    "a job in no pipeline": lambda house: job(house.account.id, new_id()),
    # doubles
    "an account twice": lambda house: house.account,
    "a pipeline twice": lambda house: replace(house.pipeline, is_default=0),
    "a task twice": lambda house: replace(house.task, key="another"),
    "two tasks with one key": lambda house: task(house.account.id, key=house.task.key),
    "two jobs with one key": lambda house: job(house.account.id, house.pipeline.id, key=house.job.key),
    "two default pipelines": lambda house: pipeline(house.account.id, is_default=1),
    # what has a meaning
    "a task without a key": lambda house: task(house.account.id, key=""),
    "a job without a key": lambda house: job(house.account.id, house.pipeline.id, key=""),
    "a key with the wrong hash": lambda house: api_key(house.account.id, hash="abc"),
    "a pipeline without slots": lambda house: pipeline(house.account.id, slots=0),
    "a pipeline that is half a default": lambda house: pipeline(house.account.id, is_default=2),
    "a job of an unknown status": lambda house: job(house.account.id, house.pipeline.id, status="ODD"),
    "a job of version 0": lambda house: job(house.account.id, house.pipeline.id, version=0),
    # job executions
    "a job execution of an unknown status": lambda house: replace(execution(house.job), status="ODD"),
    "RUNNING without a start": lambda house: replace(run(house), started_at=None),
    "PENDING with a start": lambda house: replace(execution(house.job), started_at=NOW),
    "COMPLETED and paused": lambda house: ended(execution(house.job), pause="{}"),
    "a priority beyond all": lambda house: replace(execution(house.job), priority=1_001),
    "PENDING with an end": lambda house: replace(execution(house.job), ended_at=NOW),
    "RUNNING with an end": lambda house: replace(run(house), ended_at=NOW),
    "COMPLETED without an end": lambda house: replace(ended(execution(house.job)), ended_at=None),
    "COMPLETED with a deadline": lambda house: ended(execution(house.job), deadline_at=NOW),
    # task executions
    "a task execution of an unknown status": lambda house: replace(first(house), status="ODD"),
    "attempt 0": lambda house: replace(first(house), attempt=0),
    "a task execution nowhere": lambda house: replace(first(house), path=""),
    "IN_PROGRESS without a lease": lambda house: claimed(first(house), lease=None),
    "IN_PROGRESS without the end of its lease": lambda house: claimed(first(house), lease_expires_at=None),
    "IN_PROGRESS without the length of its lease": lambda house: claimed(first(house), lease_ms=None),
    "IN_PROGRESS without a start": lambda house: claimed(first(house), started_at=None),
    "IN_PROGRESS without a timer": lambda house: claimed(first(house), timer_at=None),
    "IN_PROGRESS that becomes available": lambda house: claimed(first(house), available_at=NOW),
    "IN_PROGRESS that can time out unclaimed": lambda house: claimed(first(house), poll_timeout_at=NOW),
    "IN_PROGRESS with an end": lambda house: claimed(first(house), ended_at=NOW),
    "SCHEDULED under a lease": lambda house: replace(first(house), lease=new_id()),
    "SCHEDULED with the end of a lease": lambda house: replace(first(house), lease_expires_at=NOW, timer_at=NOW),
    "SCHEDULED for a claim": lambda house: replace(first(house), claim_id="a claim"),
    "SCHEDULED with a start": lambda house: replace(first(house), started_at=NOW),
    "SCHEDULED with an end": lambda house: replace(first(house), ended_at=NOW),
    "SCHEDULED for later without a timer": lambda house: replace(first(house), available_at=NOW),
    "SCHEDULED with a poll timeout without a timer": lambda house: replace(first(house), poll_timeout_at=NOW),
    "SCHEDULED with a timer for nothing": lambda house: replace(first(house), timer_at=NOW),
    "SCHEDULED that can run too long": lambda house: replace(first(house), timeout_at=NOW, timer_at=NOW),
    "COMPLETED without an end of a task": lambda house: done(claimed(first(house)), ended_at=None),
    "COMPLETED under a lease that expires": lambda house: done(claimed(first(house)), lease_expires_at=NOW),
    "COMPLETED with a timer": lambda house: done(claimed(first(house)), timer_at=NOW),
}


@pytest.mark.parametrize("impossible", IMPOSSIBLE)
async def test_it_is_refused(store: Store, house: House, impossible: str) -> None:
    with pytest.raises(ImpossibleWrite):
        await keep(store, IMPOSSIBLE[impossible](house))


async def test_two_attempts_with_one_number_are_refused(store: Store, house: House) -> None:
    run = started(execution(house.job))
    one = done(claimed(attempt(run, house.task.id)), status="FAILED")
    await keep(store, run, one, attempt(run, house.task.id, attempt=2))
    with pytest.raises(ImpossibleWrite):
        await keep(store, attempt(run, house.task.id, attempt=2))
    await keep(store, attempt(run, house.task.id, path="first[2]", attempt=2))


@pytest.mark.parametrize("status", ["COMPLETED", "USER_ERROR", "FAILED", "TERMINATED", "TIMEDOUT"])
async def test_an_ended_job_execution_never_changes(store: Store, house: House, status: str) -> None:
    over = ended(execution(house.job), status=status)
    await keep(store, over)
    for other in (
        started(over, ended_at=None),
        ended(over, status="TERMINATED", output='{"other":1}'),
        replace(over, output='{"other":1}'),
    ):
        with pytest.raises(ImpossibleWrite):
            await change(store, over, other)
    assert await store.read(lambda reads: reads.job_execution(house.account.id, over.id)) == over


@pytest.mark.parametrize(
    "status",
    ["COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "TIMED_OUT", "CANCELED", "SKIPPED"],
)
async def test_an_ended_task_execution_never_changes(store: Store, house: House, status: str) -> None:
    held = claimed(first(house))
    over = done(held, status=status)
    await keep(store, over)
    for other in (held, replace(over, status="CANCELED"), replace(over, output='{"other":1}')):
        with pytest.raises(ImpossibleWrite):
            await change(store, over, other)
    assert await store.read(lambda reads: reads.task_execution(house.account.id, over.id)) == over


async def test_a_valid_key_is_one_of_its_kind(store: Store, house: House) -> None:
    key = api_key(house.account.id)
    await keep(store, key)
    with pytest.raises(ImpossibleWrite):
        await keep(store, api_key(house.account.id, hash=key.hash))
    await store.write(lambda t: t.revoke_api_key(house.account.id, key.id, NOW))
    again = api_key(house.account.id, hash=key.hash)
    await keep(store, again)
    assert await store.read(lambda reads: reads.api_key_by_hash(key.hash)) == again


async def test_a_publication_never_changes(store: Store, house: House) -> None:
    with pytest.raises(ImpossibleWrite):
        await store.write(lambda t: t.insert_job(job(house.account.id, house.pipeline.id), version(house.job), ()))


async def test_a_job_names_only_tasks_that_are_there(store: Store, house: House) -> None:
    made = job(house.account.id, house.pipeline.id)
    with pytest.raises(ImpossibleWrite):
        await store.write(lambda t: t.insert_job(made, version(made), [new_id()]))


async def test_the_key_of_a_deleted_task_is_free(store: Store, house: House) -> None:
    await store.write(lambda t: t.update_task(replace(house.task, deleted_at=NOW)))
    await keep(store, task(house.account.id, key=house.task.key))


async def test_keys_of_two_accounts_do_not_meet(store: Store, house: House) -> None:
    other = account()
    line = pipeline(other.id, is_default=1)
    await keep(store, other, line, task(other.id, key=house.task.key), job(other.id, line.id, key=house.job.key))


async def test_an_idempotency_key_is_kept_once(store: Store, house: House) -> None:
    record = IdempotencyRecord(house.account.id, "once", "fingerprint", new_id(), NOW)
    await store.write(lambda t: t.insert_idempotency_keys([record], 0))
    with pytest.raises(ImpossibleWrite):
        await store.write(lambda t: t.insert_idempotency_keys([replace(record, resource_id=new_id())], 0))
