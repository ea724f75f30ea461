"""Pause, resume, skip, priority and start time, on a real store, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from data_factory.model.actors import Actor
from data_factory.model.errors import JobExecutionEnded, NotFound, NotSkippable, TaskExecutionEnded
from data_factory.model.records import JobRecord, TaskRecord
from data_factory.service.commands import Cancel, Command, FireTimers, Hold, HoldPipeline, Resize, Skip
from data_factory.service.paging import Part
from tests.workshop import Workshop, encode, step, workshop

ADA = Actor("k" * 24, "192.0.2.7", "CLI")


@pytest.fixture
def shop() -> Iterator[Workshop]:
    with workshop() as made:
        yield made


@pytest.fixture
def work(shop: Workshop) -> TaskRecord:
    return shop.task("work", retry_count=1, retry_delay_seconds=10)


@pytest.fixture
def job(shop: Workshop, work: TaskRecord) -> JobRecord:
    return shop.job(step("first", work), step("second", work), timeoutSeconds=100)


def pause(shop: Workshop, id: str) -> Any:
    return shop.do(Hold(shop.account_id, id, on=True, reason="a storm", by=ADA))


def resume(shop: Workshop, id: str) -> Any:
    return shop.do(Hold(shop.account_id, id, on=False, by=ADA))


def test_nothing_of_a_paused_execution_is_handed_out(shop: Workshop, work: TaskRecord, job: JobRecord) -> None:
    run = shop.do(shop.launch(job))
    assert pause(shop, run.id).pause is not None
    assert shop.do(shop.claim(work)) == []
    resume(shop, run.id)
    assert [one.path for one in shop.do(shop.claim(work))] == ["first"]


def test_what_a_worker_holds_goes_on_and_what_follows_is_held(shop: Workshop, work: TaskRecord, job: JobRecord) -> None:
    run = shop.do(shop.launch(job))
    (held,) = shop.do(shop.claim(work))
    pause(shop, run.id)
    beat = shop.do(shop.report(held, "IN_PROGRESS"))
    assert (beat.status, beat.paused_at) == ("IN_PROGRESS", shop.now)
    shop.do(shop.report(held, "COMPLETED"))
    assert shop.attempts() == ["first 1 COMPLETED", "second 1 SCHEDULED"]
    assert shop.do(shop.claim(work)) == []
    resume(shop, run.id)
    (held,) = shop.do(shop.claim(work))
    assert held.paused_at is None
    shop.do(shop.report(held))
    assert shop.statuses() == ["COMPLETED"]


def test_its_last_report_ends_a_paused_execution(shop: Workshop, work: TaskRecord) -> None:
    run = shop.do(shop.launch(shop.job(step("only", work))))
    (held,) = shop.do(shop.claim(work))
    pause(shop, run.id)
    shop.do(shop.report(held))
    (row,) = shop.executions()
    assert (row.status, row.pause) == ("COMPLETED", None)


def test_what_is_handed_back_while_paused_is_held(shop: Workshop, work: TaskRecord, job: JobRecord) -> None:
    run = shop.do(shop.launch(job))
    (held,) = shop.do(shop.claim(work))
    pause(shop, run.id)
    shop.do(replace(shop.report(held, "SCHEDULED", {"so": "far"}), delay_ms=1_000))
    shop.wait(2)
    shop.do(FireTimers())
    assert shop.do(shop.claim(work)) == []
    resume(shop, run.id)
    shop.do(FireTimers())
    (again,) = shop.do(shop.claim(work))
    assert again.output == encode({"so": "far"})


def test_a_retry_and_a_lost_lease_wait_for_the_resume(shop: Workshop, work: TaskRecord, job: JobRecord) -> None:
    run = shop.do(shop.launch(job))
    shop.do(shop.claim(work, lease=5))
    pause(shop, run.id)
    shop.wait(5)
    shop.do(FireTimers())
    assert shop.attempts() == ["first 1 TIMED_OUT", "first 2 SCHEDULED"]
    shop.wait(60)
    shop.do(FireTimers())
    assert shop.do(shop.claim(work)) == []
    resume(shop, run.id)
    shop.do(FireTimers())
    assert len(shop.do(shop.claim(work))) == 1


def test_the_timeout_of_the_job_stands_still(shop: Workshop, job: JobRecord) -> None:
    run = shop.do(shop.launch(job))
    shop.wait(90)
    pause(shop, run.id)
    shop.wait(1_000)
    shop.do(FireTimers())
    resume(shop, run.id)
    shop.wait(9)
    shop.do(FireTimers())
    assert shop.statuses() == ["RUNNING"]
    shop.wait(1)
    shop.do(FireTimers())
    assert shop.statuses() == ["TIMEDOUT"]


def test_a_wait_that_is_over_goes_on_once_resumed(shop: Workshop, work: TaskRecord) -> None:
    wait = {"name": "w", "taskReferenceName": "w", "type": "WAIT", "inputParameters": {"duration": 10}}
    run = shop.do(shop.launch(shop.job(wait, step("after", work))))
    pause(shop, run.id)
    shop.wait(11)
    shop.do(FireTimers())
    assert shop.attempts() == ["w 1 IN_PROGRESS"]
    resume(shop, run.id)
    shop.do(FireTimers())
    assert shop.attempts() == ["w 1 COMPLETED", "after 1 SCHEDULED"]


def test_branches_and_loops_hold_and_join(shop: Workshop, work: TaskRecord) -> None:
    fork = {
        "name": "f",
        "taskReferenceName": "f",
        "type": "FORK_JOIN",
        "forkTasks": [[step(f"b{number}", work)] for number in range(30)],
        "maxParallel": 25,
    }
    join = {"name": "j", "taskReferenceName": "j", "type": "JOIN"}
    run = shop.do(shop.launch(shop.job(fork, join)))
    held = shop.do(shop.claim(work, limit=3))
    pause(shop, run.id)
    for one in held:
        shop.do(shop.report(one))
    shop.do(FireTimers())
    assert shop.do(shop.claim(work, limit=30)) == []
    resume(shop, run.id)
    for _ in range(20):
        shop.do(FireTimers())
        for one in shop.do(shop.claim(work, limit=30)):
            shop.do(shop.report(one))
    assert shop.statuses() == ["COMPLETED"]


def test_a_pending_one_keeps_its_place_but_is_passed_over(shop: Workshop, work: TaskRecord) -> None:
    job = shop.job(step("only", work))
    runs = [shop.do(shop.launch(job)) for _ in range(4)]
    pause(shop, runs[1].id)
    finish(shop, work)
    assert shop.statuses() == ["COMPLETED", "PENDING", "RUNNING", "PENDING"]
    resume(shop, runs[1].id)
    finish(shop, work)
    assert shop.statuses() == ["COMPLETED", "RUNNING", "COMPLETED", "PENDING"]


def test_resumed_and_launched_together_the_older_is_first(shop: Workshop, work: TaskRecord) -> None:
    job = shop.job(step("only", work))
    shop.batch(shop.launch(job), shop.launch(job))
    _, second = shop.executions()
    pause(shop, second.id)
    finish(shop, work)
    shop.batch(Hold(shop.account_id, second.id, on=False), shop.launch(job))
    assert shop.statuses() == ["COMPLETED", "RUNNING", "PENDING"]


def test_twice_is_once_and_the_first_counts(shop: Workshop, job: JobRecord) -> None:
    run = shop.do(shop.launch(job))
    paused = pause(shop, run.id)
    shop.wait(5)
    assert pause(shop, run.id) == paused
    assert resume(shop, run.id) == resume(shop, run.id)
    events = shop.run(shop.store.read(lambda reads: reads.events_of_execution(shop.account_id, run.id, Part())))
    assert sorted(event.kind for event in events) == ["job_execution.paused", "job_execution.resumed"]


def test_what_has_ended_cannot_be_held(shop: Workshop, job: JobRecord) -> None:
    run = shop.do(shop.launch(job))
    pause(shop, run.id)
    assert shop.do(Cancel(shop.account_id, run.id)).pause is None
    for on in (True, False):
        with pytest.raises(JobExecutionEnded):
            shop.do(Hold(shop.account_id, run.id, on=on))


@pytest.mark.parametrize("kind", [Hold, HoldPipeline])
@pytest.mark.parametrize("on", [True, False])
def test_what_is_another_accounts_is_not_there(shop: Workshop, job: JobRecord, kind: Any, on: bool) -> None:
    run = shop.do(shop.launch(job))
    with pytest.raises(NotFound):
        shop.do(kind("f" * 24, run.id if kind is Hold else job.pipeline_id, on))


# -- pipelines, priority and start time


def test_a_paused_pipeline_starts_nothing_and_what_runs_goes_on(shop: Workshop, work: TaskRecord) -> None:
    pipeline = shop.pipeline()
    job = shop.job(step("only", work), pipeline=pipeline)
    shop.batch(shop.launch(job), shop.launch(job))
    paused = shop.do(HoldPipeline(shop.account_id, pipeline.id, on=True, by=ADA))
    assert paused == shop.do(HoldPipeline(shop.account_id, pipeline.id, on=True))
    finish(shop, work)
    shop.do(Resize(replace(pipeline, slots=3)))  # who resizes has read it before it was paused
    assert shop.statuses() == ["COMPLETED", "PENDING"]
    shop.do(HoldPipeline(shop.account_id, pipeline.id, on=False))
    assert shop.statuses() == ["COMPLETED", "RUNNING"]


def test_the_highest_priority_has_its_turn_first(shop: Workshop, work: TaskRecord) -> None:
    job = shop.job(step("only", work))
    priorities = [0, 0, -5, 7, 7, 0]
    first, *others = [replace(shop.launch(job), priority=priority) for priority in priorities]
    shop.batch(first)
    shop.batch(*others[:3])
    shop.batch(*others[3:])
    order: list[int] = []
    for _ in priorities:
        (running,) = [number for number, one in enumerate(shop.executions()) if one.status == "RUNNING"]
        order.append(running)
        finish(shop, work)
    assert order == [0, 3, 4, 1, 5, 2]


def test_the_new_one_goes_before_those_that_wait_if_its_priority_says_so(shop: Workshop, work: TaskRecord) -> None:
    job = shop.job(step("only", work))
    shop.batch(*(shop.launch(job) for _ in range(5)))
    (held,) = shop.do(shop.claim(work))
    shop.batch(shop.report(held), replace(shop.launch(job), priority=1))
    assert shop.statuses()[1] == "PENDING"
    assert shop.statuses()[-1] == "RUNNING"


def test_not_before_its_time(shop: Workshop, work: TaskRecord) -> None:
    job = shop.job(step("only", work))
    later = shop.do(replace(shop.launch(job), start_at=shop.now + 5_000))
    shop.do(shop.launch(job))
    assert shop.statuses() == ["PENDING", "RUNNING"]
    finish(shop, work)
    assert shop.statuses() == ["PENDING", "COMPLETED"]
    shop.wait(5)
    shop.do(FireTimers())
    assert shop.statuses() == ["RUNNING", "COMPLETED"]
    assert shop.executions()[0].id == later.id


def test_a_time_that_has_passed_is_now_and_one_to_come_can_be_canceled(shop: Workshop, job: JobRecord) -> None:
    assert shop.do(replace(shop.launch(job), start_at=shop.now)).status == "RUNNING"
    later = shop.do(replace(shop.launch(job), start_at=shop.now + 1))
    assert shop.do(Cancel(shop.account_id, later.id)).status == "TERMINATED"


# -- skip


def test_a_waiting_task_is_skipped_with_what_is_given_in_its_stead(shop: Workshop, work: TaskRecord) -> None:
    seen = {"v": "${first.output.v}"}
    shop.do(shop.launch(shop.job(step("first", work), step("second", work, inputParameters=seen))))
    (row,) = shop.task_executions()
    skip = Skip(shop.account_id, row.id, encode({"v": 7}), by=ADA)
    assert shop.do(skip).status == "SKIPPED"
    assert shop.do(skip).status == "SKIPPED"
    assert shop.attempts() == ["first 1 SKIPPED", "second 1 SCHEDULED"]
    assert shop.task_executions()[1].input == encode({"v": 7})
    with pytest.raises(TaskExecutionEnded):
        shop.do(Skip(shop.account_id, row.id, encode({"v": 8})))


@pytest.mark.parametrize("type", ["WAIT", "HUMAN"])
def test_a_wait_and_a_person_are_skipped(shop: Workshop, work: TaskRecord, type: str) -> None:
    given = {"inputParameters": {"duration": 10}} if type == "WAIT" else {}
    shop.do(shop.launch(shop.job({"name": "w", "taskReferenceName": "w", "type": type, **given}, step("after", work))))
    shop.do(Skip(shop.account_id, shop.task_executions()[0].id))
    assert shop.attempts() == ["w 1 SKIPPED", "after 1 SCHEDULED"]


def test_what_a_worker_runs_or_the_platform_does_is_not_skipped(shop: Workshop, work: TaskRecord) -> None:
    loop = {
        "name": "l",
        "taskReferenceName": "l",
        "type": "DO_WHILE",
        "loopCondition": "false",
        "loopOver": [step("inside", work)],
    }
    shop.do(shop.launch(shop.job(loop)))
    shop.do(shop.claim(work))
    for row in shop.task_executions():
        with pytest.raises(NotSkippable):
            shop.do(Skip(shop.account_id, row.id))
    with pytest.raises(NotFound):
        shop.do(Skip("f" * 24, shop.task_executions()[0].id))


def test_traceparent_goes_with_every_attempt(shop: Workshop, work: TaskRecord, job: JobRecord) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    shop.do(replace(shop.launch(job), traceparent=trace))
    (held,) = shop.do(shop.claim(work))
    shop.do(shop.report(held, "FAILED"))
    shop.wait(10)
    shop.do(FireTimers())
    (again,) = shop.do(shop.claim(work))
    shop.do(shop.report(again))
    assert {row.traceparent for row in shop.task_executions()} == {trace}


def finish(shop: Workshop, work: TaskRecord) -> None:
    """The next waiting task is done."""
    (held,) = shop.do(shop.claim(work))
    command: Command = shop.report(held)
    shop.do(command)
