"""What the decider makes of control flow: SWITCH, DECISION, DO_WHILE, TERMINATE, WAIT."""

from __future__ import annotations

from typing import Any

import pytest

from data_factory.engine import scope, walk
from tests.unit.story import START, StepInStory, Story, control, step

POWER: dict[str, Any] = {"power": "${workflow.input.power}"}


def by_size(**fields: Any) -> StepInStory:
    """A switch by a script."""
    cases = {"BIG": [step("big"), step("bigger")], "NONE": []}
    expression = "$.power > 9 ? 'BIG' : $.power === undefined || $.power === null ? 'NONE' : 'SMALL'"
    settings = {"cases": cases, "default": [step("small")], **fields}
    return control("SWITCH", "size", input=POWER, expression=expression, **settings)


def story(*steps: StepInStory, input: dict[str, Any] | None = None, output: dict[str, Any] | None = None) -> Story:
    """A job execution that has begun."""
    told = Story(*steps, input=input, output=output)
    told.start()
    return told


def worked(told: Story) -> list[str]:
    """The paths that workers were given, until the job has ended."""
    paths = []
    while told.status == "RUNNING":
        if not told.go_on():
            paths.append(told.current.path)
            told.work({"n": len(paths)})
    return paths


# -- SWITCH


@pytest.mark.parametrize(
    ("power", "taken"), [(10, ["big", "bigger"]), (1, ["small"]), (None, [])], ids=["a case", "the default", "empty"]
)
def test_a_switch_goes_the_way_that_its_script_says_and_then_on(power: int | None, taken: list[str]) -> None:
    told = story(by_size(), step("after"), input={"power": power})
    assert worked(told) == [*taken, "after"]
    assert told.status == "COMPLETED"


def test_a_switch_is_kept_with_what_it_was_given_and_has_chosen() -> None:
    told = story(by_size(), input={"power": 10})
    row = told.at("size")
    assert (row.type, row.task_id, row.status, row.input) == ("SWITCH", "", "COMPLETED", '{"power":10}')
    assert told.output_of("size") == {"evaluationResult": ["BIG"], "selectedCase": "BIG"}
    assert (row.started_at, row.ended_at, row.timer_at) == (told.now, told.now, None)


@pytest.mark.parametrize(
    ("value", "case"), [("YES", "YES"), (7, "7"), (True, "true"), (None, "null"), (1.5, "1.5"), ([1], "[1]")]
)
def test_a_switch_by_a_value_takes_its_text(value: Any, case: str) -> None:
    cases = {case: [step("taken")]}
    switch = control(
        "SWITCH", "way", input={"v": "${workflow.input.v}"}, evaluator_type="value-param", expression="v", cases=cases
    )
    told = story(switch, input={"v": value})
    assert worked(told) == ["taken"]
    assert told.output_of("way")["evaluationResult"] == [case]


def test_a_decision_takes_the_case_that_a_parameter_names() -> None:
    cases = {"YES": [step("yes")], "NO": [step("no")]}
    told = story(control("DECISION", "way", input={"v": "NO"}, case_value_param="v", cases=cases))
    assert worked(told) == ["no"]
    assert told.output_of("way") == {"caseOutput": ["NO"], "selectedCase": "NO"}


def test_what_comes_after_a_switch_reads_what_was_done_in_it_and_null_of_the_way_not_taken() -> None:
    after = step("after", input={"big": "${bigger.output.n}", "small": "${small.output.n}", "way": "${size.output}"})
    told = story(by_size(), after, input={"power": 10})
    worked(told)
    way = {"evaluationResult": ["BIG"], "selectedCase": "BIG"}
    assert told.input_of("after") == {"big": 2, "small": None, "way": way}


def test_without_outputs_a_job_gives_what_ended_last_be_it_a_switch() -> None:
    assert story(by_size(), input={}).output == {"evaluationResult": ["NONE"], "selectedCase": "NONE"}
    told = story(by_size(), input={"power": 10})
    worked(told)
    assert told.output == {"n": 2}


def test_switches_in_switches_lead_back_to_what_follows_all_of_them() -> None:
    inner = control("SWITCH", "inner", expression="'A'", cases={"A": [step("deep")]})
    outer = control("SWITCH", "outer", expression="'A'", cases={"A": [inner]})
    assert worked(story(outer, step("after"))) == ["deep", "after"]


def test_a_script_that_fails_fails_the_job_and_says_of_which_task() -> None:
    told = story(control("SWITCH", "way", expression="$.a.b.c", cases={}), step("never"))
    assert (told.status, told.failure["code"], told.failure["taskReferenceName"]) == ("FAILED", "script_failed", "way")
    assert "cannot read property 'b' of undefined" in told.failure["message"]
    assert told.statuses() == ["way 1 FAILED"]


def test_an_optional_switch_whose_script_fails_is_passed_over() -> None:
    told = story(control("SWITCH", "way", expression="$.a.b", cases={}, optional=True), step("after"))
    assert worked(told) == ["after"]
    assert told.at("way").status == "COMPLETED_WITH_ERRORS"


# -- DO_WHILE


def loop(times: int, *over: StepInStory, reference: str = "loop", **fields: Any) -> StepInStory:
    condition = f"$.{reference}.iteration < {times}"
    return control("DO_WHILE", reference, loop_condition=condition, over=list(over or (step("body"),)), **fields)


def test_a_loop_runs_its_body_once_before_it_asks_and_then_as_long_as_it_is_told() -> None:
    assert worked(story(loop(0), step("after"))) == ["body[1]", "after"]
    assert worked(story(loop(3), step("after"))) == ["body[1]", "body[2]", "body[3]", "after"]


def test_a_loop_counts_while_it_goes_round_and_gives_its_last_number() -> None:
    told = story(loop(2), output={"times": "${loop.output.iteration}"})
    assert (told.at("loop").status, told.output_of("loop")) == ("IN_PROGRESS", {"iteration": 1})
    told.work()
    assert (told.at("loop").status, told.output_of("loop")) == ("IN_PROGRESS", {"iteration": 2})
    told.work()
    assert (told.at("loop").status, told.output) == ("COMPLETED", {"times": 2})


def test_what_is_in_a_loop_reads_its_iteration_its_input_and_the_iteration_before() -> None:
    reads = {"at": "${loop.output.iteration}", "of": "${loop.input.of}", "before": "${second.output.n}"}
    body = (step("first", input=reads), step("second", input={"n": "${first.output.n}"}))
    told = story(loop(2, *body, input={"of": "x"}))
    worked(told)
    assert told.input_of("first[1]") == {"at": 1, "of": "x", "before": None}
    assert told.input_of("first[2]") == {"at": 2, "of": "x", "before": 2}
    assert told.input_of("second[2]") == {"n": 3}


def test_what_comes_after_a_loop_reads_its_last_iteration() -> None:
    told = story(loop(3), step("after", input={"n": "${body.output.n}"}))
    worked(told)
    assert told.input_of("after") == {"n": 3}


def test_a_condition_reads_what_the_iteration_gave_by_name_and_by_its_input() -> None:
    by_name = control("DO_WHILE", "loop", loop_condition="$.body.n < 3", over=[step("body")])
    assert worked(story(by_name)) == ["body[1]", "body[2]", "body[3]"]
    by_input = control(
        "DO_WHILE", "loop", loop_condition="$.n < 3", input={"n": "${body.output.n}"}, over=[step("body")]
    )
    assert worked(story(by_input)) == ["body[1]", "body[2]", "body[3]"]


def test_the_condition_of_the_platform_s_own_example_runs() -> None:
    condition = "if ($.loop['iteration'] >= $.elements.length) { false; } else { true; }"
    over = [step("body", input={"element": "${loop.input.elements[0]}"})]
    told = story(control("DO_WHILE", "loop", loop_condition=condition, input={"elements": ["a", "b"]}, over=over))
    assert worked(told) == ["body[1]", "body[2]"]


def test_a_loop_gives_what_its_iterations_gave_by_number_and_name_where_that_is_read() -> None:
    told = story(loop(2), output={"all": "${loop.output}"})
    worked(told)
    assert told.output == {"all": {"iteration": 2, "1": {"body": {"n": 1}}, "2": {"body": {"n": 2}}}}
    last = story(loop(1))
    worked(last)
    assert last.output == {"iteration": 1, "1": {"body": {"n": 1}}}


def test_loops_in_loops_count_for_themselves() -> None:
    told = story(loop(2, loop(2, reference="inner"), step("between")), output={"all": "${loop.output['2'].inner}"})
    paths = ["body[1,1]", "body[1,2]", "between[1]", "body[2,1]", "body[2,2]", "between[2]"]
    assert worked(told) == paths
    assert told.output == {"all": {"iteration": 2, "1": {"body": {"n": 4}}, "2": {"body": {"n": 5}}}}


def test_a_switch_at_the_end_of_a_loop_leads_round() -> None:
    switch = control("SWITCH", "way", expression="'A'", cases={"A": [step("taken")]})
    assert worked(story(loop(2, switch))) == ["taken[1]", "taken[2]"]


def test_a_task_that_fails_in_a_loop_fails_the_job_and_the_loop_is_canceled() -> None:
    told = story(loop(2))
    told.claim()
    told.fail()
    assert told.statuses() == ["loop 1 CANCELED", "body[1] 1 FAILED"]
    assert (told.status, told.failure["taskReferenceName"]) == ("FAILED", "body[1]")


def test_a_task_that_fails_in_an_optional_loop_ends_the_loop_and_no_more() -> None:
    told = story(loop(2, loop(2, reference="inner"), optional=True), step("after"))
    told.claim()
    told.fail({"message": "broken"})
    assert told.statuses()[:3] == ["loop 1 COMPLETED_WITH_ERRORS", "inner[1] 1 CANCELED", "body[1,1] 1 FAILED"]
    assert told.failures() == ["task_failed", "task_failed"]
    assert worked(told) == ["after"]
    assert told.status == "COMPLETED"


def test_a_retry_in_a_loop_is_of_its_iteration_alone() -> None:
    told = story(loop(2, step("body", retry_count=1)))
    told.claim()
    told.fail()
    told.work()
    told.work()
    assert told.statuses() == [
        "loop 1 COMPLETED",
        "body[1] 1 FAILED",
        "body[1] 2 COMPLETED",
        "body[2] 1 COMPLETED",
    ]


def test_a_canceled_job_has_its_loops_canceled() -> None:
    told = story(loop(2))
    told.cancel()
    assert told.statuses() == ["loop 1 CANCELED", "body[1] 1 CANCELED"]


def test_a_loop_may_not_go_round_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_ITERATIONS", 3)
    told = story(control("DO_WHILE", "loop", loop_condition="true", over=[step("body")]))
    assert worked(told) == ["body[1]", "body[2]", "body[3]"]
    assert (told.status, told.failure["code"]) == ("FAILED", "too_many_iterations")


def test_what_iterations_gave_may_be_too_much_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told = story(loop(3), output={"all": "${loop.output}"})
    monkeypatch.setattr(scope, "MAX_PAYLOAD_BYTES", 60)
    worked(told)
    assert (told.status, told.failure["code"], told.failure["taskReferenceName"]) == (
        "FAILED",
        "output_too_large",
        "loop",
    )


def test_a_loop_without_work_goes_on_a_moment_later_so_that_others_have_their_turn() -> None:
    turn = control("SWITCH", "turn", expression="'A'", cases={})
    told = story(control("DO_WHILE", "loop", loop_condition="$.loop.iteration < 30", over=[turn]), step("after"))
    assert told.output_of("loop")["iteration"] < 30
    moments = 0
    while told.go_on():
        moments += 1
    assert moments == 60 // walk.MAX_STEPS
    assert worked(told) == ["after"]


def test_a_script_that_may_not_run_just_now_runs_a_moment_later() -> None:
    told = Story(by_size(), input={"power": 10})
    told.may_think = False
    told.start()
    row = told.at("size")
    assert (row.status, row.available_at, row.timer_at) == ("SCHEDULED", told.now, told.now)
    told.may_think = True
    assert worked(told) == ["big", "bigger"]


# -- TERMINATE


def stop(**input: Any) -> StepInStory:
    return control("TERMINATE", "stop", input=input)


def test_terminate_ends_the_job_with_its_output_whatever_the_job_would_give() -> None:
    told = story(
        step("first"),
        stop(terminationStatus="COMPLETED", outputParameters={"n": "${first.output.n}"}),
        step("never"),
        output={"other": 1},
    )
    assert worked(told) == ["first"]
    assert (told.status, told.output, told.failure) == ("COMPLETED", {"n": 1}, {})


@pytest.mark.parametrize("status", ["FAILED", "TERMINATED"])
def test_terminate_may_fail_the_job_and_say_why(status: str) -> None:
    told = story(stop(terminationStatus=status, terminationReason="there is no file"))
    assert (told.status, told.output) == (status, {})
    assert told.failure == {
        "code": "terminated",
        "message": "there is no file",
        "taskReferenceName": "stop",
        "taskExecutionId": told.at("stop").id,
    }


def test_terminate_in_a_loop_ends_the_loop_too() -> None:
    told = story(loop(5, step("body"), stop(terminationStatus="COMPLETED", workflowOutput={"v": 1})))
    worked(told)
    assert (told.status, told.output, told.at("loop").status) == ("COMPLETED", {"v": 1}, "CANCELED")


@pytest.mark.parametrize(
    "given",
    [
        {"terminationStatus": "${workflow.input.x}"},
        {"terminationStatus": "FAILED", "outputParameters": "${workflow.workflowId}"},
    ],
)
def test_a_termination_that_comes_to_nonsense_fails_the_job(given: dict[str, Any]) -> None:
    told = story(stop(**given), input={"x": "PERHAPS"})
    assert (told.status, told.failure["code"]) == ("FAILED", "invalid_termination")


# -- SET_VARIABLE


def put(reference: str, **input: Any) -> StepInStory:
    return control("SET_VARIABLE", reference, input=input)


def test_what_is_set_can_be_read_from_then_on_and_what_is_set_again_counts() -> None:
    reads = {"a": "${workflow.variables.a}", "b": "${workflow.variables.b}", "c": "${workflow.variables.c}"}
    told = story(
        step("before", input=reads),
        put("x", a=1, b={"v": "${before.output.n}"}),
        put("y", a=2),
        step("after", input=reads),
    )
    assert told.input_of("before") == {"a": None, "b": None, "c": None}
    told.work({"n": 7})
    assert told.input_of("after") == {"a": 2, "b": {"v": 7}, "c": None}
    assert (told.output_of("x"), told.execution.variables) == ({}, '{"a":2,"b":{"v":7}}')


def test_a_loop_reads_what_its_iteration_before_has_set_and_the_job_gives_it() -> None:
    body = put("add", sum="${workflow.variables.sum}${loop.output.iteration}")
    told = story(put("zero", sum="0"), loop(4, body), output={"sum": "${workflow.variables.sum}"})
    assert told.output == {"sum": "01234"}


def test_variables_may_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_VARIABLES", 20)
    told = story(put("x", a="x" * 8), put("y", b="y" * 8))
    assert (told.status, told.failure["code"], told.failure["taskReferenceName"]) == (
        "FAILED",
        "variables_too_large",
        "y",
    )
    assert told.execution.variables == '{"a":"xxxxxxxx"}'


# -- HUMAN


def ask(**fields: Any) -> StepInStory:
    return control("HUMAN", "ask", input={"of": "${workflow.input.of}"}, **fields)


def test_a_human_waits_until_it_is_answered_and_its_answer_is_its_output() -> None:
    told = story(ask(), step("after", input={"n": "${ask.output.n}"}), input={"of": "x"})
    row = told.at("ask")
    assert (row.status, row.input, row.timer_at, row.lease) == ("IN_PROGRESS", '{"of":"x"}', None, None)
    told.complete({"n": 7}, at="ask")
    assert (told.at("ask").status, told.input_of("after")) == ("COMPLETED", {"n": 7})


@pytest.mark.parametrize("optional", [False, True])
def test_a_human_may_say_that_it_has_failed(optional: bool) -> None:
    told = story(ask(optional=optional), step("after"))
    told.fail({"message": "too dark"}, at="ask")
    if optional:
        assert told.statuses() == ["ask 1 COMPLETED_WITH_ERRORS", "after 1 SCHEDULED"]
    else:
        assert (told.status, told.failure["code"], told.failure["message"]) == ("FAILED", "task_failed", "too dark")


def test_a_canceled_job_waits_for_nobody() -> None:
    told = story(ask())
    told.cancel()
    assert told.statuses() == ["ask 1 CANCELED"]


# -- WAIT


def pause(**input: Any) -> StepInStory:
    return control("WAIT", "pause", input=input)


@pytest.mark.parametrize("given", [{"duration": 90}, {"duration": "1 minute 30s"}, {"until": "2023-11-14T22:14:50Z"}])
def test_a_wait_waits_for_its_time_and_then_the_job_goes_on(given: dict[str, Any]) -> None:
    told = story(pause(**given), step("after"))
    row = told.at("pause")
    assert (row.status, row.available_at, row.timer_at) == ("IN_PROGRESS", START + 90_000, START + 90_000)
    told.now += 90_000 - 1
    told.go_on()
    assert told.statuses() == ["pause 1 IN_PROGRESS"]
    told.now += 1
    told.go_on()
    assert told.statuses() == ["pause 1 COMPLETED", "after 1 SCHEDULED"]
    assert (told.at("pause").started_at, told.at("pause").ended_at) == (START, START + 90_000)


def test_a_wait_until_a_time_that_is_over_waits_for_nothing_but_its_turn() -> None:
    told = story(pause(until="2020-01-01T00:00:00Z"))
    assert told.at("pause").timer_at == told.now
    told.go_on()
    assert told.status == "COMPLETED"


@pytest.mark.parametrize("value", ["soon", None, 10**11, ["1s"], True])
def test_a_wait_that_comes_to_nonsense_fails_the_job(value: Any) -> None:
    told = story(pause(duration="${workflow.input.x}"), input={"x": value})
    assert (told.status, told.failure["code"], told.failure["taskReferenceName"]) == ("FAILED", "invalid_wait", "pause")


def test_a_canceled_job_waits_no_more() -> None:
    told = story(pause(duration=90))
    told.cancel()
    assert (told.at("pause").status, told.at("pause").timer_at) == ("CANCELED", None)
