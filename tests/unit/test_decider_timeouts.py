"""What time does: each timeout of a task under each policy, and that of a job."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.story import START, Story, step

TIMEOUTS = [
    pytest.param({"poll_timeout_seconds": 5}, "poll_timeout", id="poll timeout"),
    pytest.param({"timeout_seconds": 5}, "timeout", id="timeout"),
]


def waiting_story(settings: dict[str, Any], policy: str, retry_count: int = 0, optional: bool = False) -> Story:
    """A story in which a timeout of 5 seconds is running: claimed, save for a poll timeout."""
    first = step("first", optional=optional, timeout_policy=policy, retry_count=retry_count, **settings)
    story = Story(first, step("second"))
    story.start()
    if "poll_timeout_seconds" not in settings:
        story.claim()
    return story


# -- policies, for the poll timeout and the timeout alike


@pytest.mark.parametrize(("settings", "code"), TIMEOUTS)
def test_nothing_happens_before_the_time_is_over(settings: dict[str, Any], code: str) -> None:
    story = waiting_story(settings, "TIME_OUT_WF")
    before = story.statuses()
    story.wait(4.999)
    assert (story.status, story.statuses()) == ("RUNNING", before)


@pytest.mark.parametrize(("settings", "code"), TIMEOUTS)
def test_time_out_wf_ends_the_job(settings: dict[str, Any], code: str) -> None:
    story = waiting_story(settings, "TIME_OUT_WF", retry_count=3)
    story.wait(5)
    assert story.statuses() == ["first 1 TIMED_OUT"]
    assert (story.status, story.failure["code"], story.failures()) == ("TIMEDOUT", code, [code])
    assert story.failure["taskReferenceName"] == "first"


@pytest.mark.parametrize(("settings", "code"), TIMEOUTS)
def test_time_out_wf_ends_the_job_even_when_the_task_is_optional(settings: dict[str, Any], code: str) -> None:
    story = waiting_story(settings, "TIME_OUT_WF", optional=True)
    story.wait(5)
    assert (story.status, story.statuses()) == ("TIMEDOUT", ["first 1 TIMED_OUT"])


@pytest.mark.parametrize(("settings", "code"), TIMEOUTS)
def test_retry_tries_again(settings: dict[str, Any], code: str) -> None:
    story = waiting_story(settings, "RETRY", retry_count=1)
    story.wait(5)
    assert story.statuses() == ["first 1 TIMED_OUT", "first 2 SCHEDULED"]
    assert (story.status, story.failures()) == ("RUNNING", [code])


@pytest.mark.parametrize(("settings", "code"), TIMEOUTS)
def test_retry_without_retries_left_ends_the_job(settings: dict[str, Any], code: str) -> None:
    story = waiting_story(settings, "RETRY")
    story.wait(5)
    assert story.statuses() == ["first 1 TIMED_OUT"]
    assert (story.status, story.failure["code"]) == ("TIMEDOUT", code)


@pytest.mark.parametrize(("settings", "code"), TIMEOUTS)
def test_retry_without_retries_left_passes_over_an_optional_task(settings: dict[str, Any], code: str) -> None:
    story = waiting_story(settings, "RETRY", optional=True)
    story.wait(5)
    assert story.statuses() == ["first 1 COMPLETED_WITH_ERRORS", "second 1 SCHEDULED"]
    assert story.failures() == [code]


@pytest.mark.parametrize(("settings", "code"), TIMEOUTS)
def test_alert_only_leaves_a_warning_once_and_lets_it_run(settings: dict[str, Any], code: str) -> None:
    story = waiting_story(settings, "ALERT_ONLY")
    before = story.statuses()
    story.wait(5)
    assert (story.status, story.statuses(), story.failures()) == ("RUNNING", before, [])
    assert msgspec.json.decode(story.current.warning or "{}")["code"] == code
    warned = story.current
    story.wait(60)
    assert story.current == warned


@pytest.mark.parametrize(("settings", "code"), TIMEOUTS)
def test_what_was_warned_about_can_still_complete(settings: dict[str, Any], code: str) -> None:
    story = waiting_story(settings, "ALERT_ONLY")
    story.wait(5)
    if "poll_timeout_seconds" in settings:
        story.claim()
    story.complete()
    assert story.statuses() == ["first 1 COMPLETED", "second 1 SCHEDULED"]
    assert msgspec.json.decode(next(iter(story.rows.values())).warning or "{}")["code"] == code


@pytest.mark.parametrize(("settings", "code"), TIMEOUTS)
@pytest.mark.parametrize("policy", ["RETRY", "TIME_OUT_WF"])
def test_output_parameters_see_the_task_that_timed_out(settings: dict[str, Any], code: str, policy: str) -> None:
    story = Story(step("first", timeout_policy=policy, **settings), output={"how": "${first.status}"})
    story.start()
    if "timeout_seconds" in settings:
        story.claim()
    story.wait(5)
    assert (story.status, story.output) == ("TIMEDOUT", {"how": "TIMED_OUT"})


# -- the poll timeout


def test_a_claim_ends_the_poll_timeout() -> None:
    story = Story(step("first", poll_timeout_seconds=5))
    story.start()
    story.claim()
    story.wait(60)
    assert story.statuses() == ["first 1 IN_PROGRESS"]


def test_the_poll_timeout_of_a_retry_counts_from_when_it_can_be_claimed() -> None:
    story = Story(step("first", retry_count=1, retry_delay_seconds=30, poll_timeout_seconds=5))
    story.start()
    story.claim()
    story.fail()
    story.wait(30)
    assert story.current.poll_timeout_at == story.current.timer_at == START + 35_000


def test_the_poll_timeout_starts_again_when_it_is_handed_back() -> None:
    story = Story(step("first", poll_timeout_seconds=5))
    story.start()
    story.wait(4)
    story.claim()
    story.wait(4)
    story.hand_back()
    assert story.current.poll_timeout_at == story.current.timer_at == START + 13_000


# -- the timeout of a run


def test_the_timeout_counts_from_the_claim_and_a_heartbeat_does_not_move_it() -> None:
    story = Story(step("first", timeout_seconds=90))
    story.start()
    story.wait(1_000)
    story.claim(lease_seconds=60)
    story.wait(50)
    story.heartbeat()
    assert story.current.timeout_at == START + 1_090_000
    story.wait(40)
    assert (story.status, story.failure["code"]) == ("TIMEDOUT", "timeout")


# -- the lease: a worker that gives no sign of life


@pytest.mark.parametrize("policy", ["RETRY", "TIME_OUT_WF", "ALERT_ONLY"])
def test_a_lost_worker_costs_an_attempt_whatever_the_timeout_policy(policy: str) -> None:
    story = Story(step("first", retry_count=1, timeout_policy=policy))
    story.start()
    story.claim(lease_seconds=60)
    story.wait(59.999)
    assert story.statuses() == ["first 1 IN_PROGRESS"]
    story.wait(0.001)
    assert story.statuses() == ["first 1 TIMED_OUT", "first 2 SCHEDULED"]
    assert story.failures() == ["lease_expired"]


def test_a_lost_worker_without_retries_left_ends_the_job() -> None:
    story = Story(step("first"))
    story.start()
    story.claim(lease_seconds=60)
    story.wait(60)
    assert (story.status, story.failure["code"]) == ("TIMEDOUT", "lease_expired")
    assert story.failure["message"] == "Its worker gave no sign of life for 60 seconds."


def test_a_lost_worker_of_an_optional_task_without_retries_left_is_passed_over() -> None:
    story = Story(step("first", optional=True), step("second"))
    story.start()
    story.claim(lease_seconds=60)
    story.wait(60)
    assert story.statuses() == ["first 1 COMPLETED_WITH_ERRORS", "second 1 SCHEDULED"]


def test_a_heartbeat_extends_the_lease_by_what_it_was_claimed_with() -> None:
    story = Story(step("first"))
    story.start()
    story.claim(lease_seconds=60)
    story.wait(59)
    story.heartbeat()
    story.wait(59)
    assert story.statuses() == ["first 1 IN_PROGRESS"]
    story.wait(1)
    assert story.status == "TIMEDOUT"


def test_the_lease_is_never_longer_than_the_response_timeout() -> None:
    story = Story(step("first", response_timeout_seconds=10))
    story.start()
    assert story.claim(lease_seconds=60).lease_ms == 10_000


def test_without_a_lease_of_its_own_a_claim_has_the_response_timeout() -> None:
    story = Story(step("first", response_timeout_seconds=10))
    story.start()
    assert story.claim().lease_expires_at == START + 10_000


def test_the_interim_output_of_a_lost_worker_is_kept_with_its_attempt() -> None:
    story = Story(step("first", retry_count=1))
    story.start()
    lost = story.claim(lease_seconds=60)
    story.heartbeat('{"rows":3}')
    story.wait(60)
    assert story.rows[lost.id].output == '{"rows":3}'
    assert story.current.output == "{}"


def test_of_two_timers_that_are_due_the_one_that_came_first_counts() -> None:
    """A server that was down for an hour finds both due; what follows must not depend on that hour."""
    story = Story(step("first", retry_count=1, timeout_seconds=90, timeout_policy="TIME_OUT_WF"))
    story.start()
    story.claim(lease_seconds=60)
    story.wait(3_600)
    assert story.statuses() == ["first 1 TIMED_OUT", "first 2 SCHEDULED"]
    assert story.failures() == ["lease_expired"]


def test_an_alert_does_not_hide_a_lease_that_is_due_as_well() -> None:
    story = Story(step("first", timeout_seconds=30, timeout_policy="ALERT_ONLY"))
    story.start()
    story.claim(lease_seconds=60)
    story.wait(3_600)
    assert story.statuses() == ["first 1 IN_PROGRESS"]
    assert story.current.timer_at == START + 60_000
    story.wait(0)
    assert (story.status, story.failure["code"]) == ("TIMEDOUT", "lease_expired")


# -- the timeout of a job


def test_a_job_that_ran_too_long_is_timed_out_and_its_task_canceled() -> None:
    story = Story(step("first"), step("second"), timeout_seconds=60)
    story.start()
    story.work()
    story.claim()
    story.wait(60)
    assert story.statuses() == ["first 1 COMPLETED", "second 1 CANCELED"]
    assert (story.status, story.failure["code"]) == ("TIMEDOUT", "job_timeout")
    assert story.failure["message"] == "It ran longer than its timeoutSeconds (60)."
    assert story.execution.deadline_at is None


def test_a_job_that_waits_for_a_worker_times_out_too() -> None:
    story = Story(step("first"), timeout_seconds=60)
    story.start()
    story.wait(60)
    assert (story.status, story.statuses()) == ("TIMEDOUT", ["first 1 CANCELED"])


def test_a_job_that_has_ended_does_not_time_out() -> None:
    story = Story(step("only"), timeout_seconds=60)
    story.start()
    story.work()
    story.wait(3_600)
    assert story.status == "COMPLETED"
