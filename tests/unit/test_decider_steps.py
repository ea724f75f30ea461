"""How a job goes from start to end when nothing goes wrong: its steps, what each is given, what comes out."""

from __future__ import annotations

from typing import Any

import pytest

from data_factory.engine import scope
from tests.unit.story import START, Story, step

ECHO: dict[str, Any] = {"power": "${workflow.input.power}"}


def test_starting_makes_it_running_and_schedules_the_first_task_only() -> None:
    story = Story(step("first"), step("second"))
    story.start()
    assert (story.status, story.execution.started_at) == ("RUNNING", START)
    assert story.statuses() == ["first 1 SCHEDULED"]


def test_a_scheduled_task_can_be_claimed_at_once_and_has_no_timer() -> None:
    story = Story(step("first"))
    story.start()
    assert (story.current.available_at, story.current.timer_at) == (None, None)


def test_a_job_without_timeout_has_no_deadline() -> None:
    story = Story(step("first"))
    story.start()
    assert story.execution.deadline_at is None


def test_the_deadline_counts_from_the_start_and_not_from_the_launch() -> None:
    story = Story(step("first"), timeout_seconds=60)
    story.wait(1_000)
    story.start()
    assert story.execution.deadline_at == START + 1_060_000


def test_completing_a_task_schedules_the_next_in_the_same_decision() -> None:
    story = Story(step("first"), step("second"))
    story.start()
    story.work()
    assert story.statuses() == ["first 1 COMPLETED", "second 1 SCHEDULED"]
    assert story.status == "RUNNING"


def test_completing_the_last_task_completes_the_job() -> None:
    story = Story(step("only"), timeout_seconds=60)
    story.start()
    story.wait(5)
    story.work()
    assert (story.status, story.execution.ended_at, story.failure) == ("COMPLETED", START + 5_000, {})
    assert story.execution.deadline_at is None


def test_a_completed_task_has_no_timers_left() -> None:
    story = Story(step("only", timeout_seconds=5, poll_timeout_seconds=5))
    story.start()
    story.work()
    assert [story.last.timer_at, story.last.timeout_at, story.last.lease_expires_at] == [None, None, None]


# -- what a task is given


def test_a_task_without_input_is_given_the_input_of_the_job_without_context() -> None:
    story = Story(step("first"), step("second"), input={"power": 10})
    story.start()
    story.work()
    assert story.input_of("first") == story.input_of("second") == {"power": 10}


def test_a_task_with_input_is_given_that_with_its_expressions_resolved() -> None:
    story = Story(step("first", input={"n": "${workflow.input.power}", "fixed": True}), input={"power": 10})
    story.start()
    assert story.input_of("first") == {"n": 10, "fixed": True}


def test_an_expression_may_ask_for_the_context() -> None:
    story = Story(step("first", input={"whose": "${workflow.input.context.jobId}"}))
    story.start()
    assert story.input_of("first") == {"whose": "job"}


def test_a_task_reads_the_output_and_status_of_any_task_before_it() -> None:
    reads = {"a": "${first.output.v}", "b": "${second.output.v}", "how": "${first.status}"}
    story = Story(step("first"), step("second"), step("third", input=reads))
    story.start()
    story.work({"v": 1})
    story.work({"v": [2]})
    assert story.input_of("third") == {"a": 1, "b": [2], "how": "COMPLETED"}


def test_a_task_reads_how_often_another_was_retried() -> None:
    story = Story(step("first", retry_count=2), step("second", input={"n": "${first.retryCount}"}))
    story.start()
    story.claim()
    story.fail()
    story.work()
    assert story.input_of("second") == {"n": 1}


def test_integers_of_any_size_pass_exactly() -> None:
    story = Story(step("first", input=ECHO), input={"power": 2**100})
    story.start()
    assert story.input_of("first") == {"power": 2**100}


# -- what comes out


def test_without_output_parameters_the_job_gives_the_output_of_its_last_task() -> None:
    story = Story(step("first"), step("second"))
    story.start()
    story.work({"from": "first"})
    assert story.output == {}
    story.work({"from": "second"})
    assert story.output == {"from": "second"}


def test_output_parameters_win_over_the_output_of_the_last_task() -> None:
    story = Story(step("first"), step("second"), output={"result": "${first.output.v}"})
    story.start()
    story.work({"v": 1})
    story.work({"v": 2})
    assert story.output == {"result": 1}


def test_empty_output_parameters_give_an_empty_output() -> None:
    story = Story(step("only"), output={})
    story.start()
    story.work({"v": 1})
    assert story.output == {}


def test_an_output_parameter_that_leads_nowhere_is_null() -> None:
    story = Story(step("only"), output={"result": "${only.output.missing}"})
    story.start()
    story.work({"v": 1})
    assert story.output == {"result": None}


# -- what is too large to be kept


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_PAYLOAD_BYTES", 40)


@pytest.mark.usefixtures("small")
def test_a_payload_of_just_the_largest_size_is_kept() -> None:
    story = Story(step("first", input=ECHO), input={"power": "x" * (40 - len('{"power":""}'))})
    story.start()
    assert story.status == "RUNNING"


@pytest.mark.usefixtures("small")
def test_a_first_input_that_is_too_large_fails_the_job_for_good() -> None:
    story = Story(step("first", input=ECHO, retry_count=3, optional=True), input={"power": "x" * 40})
    story.start()
    assert story.statuses() == ["first 1 FAILED_WITH_TERMINAL_ERROR"]
    assert (story.status, story.failure["code"]) == ("FAILED", "input_too_large")
    assert story.failure["taskReferenceName"] == "first"
    assert story.failure["taskExecutionId"] == story.last.id


@pytest.mark.usefixtures("small")
def test_a_later_input_that_is_too_large_fails_the_job_and_keeps_what_was_done() -> None:
    story = Story(step("first"), step("second", input={"v": "${first.output.v}"}))
    story.start()
    story.work({"v": "x" * 40})
    assert story.statuses() == ["first 1 COMPLETED", "second 1 FAILED_WITH_TERMINAL_ERROR"]
    assert (story.status, story.failure["taskReferenceName"]) == ("FAILED", "second")


@pytest.mark.usefixtures("small")
def test_a_job_that_fails_for_an_input_too_large_gives_what_was_done() -> None:
    steps = (step("first"), step("second"), step("third", input={"v": "${second.output.v}"}))
    story = Story(*steps, output={"a": "${first.output.v}"})
    story.start()
    story.work({"v": 1})
    story.work({"v": "x" * 40})
    assert (story.status, story.output) == ("FAILED", {"a": 1})


@pytest.mark.usefixtures("small")
def test_an_output_that_is_too_large_does_not_hide_why_the_job_failed() -> None:
    story = Story(step("only"), output={"v": "${only.output.v}"})
    story.start()
    story.claim()
    story.fail({"v": "x" * 40, "message": "broken"})
    assert (story.status, story.failure["code"], story.output) == ("FAILED", "task_failed", {})


@pytest.mark.usefixtures("small")
def test_an_output_that_is_too_large_fails_the_job_and_is_dropped() -> None:
    story = Story(step("only"), output={"v": "${only.output.v}"})
    story.start()
    story.work({"v": "x" * 40})
    assert (story.status, story.failure["code"], story.output) == ("FAILED", "output_too_large", {})


def test_an_input_that_is_nested_deeper_than_can_be_kept_fails_the_job() -> None:
    nested: Any = "${workflow.input}"
    for _ in range(90):
        nested = {"v": nested}
    steps = [step("t0", input=nested)]
    for number in range(1, 15):
        deeper: Any = "${t%d.input}" % (number - 1)
        for _ in range(90):
            deeper = {"v": deeper}
        steps.append(step(f"t{number}", input=deeper))
    story = Story(*steps)
    story.start()
    while story.status == "RUNNING":
        story.work()
    assert (story.status, story.failure["code"]) == ("FAILED", "input_too_large")


def test_an_output_that_is_nested_deeper_than_can_be_read_fails_the_job() -> None:
    story = Story(step("first"), step("second", input={"v": "${first.output.a}"}))
    story.start()
    story.complete_with(story.claim(), '{"a":' * 5_000 + "1" + "}" * 5_000)
    assert story.status == "FAILED"
