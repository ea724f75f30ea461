"""Many commands in one transaction: what each is answered, what is kept, and what others are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial

import msgspec
import pytest

from data_factory.model.errors import (
    IdempotencyKeyReused,
    Invalid,
    JobExecutionEnded,
    JobInactive,
    LeaseLost,
    NotFound,
    TaskExecutionTimedOut,
)
from data_factory.model.records import JobRecord, TaskExecutionRecord
from data_factory.service.commands import Cancel, FillSlots, FireTimers
from data_factory.service.graphs import Graphs
from data_factory.store.promises import Timer
from data_factory.store.sqlite.database import FILE_NAME, connect
from tests.workshop import Workshop, step, workshop


@pytest.fixture
def shop() -> Iterator[Workshop]:
    with workshop() as shop:
        yield shop


# -- launch


def test_a_launched_job_starts_at_once_when_a_slot_is_free(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task()))
    launched = shop.do(shop.launch(job))
    assert launched.status == "RUNNING"
    assert shop.attempts() == ["first 1 SCHEDULED"]


def test_launches_of_one_batch_wait_in_their_order(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task()))
    done = shop.batch(*(shop.launch(job) for _ in range(3)))
    assert [answer.status for answer in done.answers] == ["RUNNING", "PENDING", "PENDING"]
    assert [row.id for row in shop.executions()] == [answer.id for answer in done.answers]


def test_a_launch_of_a_job_that_is_not_there_is_invalid(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task()))
    stranger = msgspec.structs.replace(shop.launch(job), account_id="f" * 24)
    nobody = msgspec.structs.replace(shop.launch(job), job_id="f" * 24)
    assert [type(answer) for answer in shop.batch(stranger, nobody).answers] == [Invalid, Invalid]
    assert shop.executions() == []


def test_an_inactive_job_cannot_be_launched(shop: Workshop) -> None:
    with pytest.raises(JobInactive):
        shop.do(shop.launch(shop.job(step("first", shop.task()), status="INACTIVE")))


def test_a_refused_command_does_not_hinder_the_others_of_its_batch(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task()))
    done = shop.batch(Cancel(shop.account_id, "f" * 24), shop.launch(job))
    assert [type(answer).__name__ for answer in done.answers] == ["NotFound", "JobExecutionRecord"]
    assert shop.statuses() == ["RUNNING"]


def test_the_same_idempotency_key_launches_once_in_one_batch_and_in_the_next(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task()))
    first, second = shop.batch(shop.launch(job, key="k"), shop.launch(job, key="k")).answers
    third = shop.do(shop.launch(job, key="k"))
    assert first.id == second.id == third.id
    assert shop.statuses() == ["RUNNING"]


def test_an_idempotency_key_with_another_request_is_refused(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task()))
    shop.do(shop.launch(job, {"n": 1}, key="k"))
    with pytest.raises(IdempotencyKeyReused):
        shop.do(shop.launch(job, {"n": 2}, key="k"))


# -- what can no longer be run


def spoil(shop: Workshop, job: JobRecord) -> None:
    """The version was fine when it was published, and is not for the code that runs after a restart."""
    with closing(connect(shop.directory / FILE_NAME)) as connection:
        connection.execute("UPDATE job_versions SET definition = '{}' WHERE job_id = ?", [job.id])
    shop.graphs = Graphs()


def test_a_job_that_can_no_longer_be_run_fails_and_nothing_else_does(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    work = shop.task()
    broken, fine = shop.job(step("first", work)), shop.job(step("first", work))
    spoil(shop, broken)
    shop.batch(shop.launch(broken), shop.launch(fine))
    assert shop.statuses() == ["FAILED", "RUNNING"]
    assert "cannot be run" in caplog.text


def test_a_job_that_can_no_longer_be_run_holds_up_no_timer(shop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    work = shop.task(poll_timeout_seconds=5)
    broken, fine = [shop.job(step("first", work), pipeline=shop.pipeline()) for _ in range(2)]
    shop.batch(shop.launch(broken), shop.launch(fine))
    spoil(shop, broken)
    shop.wait(5)
    shop.do(FireTimers())
    assert shop.statuses() == ["FAILED", "TIMEDOUT"]


def test_a_job_that_can_no_longer_be_run_can_be_canceled(shop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    job = shop.job(step("first", shop.task()))
    launched = shop.do(shop.launch(job))
    spoil(shop, job)
    assert shop.do(Cancel(shop.account_id, launched.id)).status == "TERMINATED"
    assert shop.attempts() == ["first 1 CANCELED"]


# -- reports


def test_a_report_on_what_is_not_there_or_not_ours_is_not_found(shop: Workshop) -> None:
    work = shop.task()
    shop.do(shop.launch(shop.job(step("first", work))))
    (held,) = shop.do(shop.claim(work))
    stranger = msgspec.structs.replace(shop.report(held), account_id="f" * 24)
    nobody = msgspec.structs.replace(shop.report(held), id="f" * 24)
    assert [type(answer) for answer in shop.batch(stranger, nobody).answers] == [NotFound, NotFound]


def test_the_same_report_twice_in_one_batch_counts_once(shop: Workshop) -> None:
    work = shop.task()
    shop.do(shop.launch(shop.job(step("first", work), step("second", work))))
    (held,) = shop.do(shop.claim(work))
    report = shop.report(held, output={"v": 1})
    assert [answer.status for answer in shop.batch(report, report).answers] == ["COMPLETED", "COMPLETED"]
    assert shop.attempts() == ["first 1 COMPLETED", "second 1 SCHEDULED"]


def test_of_two_reports_in_one_batch_the_first_counts(shop: Workshop) -> None:
    """The one that fails ends the job, so the output reads what it names, whatever the other would have read."""
    work = shop.task()
    steps = (step("first", work), step("second", work), step("third", work))
    shop.do(shop.launch(shop.job(*steps, outputParameters={"v": "${first.output.v}"})))
    (first,) = shop.do(shop.claim(work))
    shop.do(shop.report(first, output={"v": 1}))
    (second,) = shop.do(shop.claim(work))
    shop.batch(shop.report(second, "FAILED"), shop.report(second, "COMPLETED"))
    assert [shop.statuses(), shop.executions()[0].output] == [["FAILED"], '{"v":1}']


def test_a_timer_and_a_report_in_one_batch_end_the_job_with_its_whole_output(shop: Workshop) -> None:
    work = shop.task()
    steps = (step("first", work), step("second", work), step("third", work))
    shop.do(shop.launch(shop.job(*steps, outputParameters={"v": "${first.output.v}"})))
    (first,) = shop.do(shop.claim(work))
    shop.do(shop.report(first, output={"v": 1}))
    (second,) = shop.do(shop.claim(work, lease=60))
    shop.wait(60)
    _, refused = shop.batch(FireTimers(), shop.report(second)).answers
    assert isinstance(refused, TaskExecutionTimedOut)
    assert [shop.statuses(), shop.executions()[0].output] == [["TIMEDOUT"], '{"v":1}']


def test_a_report_that_comes_before_the_timer_in_a_batch_is_in_time(shop: Workshop) -> None:
    work = shop.task()
    shop.do(shop.launch(shop.job(step("first", work))))
    (held,) = shop.do(shop.claim(work, lease=60))
    shop.wait(60)
    shop.batch(shop.report(held), FireTimers())
    assert shop.statuses() == ["COMPLETED"]


# -- cancel


def test_canceling_what_has_ended_is_refused(shop: Workshop) -> None:
    work = shop.task()
    launched = shop.do(shop.launch(shop.job(step("first", work))))
    (held,) = shop.do(shop.claim(work))
    shop.do(shop.report(held))
    with pytest.raises(JobExecutionEnded):
        shop.do(Cancel(shop.account_id, launched.id))


def test_canceling_another_accounts_job_is_not_found(shop: Workshop) -> None:
    launched = shop.do(shop.launch(shop.job(step("first", shop.task()))))
    with pytest.raises(NotFound):
        shop.do(Cancel("f" * 24, launched.id))


def test_what_a_report_has_scheduled_is_canceled_by_a_cancel_of_the_same_batch(shop: Workshop) -> None:
    work = shop.task()
    launched = shop.do(shop.launch(shop.job(step("first", work), step("second", work))))
    (held,) = shop.do(shop.claim(work))
    shop.batch(shop.report(held), Cancel(shop.account_id, launched.id))
    assert shop.attempts() == ["first 1 COMPLETED", "second 1 CANCELED"]


# -- timers


def test_timers_fire_only_so_many_at_a_time_and_say_that_there_may_be_more(shop: Workshop) -> None:
    line = shop.pipeline(slots=3)
    work = shop.task(retry_count=1, poll_timeout_seconds=5, timeout_policy="RETRY")
    job = shop.job(step("first", work), pipeline=line)
    shop.batch(*(shop.launch(job) for _ in range(3)))
    shop.wait(5)
    assert [shop.do(FireTimers(limit=2)), shop.do(FireTimers(limit=2))] == [True, False]
    assert [row.attempt for row in shop.task_executions()] == [1, 1, 1, 2, 2, 2]


def test_of_a_task_and_a_job_that_are_due_the_one_that_came_first_counts(shop: Workshop) -> None:
    """The lease of an optional task ended after the job's time was over: that it would be passed over is too late."""
    work = shop.task()
    shop.do(shop.launch(shop.job(step("first", work, optional=True), timeoutSeconds=30)))
    shop.do(shop.claim(work, lease=60))
    shop.wait(3_600)
    shop.do(FireTimers())
    assert (shop.statuses(), shop.attempts()) == (["TIMEDOUT"], ["first 1 CANCELED"])


def test_a_lease_that_ended_before_the_jobs_time_counts_first(shop: Workshop) -> None:
    work = shop.task()
    shop.do(shop.launch(shop.job(step("first", work, optional=True), timeoutSeconds=90)))
    shop.do(shop.claim(work, lease=60))
    shop.wait(3_600)
    shop.do(FireTimers())
    assert (shop.statuses(), shop.attempts()) == (["COMPLETED"], ["first 1 COMPLETED_WITH_ERRORS"])


def test_what_came_first_counts_even_when_only_so_many_are_done_at_a_time(shop: Workshop) -> None:
    a, b = shop.task("a", poll_timeout_seconds=10, timeout_policy="RETRY", retry_count=9), shop.task("b")
    line = shop.pipeline(slots=2)
    shop.do(shop.launch(shop.job(step("first", a), pipeline=line)))
    shop.do(shop.launch(shop.job(step("first", b, optional=True), pipeline=line, timeoutSeconds=90)))
    shop.do(shop.claim(b, lease=60))
    shop.wait(3_600)
    while shop.do(FireTimers(limit=1)):
        pass
    assert shop.statuses() == ["RUNNING", "COMPLETED"]


@pytest.mark.parametrize(("lease", "code"), [(40, "timeout"), (20, "lease_expired")])
def test_what_was_put_off_does_what_it_would_have_done(shop: Workshop, lease: float, code: str) -> None:
    work = shop.task(timeout_seconds=30)
    shop.do(shop.launch(shop.job(step("first", work))))
    [held] = shop.do(shop.claim(work, lease=lease))
    shop.wait(60)
    timer = Timer("task_execution", held.id, held.timer_at)
    assert shop.run(shop.store.write(lambda transaction: transaction.put_off(timer, shop.now + 1_000)))
    shop.do(FireTimers())
    assert shop.attempts() == ["first 1 IN_PROGRESS"]
    shop.wait(1)
    shop.do(FireTimers())
    assert shop.attempts() == ["first 1 TIMED_OUT"]
    assert msgspec.json.decode(shop.task_executions()[0].failure or "")["code"] == code


def test_what_is_to_be_done_apart_is_done_and_nothing_else(shop: Workshop) -> None:
    line, work = shop.pipeline(slots=4), shop.task()
    job = shop.job(step("first", work), pipeline=line)
    held: list[TaskExecutionRecord] = []
    for _ in range(4):
        shop.do(shop.launch(job))
        held += shop.do(shop.claim(work, lease=10))
        shop.wait(1)
    shop.wait(60)
    first, second, third, _ = held
    assert shop.do(FireTimers(only=frozenset({second.id, third.id}))) is False
    assert shop.statuses() == ["RUNNING", "TIMEDOUT", "TIMEDOUT", "RUNNING"]
    shop.do(FireTimers(only=frozenset({first.id})))
    assert shop.statuses() == ["TIMEDOUT", "TIMEDOUT", "TIMEDOUT", "RUNNING"]


def test_what_is_done_apart_leaves_the_slots_that_it_frees_to_others(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work))
    shop.batch(shop.launch(job), shop.launch(job))
    [held] = shop.do(shop.claim(work))
    work_apart = partial(shop.work_of(shop.report(held)), apart=True)
    done = shop.run(shop.store.write(work_apart))
    assert (shop.statuses(), done.effects.unfilled) == (["COMPLETED", "PENDING"], (job.pipeline_id,))
    shop.batch(FillSlots(done.effects.unfilled))
    assert shop.statuses() == ["COMPLETED", "RUNNING"]


def test_two_timers_of_a_task_that_are_due_both_come_before_a_later_one_of_its_job(shop: Workshop) -> None:
    work = shop.task(timeout_seconds=30, timeout_policy="ALERT_ONLY")
    shop.do(shop.launch(shop.job(step("first", work, optional=True), timeoutSeconds=90)))
    shop.do(shop.claim(work, lease=60))
    shop.wait(3_600)
    shop.do(FireTimers())
    assert (shop.statuses(), shop.attempts()) == (["COMPLETED"], ["first 1 COMPLETED_WITH_ERRORS"])


# -- what others are told


def test_those_who_wait_are_told_what_became_claimable_and_was_not_taken(shop: Workshop) -> None:
    line = shop.pipeline(slots=3)
    work, other = shop.task("work"), shop.task("other")
    job = shop.job(step("first", work), pipeline=line)
    done = shop.batch(*(shop.launch(job) for _ in range(3)), shop.claim(work, other))
    assert done.effects.claimable == {work.id: 2}


def test_those_who_wait_are_told_of_a_place_under_the_limit(shop: Workshop) -> None:
    line = shop.pipeline(slots=2)
    work = shop.task(concurrent_exec_limit=1)
    job = shop.job(step("first", work), pipeline=line)
    shop.batch(shop.launch(job), shop.launch(job))
    (held,) = shop.do(shop.claim(work, limit=2))
    assert shop.batch(shop.report(held)).effects.claimable == {work.id: 1}


def test_a_heartbeat_tells_nobody_anything(shop: Workshop) -> None:
    line = shop.pipeline(slots=2)
    work = shop.task(concurrent_exec_limit=1)
    job = shop.job(step("first", work), pipeline=line)
    shop.batch(shop.launch(job), shop.launch(job))
    (held,) = shop.do(shop.claim(work))
    assert shop.batch(shop.report(held, "IN_PROGRESS")).effects.claimable == {}


def test_those_who_wait_for_an_end_are_told_of_it(shop: Workshop) -> None:
    work = shop.task()
    shop.do(shop.launch(shop.job(step("first", work))))
    (held,) = shop.do(shop.claim(work))
    assert shop.batch(shop.report(held)).effects.ended == shop.executions()


def test_the_timers_are_told_of_the_earliest_new_timer(shop: Workshop) -> None:
    work = shop.task(poll_timeout_seconds=20)
    job = shop.job(step("first", work), timeoutSeconds=90)
    assert shop.batch(shop.launch(job)).effects.next_timer == shop.now + 20_000
    assert shop.batch(shop.claim(work, lease=60)).effects.next_timer == shop.now + 60_000


def test_a_worker_that_lost_its_lease_in_the_same_batch_is_told(shop: Workshop) -> None:
    work = shop.task()
    shop.do(shop.launch(shop.job(step("first", work))))
    (held,) = shop.do(shop.claim(work))
    _, refused = shop.batch(shop.report(held, "SCHEDULED"), shop.report(held, "IN_PROGRESS")).answers
    assert isinstance(refused, LeaseLost)
