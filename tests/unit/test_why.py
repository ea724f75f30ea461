"""Why a job execution stands where it does, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from data_factory.model.records import JobExecutionRecord, JobRecord, TaskPollRecord, TaskRecord
from data_factory.model.status import ReasonCode
from data_factory.service import why
from data_factory.service.commands import Cancel, FireTimers
from data_factory.service.why import Cause, explain, facts_of, summary
from tests.workshop import Workshop, step, workshop

MINUTE = 60_000


@pytest.fixture
def shop() -> Iterator[Workshop]:
    with workshop() as shop:
        yield shop


def launched(shop: Workshop, job: JobRecord) -> str:
    execution: JobExecutionRecord = shop.do(shop.launch(job))
    return execution.id


def causes(shop: Workshop, id: str) -> list[Cause]:
    async def work(reads: Any) -> Any:
        return await facts_of(reads, await reads.job_execution(shop.account_id, id))

    return explain(shop.run(shop.store.read(work)), shop.now)


def cause(shop: Workshop, id: str, code: ReasonCode) -> Cause:
    (only,) = causes(shop, id)
    assert only.code == code
    return only


def polled(shop: Workshop, task: TaskRecord, ago: int) -> None:
    poll = TaskPollRecord(task.id, shop.now - ago, "vm-1")
    shop.run(shop.store.write(lambda transaction: transaction.note_polls([poll])))


def test_it_waits_for_a_slot_behind_others(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task()))
    running, second, third = (launched(shop, job) for _ in range(3))
    told = cause(shop, third, "waiting_for_slot")
    assert told.message == (
        "It waits for a slot of the pipeline 'default': its only slot is taken, and 1 comes before it."
    )
    assert (told.position, told.slots, told.running, told.ahead) == (2, 1, (running,), (second,))
    assert cause(shop, second, "waiting_for_slot").message.endswith("is taken, and it is the next.")


def test_of_a_long_queue_only_so_much_is_looked_at(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(why, "MOST_AHEAD", 12)
    job = shop.job(step("first", shop.task()), pipeline=shop.pipeline(slots=2))
    ids = [launched(shop, job) for _ in range(20)]
    told = cause(shop, ids[-1], "waiting_for_slot")
    assert told.message.endswith("all 2 slots are taken, and more than 12 come before it.")
    assert told.ahead == tuple(ids[2:12])


def test_no_worker_has_ever_asked(shop: Workshop) -> None:
    id = launched(shop, shop.job(step("resize", shop.task("scale"))))
    shop.now += 3 * MINUTE
    assert cause(shop, id, "no_worker").message == (
        "The task 'resize' has waited for a worker for 3 minutes, and none has ever asked for 'scale': is one running?"
    )


def test_no_worker_asks_any_more(shop: Workshop) -> None:
    scale = shop.task("scale")
    id = launched(shop, shop.job(step("resize", scale)))
    polled(shop, scale, ago=12 * MINUTE)
    told = cause(shop, id, "no_worker")
    assert "none has asked for 'scale' for 12 minutes: is one running?" in told.message
    assert told.last_polled_at == shop.now - 12 * MINUTE


def test_a_worker_asks_now_and_then(shop: Workshop) -> None:
    scale = shop.task("scale")
    id = launched(shop, shop.job(step("resize", scale)))
    shop.now += 5_000
    polled(shop, scale, ago=3_000)
    told = cause(shop, id, "waiting_for_worker")
    assert told.message == (
        "The task 'resize' has waited for a worker for 5 seconds; one asked for 'scale' 3 seconds ago."
    )
    assert told.worker_id == "vm-1"


def test_a_worker_is_at_work(shop: Workshop) -> None:
    scale = shop.task("scale", retry_count=3)
    id = launched(shop, shop.job(step("resize", scale)))
    (held,) = shop.do(shop.claim(scale))
    shop.now += 40_000
    heard = shop.report(held, "IN_PROGRESS")
    shop.do(replace(heard, progress='{"ratio":0.4,"message":"400 of 1,000 rows"}'))
    shop.now += 2_000
    told = cause(shop, id, "running")
    assert told.message == (
        "A worker has been running the task 'resize' for 42 seconds (40%, 400 of 1,000 rows), "
        "and was last heard 2 seconds ago."
    )
    assert (told.attempt, told.attempts, told.task_key) == (1, 4, "scale")
    assert told.until is not None and told.until > shop.now


def test_it_is_tried_again_later(shop: Workshop) -> None:
    scale = shop.task("scale", retry_count=3, retry_delay_seconds=60)
    id = launched(shop, shop.job(step("resize", scale)))
    (held,) = shop.do(shop.claim(scale))
    shop.do(shop.report(held, "FAILED"))
    shop.now += 17_000
    told = cause(shop, id, "waiting_for_retry")
    assert told.message == "The task 'resize' is tried again in 43 seconds: attempt 2 of 4."
    assert told.until == shop.now + 43_000
    shop.now += MINUTE
    assert cause(shop, id, "waiting_for_retry").message == "The task 'resize' is tried again now: attempt 2 of 4."


def test_as_many_run_as_may(shop: Workshop) -> None:
    scale = shop.task("scale", concurrent_exec_limit=1)
    job = shop.job(step("resize", scale), pipeline=shop.pipeline(slots=2))
    launched(shop, job)
    id = launched(shop, job)
    shop.do(shop.claim(scale))
    assert cause(shop, id, "limit_reached").message == (
        "The task 'resize' has waited for less than a second: 1 of 'scale' is running, "
        "and that is its concurrentExecLimit."
    )


def test_it_has_ended(shop: Workshop) -> None:
    id = launched(shop, shop.job(step("resize", shop.task())))
    shop.do(Cancel(shop.account_id, id, reason="wrong input"))
    assert cause(shop, id, "ended").message == "It has ended: it is TERMINATED. wrong input"


def test_many_causes_are_summed_up(shop: Workshop) -> None:
    many = [Cause(code="running", message=f"{n}.") for n in range(5)]
    assert summary(many) == "0. 1. 2. And 2 more."
    assert summary(many[:3]) == "0. 1. 2."


def test_of_a_wide_fork_the_join_is_told_first_and_how_many_more_there_are(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(why, "MOST_TASKS", 3)
    work = shop.task("scale")
    ways = [[step(f"t{number}", work)] for number in range(9)]
    fork = {"name": "fork", "taskReferenceName": "fork", "type": "FORK_JOIN", "forkTasks": ways}
    join = {"name": "join", "taskReferenceName": "join", "type": "JOIN"}
    told = causes(shop, launched(shop, shop.job(fork, join)))
    assert [one.code for one in told] == ["waiting_for_branches", "no_worker", "no_worker", "more"]
    assert (told[-1].message, told[-1].count) == ("7 more of its task executions wait or run.", 7)
    assert summary(told).endswith(" And 7 more.")


def test_it_waits_for_a_time(shop: Workshop) -> None:
    pause = {"name": "a pause", "taskReferenceName": "pause", "type": "WAIT", "inputParameters": {"duration": "2h"}}
    id = launched(shop, shop.job(pause, outputParameters={}))
    shop.now += 30 * MINUTE
    told = cause(shop, id, "waiting_for_time")
    assert told.message == "The WAIT 'pause' is over in 90 minutes."
    assert (told.since, told.until) == (shop.now - 30 * MINUTE, shop.now + 90 * MINUTE)
    shop.now += 90 * MINUTE
    shop.do(FireTimers())
    assert shop.statuses() == ["COMPLETED"]
