"""What is checked of control flow before a job is published, with the path of each error, however deep."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from data_factory.engine.flow import OPTIONAL, REQUIRED
from data_factory.model.definitions import JobTaskBody, all_tasks
from tests.unit.test_publication import check, errors_of, task

Json = dict[str, Any]

FIELDS: Json = {
    "evaluatorType": "javascript",
    "expression": "1",
    "caseValueParam": "v",
    "decisionCases": {},
    "defaultCase": [],
    "loopCondition": "false",
    "loopOver": [task("inner")],
    "forkTasks": [[task("one")], [task("two")]],
    "maxParallel": 1,
    "joinOn": ["one", "two"],
}


def fields_of(type: Any) -> tuple[str, ...]:
    return (*REQUIRED[type], *OPTIONAL[type])


def flow(type: Any, reference: str = "flow", **fields: Any) -> Json:
    """A task of control flow with what it must have."""
    given = {name: FIELDS[name] for name in REQUIRED[type]}
    input: Json = {"v": 1, "terminationStatus": "COMPLETED", "duration": 1}
    return {"name": type, "taskReferenceName": reference, "type": type, "inputParameters": input, **given, **fields}


@pytest.mark.parametrize("type", ["SWITCH", "DECISION", "DO_WHILE", "TERMINATE", "WAIT", "HUMAN", "SET_VARIABLE"])
def test_with_what_it_must_have_it_is_published(type: str) -> None:
    definition, _ = check(flow(type))
    assert definition.tasks[0].type == type


@pytest.mark.parametrize(("type", "field"), [(type, field) for type in REQUIRED for field in REQUIRED[type]])
def test_what_is_missing_is_told(type: str, field: str) -> None:
    given = flow(type)
    del given[field]
    rest = [flow("JOIN", "join", inputParameters={})] if type == "FORK_JOIN" else []
    assert errors_of(given, *rest) == {f"tasks[0].{field}": f"is required for a {type}"}


@pytest.mark.parametrize("type", REQUIRED)
def test_what_belongs_to_another_type_is_refused(type: str) -> None:
    others = FIELDS.keys() - {*fields_of(type)}
    given = {**flow(type), **{name: FIELDS[name] for name in others}, "name": "${account}/power"}
    assert {path: message for path, message in errors_of(given).items() if "not a field" in message} == {
        f"tasks[0].{name}": f"is not a field of a {type}" for name in others
    }


def test_the_path_of_an_error_leads_through_cases_and_loops() -> None:
    deep = flow("DO_WHILE", "loop", loopOver=[task("a"), task("b", name="${account}/gone")])
    switch = flow("SWITCH", decisionCases={"YES": [task("c", name="none")], "not so": [deep]}, defaultCase=[task("a")])
    assert errors_of(task("first"), switch).keys() == {
        "tasks[1].decisionCases.YES[0].name",
        'tasks[1].decisionCases["not so"][0].loopOver[1].name',
        "tasks[1].defaultCase[0].taskReferenceName",
    }


def test_a_reference_name_is_unique_in_the_whole_job() -> None:
    switch = flow("SWITCH", decisionCases={"A": [task("same")], "B": [task("same")]})
    assert errors_of(switch).keys() == {"tasks[0].decisionCases.B[0].taskReferenceName"}


def test_what_is_in_a_switch_can_be_read_after_it_and_in_its_way_but_not_in_another() -> None:
    def reads(reference: str, of: str) -> Json:
        return task(reference, inputParameters={"x": "${%s.output}" % of})

    switch = flow("SWITCH", decisionCases={"A": [task("a"), reads("b", "a")], "B": [reads("c", "a")]})
    wrong = errors_of(switch, reads("after", "b"))
    assert wrong == {
        "tasks[0].decisionCases.B[0].inputParameters.x": "${a.output} names 'a', which is no task before it"
    }


def test_in_a_loop_anything_of_the_loop_can_be_read_and_after_it_too() -> None:
    reads = {"x": "${b.output} ${loop.output.iteration}"}
    over = [task("a", inputParameters=reads), task("b")]
    loop = flow("DO_WHILE", "loop", loopOver=over, inputParameters={"last": "${b.output}"})
    check(loop, task("after", inputParameters=reads), outputParameters=reads)


@pytest.mark.parametrize("type", ["SWITCH", "DO_WHILE"])
def test_javascript_that_cannot_be_read_is_refused(type: str) -> None:
    field = "expression" if type == "SWITCH" else "loopCondition"
    (message,) = errors_of(flow(type, **{field: "$.a >"})).values()
    assert message.startswith("is not JavaScript that can be run: SyntaxError")


def test_a_parameter_that_decides_must_be_in_the_input() -> None:
    by_value = flow("SWITCH", evaluatorType="value-param", expression="w")
    assert errors_of(by_value, flow("DECISION", "other", caseValueParam="w")) == {
        "tasks[0].expression": "'w' is not a name in inputParameters",
        "tasks[1].caseValueParam": "'w' is not a name in inputParameters",
    }


def fork(*branches: list[Json], **fields: Any) -> tuple[Json, Json]:
    """A fork and its JOIN."""
    return flow("FORK_JOIN", forkTasks=list(branches)), flow("JOIN", "join", inputParameters={}, **fields)


@pytest.mark.parametrize("names", [{}, {"joinOn": []}, {"joinOn": ["b", "c"]}])
def test_a_fork_has_a_join_that_may_name_the_last_task_of_each_branch(names: Json) -> None:
    definition, _ = check(*fork([task("a"), task("b")], [task("c")], **names))
    assert definition.tasks[0].fork_tasks
    assert [len(branch) for branch in definition.tasks[0].fork_tasks] == [2, 1]


@pytest.mark.parametrize("names", [["a", "c"], ["b"], ["b", "c", "x"]])
def test_a_join_cannot_wait_for_anything_else(names: list[str]) -> None:
    wrong = errors_of(*fork([task("a"), task("b")], [task("c")], joinOn=names))
    assert wrong == {"tasks[1].joinOn": "names the last task of each branch: b, c"}


def test_a_fork_and_its_join_stand_together() -> None:
    first, last = fork([task("a")])
    assert errors_of(first, task("between"), last) == {
        "tasks[0]": "a FORK_JOIN is followed by its JOIN",
        "tasks[2]": "a JOIN comes right after a FORK_JOIN",
    }
    assert errors_of(first) == {"tasks[0]": "a FORK_JOIN is followed by its JOIN"}
    assert errors_of(last) == {"tasks[0]": "a JOIN comes right after a FORK_JOIN"}


def test_a_fork_has_branches_with_tasks_and_a_join_is_given_nothing() -> None:
    assert errors_of(*fork()) == {"tasks[0].forkTasks": "needs a branch"}
    assert errors_of(*fork([task("a")], [])) == {"tasks[0].forkTasks[1]": "needs a task"}
    first, last = fork([task("a")])
    assert errors_of(first, {**last, "inputParameters": {"x": 1}}) == {
        "tasks[1].inputParameters": "a JOIN is given nothing"
    }


def test_a_branch_cannot_read_another_but_what_follows_the_join_reads_all() -> None:
    reads = {"inputParameters": {"x": "${a.output} ${b.output}"}}
    wrong = errors_of(*fork([task("a")], [task("b", inputParameters={"x": "${a.output}"})]), task("after", **reads))
    assert wrong == {"tasks[0].forkTasks[1][0].inputParameters.x": "${a.output} names 'a', which is no task before it"}


def test_a_loop_without_tasks_is_refused() -> None:
    assert errors_of(flow("DO_WHILE", loopOver=[])) == {"tasks[0].loopOver": "needs a task"}


@pytest.mark.parametrize("words", [("inputParameters", "optional"), ("input", "isOptional")])
def test_a_terminate_says_how_and_cannot_be_optional(words: tuple[str, str]) -> None:
    input, optional = words
    fields: Json = {input: {"terminationStatus": "SOON"}, optional: True}
    given = flow("TERMINATE", **fields)
    if input == "input":
        del given["inputParameters"]
    assert errors_of(given) == {
        "tasks[0].optional": "a TERMINATE cannot be optional",
        f"tasks[0].{input}.terminationStatus": "expected one of COMPLETED, FAILED, TERMINATED",
    }


def test_how_it_terminates_may_be_an_expression() -> None:
    check(flow("TERMINATE", inputParameters={"terminationStatus": "${workflow.input.how}"}))


@pytest.mark.parametrize(
    ("given", "member"),
    [
        ({}, ""),
        ({"duration": 1, "until": "2026-01-01"}, ""),
        ({"duration": "soon"}, ".duration"),
        ({"duration": -1}, ".duration"),
        ({"until": "soon"}, ".until"),
    ],
)
def test_a_wait_says_until_when(given: Json, member: str) -> None:
    assert errors_of(flow("WAIT", inputParameters=given)).keys() == {f"tasks[0].inputParameters{member}"}


@pytest.mark.parametrize("given", [{"until": "2999-01-01T00:00:00Z"}, {"duration": "${workflow.input.x}"}])
def test_when_a_wait_begins_is_known_only_when_it_runs(given: Json) -> None:
    check(flow("WAIT", inputParameters=given))


def test_a_job_has_no_more_than_ten_thousand_tasks_in_all() -> None:
    many = [task(f"t{number}") for number in range(10_000)]
    assert errors_of(flow("SWITCH", decisionCases={"A": many})).keys() == {"tasks"}


def test_all_tasks_are_those_in_others_too_in_the_order_of_writing() -> None:
    switch = flow("SWITCH", decisionCases={"A": [task("a"), flow("DO_WHILE", "b", loopOver=[task("c")])]})
    written = msgspec.convert([switch, task("d")], list[JobTaskBody])
    assert [one.task_reference_name for one in all_tasks(written)] == ["flow", "a", "b", "c", "d"]


def test_both_dialects_are_read_in_what_is_inside_too() -> None:
    inner = [task("a", inputParameters={"x": 1}, optional=True), task("b", input={"x": 1}, isOptional=True)]
    definition, ids = check(flow("SWITCH", decisionCases={"A": inner}))
    assert definition.tasks[0].decision_cases
    first, second = definition.tasks[0].decision_cases["A"]
    assert (first.input, first.is_optional) == (second.input, second.is_optional) == ({"x": 1}, True)
    assert ids == {"${account}/power": "a" * 24}
