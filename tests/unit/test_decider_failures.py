"""What follows from a task that failed: another attempt, the next task, or the end of the job."""

from __future__ import annotations

from data_factory.model.status import TASK_EXECUTION_ENDED
from tests.unit.story import START, Story, step


def test_a_task_without_retries_fails_the_job() -> None:
    story = Story(step("first"), step("second"))
    story.start()
    story.claim()
    story.fail()
    assert story.statuses() == ["first 1 FAILED"]
    assert (story.status, story.execution.ended_at) == ("FAILED", START)


def test_the_failure_of_the_job_says_which_task_and_why() -> None:
    story = Story(step("first"))
    story.start()
    story.claim()
    story.fail({"message": "no power"})
    assert story.failure == {
        "code": "task_failed",
        "message": "no power",
        "taskReferenceName": "first",
        "taskExecutionId": story.last.id,
    }


def test_a_failure_without_a_message_still_says_something() -> None:
    for output in ({}, {"message": ""}, {"message": 3}):
        story = Story(step("first"))
        story.start()
        story.claim()
        story.fail(output)
        assert story.failure["message"] == "It was reported that it failed."


def test_the_output_of_the_failed_task_is_the_output_of_the_failed_job() -> None:
    story = Story(step("first"))
    story.start()
    story.claim()
    story.fail({"message": "no", "row": 7})
    assert story.output == {"message": "no", "row": 7}


def test_output_parameters_are_evaluated_for_a_failed_job_too() -> None:
    story = Story(step("first"), step("second"), output={"a": "${first.output.v}", "b": "${second.status}"})
    story.start()
    story.work({"v": 1})
    story.claim()
    story.fail()
    assert story.output == {"a": 1, "b": "FAILED"}


# -- retries


def test_a_failed_task_is_retried_as_a_new_task_execution_with_the_same_input() -> None:
    story = Story(step("first", retry_count=1, input={"n": "${workflow.input.n}"}), input={"n": 3})
    story.start()
    first = story.claim()
    story.fail({"message": "once"})
    assert story.statuses() == ["first 1 FAILED", "first 2 SCHEDULED"]
    assert (story.current.input, story.current.output) == (first.input, "{}")
    assert story.current.id != first.id
    assert story.status == "RUNNING"


def test_a_retry_remembers_nothing_of_the_worker_before_it() -> None:
    story = Story(step("first", retry_count=1))
    story.start()
    story.claim()
    story.fail()
    again = story.current
    assert [again.worker_id, again.claim_id, again.lease, again.lease_ms, again.lease_expires_at] == [None] * 5
    assert [again.failure, again.warning, again.progress, again.started_at, again.ended_at] == [None] * 5


def test_there_are_as_many_attempts_as_retries_and_one_more() -> None:
    story = Story(step("first", retry_count=2))
    story.start()
    for _ in range(3):
        story.claim()
        story.fail()
    assert story.statuses() == ["first 1 FAILED", "first 2 FAILED", "first 3 FAILED"]
    assert story.status == "FAILED"


def test_a_retry_without_delay_can_be_claimed_at_once() -> None:
    story = Story(step("first", retry_count=1, retry_delay_seconds=0))
    story.start()
    story.claim()
    story.fail()
    assert (story.current.available_at, story.current.timer_at) == (None, None)


def test_a_retry_with_delay_waits_and_then_can_be_claimed() -> None:
    story = Story(step("first", retry_count=1, retry_delay_seconds=30))
    story.start()
    story.claim()
    story.fail()
    assert (story.current.available_at, story.current.timer_at) == (START + 30_000, START + 30_000)
    story.wait(29.999)
    assert story.current.available_at is not None
    story.wait(0.001)
    assert (story.current.available_at, story.current.timer_at) == (None, None)
    story.work()
    assert story.status == "COMPLETED"


def test_a_retry_can_succeed_and_the_job_goes_on() -> None:
    story = Story(step("first", retry_count=1), step("second"))
    story.start()
    story.claim()
    story.fail()
    story.work()
    assert story.statuses() == ["first 1 FAILED", "first 2 COMPLETED", "second 1 SCHEDULED"]


def test_a_terminal_error_is_not_retried() -> None:
    story = Story(step("first", retry_count=5))
    story.start()
    story.claim()
    story.fail(status="FAILED_WITH_TERMINAL_ERROR")
    assert story.statuses() == ["first 1 FAILED_WITH_TERMINAL_ERROR"]
    assert story.status == "FAILED"


# -- optional


def test_an_optional_task_that_failed_is_passed_over() -> None:
    story = Story(step("first", optional=True), step("second"))
    story.start()
    story.claim()
    story.fail({"message": "never mind"})
    assert story.statuses() == ["first 1 COMPLETED_WITH_ERRORS", "second 1 SCHEDULED"]
    assert (story.status, story.failures()) == ("RUNNING", ["task_failed"])


def test_an_optional_task_is_retried_before_it_is_passed_over() -> None:
    story = Story(step("first", optional=True, retry_count=1), step("second"))
    story.start()
    story.claim()
    story.fail()
    assert story.statuses() == ["first 1 FAILED", "first 2 SCHEDULED"]
    story.claim()
    story.fail()
    assert story.statuses() == ["first 1 FAILED", "first 2 COMPLETED_WITH_ERRORS", "second 1 SCHEDULED"]


def test_a_terminal_error_of_an_optional_task_is_passed_over_without_retries() -> None:
    story = Story(step("first", optional=True, retry_count=5), step("second"))
    story.start()
    story.claim()
    story.fail(status="FAILED_WITH_TERMINAL_ERROR")
    assert story.statuses() == ["first 1 COMPLETED_WITH_ERRORS", "second 1 SCHEDULED"]


def test_an_optional_last_task_that_failed_completes_the_job_with_what_it_left() -> None:
    story = Story(step("only", optional=True))
    story.start()
    story.claim()
    story.fail({"message": "partly", "rows": 2})
    assert (story.status, story.failure, story.output) == ("COMPLETED", {}, {"message": "partly", "rows": 2})


def test_a_later_task_sees_the_status_of_what_was_passed_over() -> None:
    reads = {"how": "${first.status}", "why": "${first.reasonForIncompletion}"}
    story = Story(step("first", optional=True), step("second", input=reads))
    story.start()
    story.claim()
    story.fail({"message": "no"})
    assert story.input_of("second") == {"how": "COMPLETED_WITH_ERRORS", "why": "no"}


def test_an_ended_job_leaves_no_task_execution_that_has_not_ended() -> None:
    story = Story(step("first", retry_count=1), step("second", optional=True), step("third"))
    story.start()
    while story.status == "RUNNING":
        story.claim()
        story.fail()
    assert {row.status for row in story.rows.values()} <= TASK_EXECUTION_ENDED
