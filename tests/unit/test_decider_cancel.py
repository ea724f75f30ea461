"""How a job is ended from outside: by a user, or by the platform when it cannot go on."""

from __future__ import annotations

import pytest

from data_factory.engine import decider
from data_factory.model.errors import JobExecutionEnded
from data_factory.model.resources import Failure
from tests.unit.story import START, Story, step


def test_a_pending_job_is_terminated_without_having_started() -> None:
    story = Story(step("first"))
    story.cancel()
    assert (story.status, story.execution.started_at, story.execution.ended_at) == ("TERMINATED", None, START)
    assert story.statuses() == []


def test_a_running_job_is_terminated_and_its_waiting_task_canceled() -> None:
    story = Story(step("first", poll_timeout_seconds=60), timeout_seconds=60)
    story.start()
    story.cancel("no longer needed")
    assert (story.status, story.statuses()) == ("TERMINATED", ["first 1 CANCELED"])
    assert story.failure == {
        "code": "canceled",
        "message": "no longer needed",
        "taskReferenceName": None,
        "taskExecutionId": None,
    }
    assert (story.execution.deadline_at, story.last.timer_at) == (None, None)


def test_a_running_task_is_canceled_under_its_worker() -> None:
    story = Story(step("first"), step("second"))
    story.start()
    story.work()
    story.claim()
    story.cancel()
    assert story.statuses() == ["first 1 COMPLETED", "second 1 CANCELED"]


def test_a_retry_that_waits_for_its_time_is_canceled() -> None:
    story = Story(step("first", retry_count=1, retry_delay_seconds=60))
    story.start()
    story.claim()
    story.fail()
    story.cancel()
    assert story.statuses() == ["first 1 FAILED", "first 2 CANCELED"]
    assert story.last.available_at is None


def test_without_a_reason_it_says_that_it_was_canceled() -> None:
    story = Story(step("first"))
    story.cancel()
    assert story.failure["message"] == "It was canceled."


def test_canceling_twice_changes_nothing() -> None:
    story = Story(step("first"))
    story.start()
    story.cancel("first")
    ended = story.execution
    story.now += 1_000
    story.cancel("second")
    assert story.execution == ended


def test_a_job_that_has_ended_cannot_be_canceled() -> None:
    story = Story(step("only"))
    story.start()
    story.work()
    with pytest.raises(JobExecutionEnded, match="it is COMPLETED"):
        story.cancel()


def test_what_the_platform_cannot_go_on_with_has_failed() -> None:
    story = Story(step("first"))
    story.start()
    failure = Failure(code="internal_error", message="broken")
    outcome = decider.abandon(story.execution, story.rows.values(), failure, START + 1)
    assert (outcome.execution.status, outcome.execution.ended_at) == ("FAILED", START + 1)
    assert [row.status for row in outcome.task_executions] == ["CANCELED"]


def test_what_cannot_even_be_started_counts_as_started_and_failed() -> None:
    story = Story(step("first"))
    outcome = decider.abandon(story.execution, (), Failure(code="internal_error", message="broken"), START + 1)
    assert (outcome.execution.status, outcome.execution.started_at) == ("FAILED", START + 1)
