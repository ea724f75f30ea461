"""What a worker may do with a task execution, and what it is told when its report is a repeat or comes too late."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from data_factory.engine import lease
from data_factory.model.errors import (
    Conflict,
    LeaseLost,
    NotClaimed,
    TaskExecutionCanceled,
    TaskExecutionEnded,
    TaskExecutionTimedOut,
)
from data_factory.model.records import TaskExecutionRecord
from data_factory.model.status import TASK_EXECUTION_ENDED, ReportStatus, TaskExecutionStatus
from tests.unit.story import START, Story, step

REPORTS: tuple[ReportStatus, ...] = ("COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "IN_PROGRESS", "SCHEDULED")
ENDS: tuple[ReportStatus, ...] = ("COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR")


def scheduled() -> TaskExecutionRecord:
    story = Story(step("first"))
    story.start()
    return story.current


def held() -> TaskExecutionRecord:
    story = Story(step("first"))
    story.start()
    story.claim(lease_seconds=60)
    return replace(story.current, lease="mine")


def ended(status: TaskExecutionStatus, output: str = '{"v":1}') -> TaskExecutionRecord:
    return replace(held(), status=status, output=output, lease_expires_at=None, timer_at=None, ended_at=START)


# -- claim, heartbeat, hand back


def test_a_claim_says_who_holds_it_and_until_when() -> None:
    story = Story(step("first", timeout_seconds=600, poll_timeout_seconds=60))
    story.start()
    row = lease.claim(
        story.current,
        story.tasks["first"],
        "token",
        START + 1,
        lease_ms=30_000,
        worker_id="worker-1",
        claim_id="request-1",
    )
    assert (row.status, row.lease, row.worker_id, row.claim_id) == ("IN_PROGRESS", "token", "worker-1", "request-1")
    assert (row.started_at, row.lease_expires_at, row.timeout_at) == (START + 1, START + 30_001, START + 600_001)
    assert row.poll_timeout_at is None


@pytest.mark.parametrize(("lease_seconds", "timeout_seconds", "first"), [(60, 30, 30), (30, 60, 30), (60, 0, 60)])
def test_the_timer_of_a_claim_is_its_lease_or_its_timeout_whichever_is_first(
    lease_seconds: int, timeout_seconds: int, first: int
) -> None:
    story = Story(step("first", timeout_seconds=timeout_seconds))
    story.start()
    assert story.claim(lease_seconds).timer_at == START + first * 1000


def test_a_heartbeat_keeps_what_it_does_not_say() -> None:
    before = replace(held(), output='{"v":1}', progress='{"ratio":0.5}')
    after = lease.extend(before, START + 1_000, None, None)
    assert (after.output, after.progress) == (before.output, before.progress)
    assert after.lease_expires_at == START + 61_000


def test_a_heartbeat_brings_interim_output_and_progress() -> None:
    after = lease.extend(held(), START, '{"v":2}', '{"ratio":1.0}')
    assert (after.output, after.progress) == ('{"v":2}', '{"ratio":1.0}')


def test_a_heartbeat_does_not_change_who_holds_it() -> None:
    before, after = held(), lease.extend(held(), START + 1_000, None, None)
    assert (after.lease, after.lease_ms, after.status) == (before.lease, before.lease_ms, "IN_PROGRESS")


def test_handed_back_it_waits_as_the_same_attempt_and_remembers_nothing_of_its_worker() -> None:
    story = Story(step("first", timeout_seconds=60))
    story.start()
    before = story.claim(lease_seconds=60)
    story.hand_back()
    assert story.statuses() == ["first 1 SCHEDULED"]
    after = story.current
    assert after.id == before.id
    assert [after.worker_id, after.claim_id, after.lease, after.lease_ms, after.lease_expires_at] == [None] * 5
    assert [after.started_at, after.timeout_at, after.timer_at, after.available_at] == [None] * 4


def test_handed_back_it_can_be_claimed_again_and_gets_its_whole_timeout() -> None:
    story = Story(step("first", timeout_seconds=60))
    story.start()
    story.claim()
    story.wait(50)
    story.hand_back()
    assert story.claim().timeout_at == START + 110_000


# -- reports that count


@pytest.mark.parametrize("status", REPORTS)
@pytest.mark.parametrize("token", ["mine", None])
def test_a_report_of_the_holder_counts_with_or_without_its_lease(status: ReportStatus, token: str | None) -> None:
    assert lease.is_repeat(held(), status, None, token) is False


# -- repeats


@pytest.mark.parametrize("status", ENDS)
@pytest.mark.parametrize("token", ["mine", None])
def test_the_same_end_twice_is_a_repeat(status: ReportStatus, token: str | None) -> None:
    assert lease.is_repeat(ended(status), status, '{"v":1}', token)


@pytest.mark.parametrize("status", ENDS)
def test_the_same_end_again_without_its_output_is_a_repeat(status: ReportStatus) -> None:
    assert lease.is_repeat(ended(status), status, None, "mine")


@pytest.mark.parametrize("status", ["FAILED", "FAILED_WITH_TERMINAL_ERROR"])
def test_the_same_failure_of_an_optional_task_twice_is_a_repeat(status: ReportStatus) -> None:
    assert lease.is_repeat(ended("COMPLETED_WITH_ERRORS"), status, '{"v":1}', "mine")


@pytest.mark.parametrize("token", ["mine", None])
def test_handing_back_twice_is_a_repeat(token: str | None) -> None:
    assert lease.is_repeat(scheduled(), "SCHEDULED", None, token)


# -- stale reports


@pytest.mark.parametrize("status", REPORTS)
def test_the_report_of_a_worker_that_lost_its_lease_to_another_is_refused(status: ReportStatus) -> None:
    with pytest.raises(LeaseLost):
        lease.is_repeat(held(), status, None, "another's")


@pytest.mark.parametrize("status", [status for status in REPORTS if status != "SCHEDULED"])
def test_a_report_on_what_nobody_has_claimed_is_refused(status: ReportStatus) -> None:
    with pytest.raises(NotClaimed):
        lease.is_repeat(scheduled(), status, None, None)


@pytest.mark.parametrize("status", [status for status in REPORTS if status != "SCHEDULED"])
def test_a_report_after_handing_back_is_refused(status: ReportStatus) -> None:
    with pytest.raises(LeaseLost):
        lease.is_repeat(scheduled(), status, None, "mine")


@pytest.mark.parametrize("status", REPORTS)
@pytest.mark.parametrize("token", ["mine", None])
def test_a_report_on_what_timed_out_says_so(status: ReportStatus, token: str | None) -> None:
    with pytest.raises(TaskExecutionTimedOut):
        lease.is_repeat(ended("TIMED_OUT"), status, '{"v":1}', token)


@pytest.mark.parametrize("status", REPORTS)
@pytest.mark.parametrize("token", ["mine", None])
def test_a_report_on_what_was_canceled_says_so(status: ReportStatus, token: str | None) -> None:
    with pytest.raises(TaskExecutionCanceled):
        lease.is_repeat(ended("CANCELED"), status, '{"v":1}', token)


@pytest.mark.parametrize(("was", "status"), [(was, status) for was in ENDS for status in REPORTS if was != status])
def test_another_report_on_what_has_ended_is_refused(was: TaskExecutionStatus, status: ReportStatus) -> None:
    with pytest.raises(TaskExecutionEnded, match=f"it is {was}"):
        lease.is_repeat(ended(was), status, None, "mine")


@pytest.mark.parametrize("status", ENDS)
def test_the_same_end_with_another_output_is_refused(status: ReportStatus) -> None:
    with pytest.raises(TaskExecutionEnded):
        lease.is_repeat(ended(status), status, '{"v":2}', "mine")


@pytest.mark.parametrize("status", ENDS)
def test_the_same_end_from_a_worker_with_another_lease_is_refused(status: ReportStatus) -> None:
    with pytest.raises(TaskExecutionEnded):
        lease.is_repeat(ended(status), status, '{"v":1}', "another's")


@pytest.mark.parametrize("was", sorted(TASK_EXECUTION_ENDED))
def test_no_heartbeat_and_no_hand_back_reaches_what_has_ended(was: TaskExecutionStatus) -> None:
    for status in ("IN_PROGRESS", "SCHEDULED"):
        with pytest.raises(Conflict):
            lease.is_repeat(ended(was), status, None, "mine")
