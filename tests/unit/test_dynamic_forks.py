"""FORK_JOIN_DYNAMIC on a real store: what a list that is only known when it runs leads to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.json import decode

from data_factory.model.errors import Invalid
from data_factory.service.commands import Cancel, FireTimers
from data_factory.service.graphs import Graphs
from tests.workshop import Workshop, workshop

LISTED = {"dynamicForkTasksParam": "tasks", "dynamicForkTasksInputParamName": "inputs"}


def fork(input: Any, **fields: Any) -> list[dict[str, Any]]:
    begin = {"name": "fork", "taskReferenceName": "fork", "type": "FORK_JOIN_DYNAMIC", "inputParameters": input}
    return [{**begin, **fields}, {"name": "join", "taskReferenceName": "join", "type": "JOIN"}]


def from_input(**fields: Any) -> list[dict[str, Any]]:
    """A fork whose lists are those of the input of the job."""
    return fork({"tasks": "${workflow.input.tasks}", "inputs": "${workflow.input.inputs}"}, **LISTED, **fields)


def named(*references: str, task: str = "work") -> list[dict[str, Any]]:
    return [{"name": task, "taskReferenceName": one, "type": "SIMPLE"} for one in references]


def failure_of(shop: Workshop) -> tuple[str, str]:
    (execution,) = shop.executions()
    assert execution.failure is not None
    failure = decode(execution.failure)
    return failure["code"], failure["message"]


def test_each_task_of_the_list_runs_and_the_join_gives_their_outputs_by_name() -> None:
    with workshop() as shop:
        work, other = shop.task("work"), shop.task("other")
        tasks = [*named("a"), *named("b", task="${account}/other")]
        tasks[0]["inputParameters"] = {"of": "list", "v": 1}
        shop.do(shop.launch(shop.job(*from_input()), {"tasks": tasks, "inputs": {"a": {"v": 2}}}))
        (first,) = shop.do(shop.claim(work))
        (second,) = shop.do(shop.claim(other))
        assert (first.path, decode(first.input)) == ("fork.branch[1]", {"of": "list", "v": 2})
        assert (second.path, decode(second.input)) == ("fork.branch[2]", {})
        shop.do(shop.report(second, output={"v": "b"}))
        shop.do(shop.report(first, output={"v": "a"}))
        (execution,) = shop.executions()
        assert (execution.status, decode(execution.output)) == ("COMPLETED", {"a": {"v": "a"}, "b": {"v": "b"}})


def test_all_branches_may_run_the_same_task() -> None:
    with workshop() as shop:
        work = shop.task("work")
        both = {"forkTaskName": "work", "forkTaskInputs": "${workflow.input.list}"}
        shop.do(shop.launch(shop.job(*fork(both)), {"list": [{"v": 1}, "text"]}))
        held = shop.do(shop.claim(work, limit=2))
        assert [decode(one.input) for one in held] == [{"v": 1, "__index": 0}, {"input": "text", "__index": 1}]
        for one in held:
            shop.do(shop.report(one, output={}))
        assert decode(shop.executions()[0].output) == {"_work_0": {}, "_work_1": {}}


def test_a_fork_into_nothing_is_joined_at_once() -> None:
    with workshop() as shop:
        shop.do(shop.launch(shop.job(*from_input()), {"tasks": [], "inputs": {}}))
        assert shop.attempts() == ["fork 1 COMPLETED", "join 1 COMPLETED"]
        assert shop.statuses() == ["COMPLETED"]


@pytest.mark.parametrize(
    ("input", "message"),
    [
        ({}, "`tasks`: expected an array, got null"),
        ({"tasks": {}, "inputs": {}}, "`tasks`: expected an array, got an object"),
        ({"tasks": [{"name": "work"}], "inputs": {}}, "`tasks[0].taskReferenceName`: is required"),
        ({"tasks": [7], "inputs": {}}, "`tasks[0]`: expected an object, got an integer"),
        (
            {"tasks": [{**named("a")[0], "optional": True}], "inputs": {}},
            "`tasks[0].optional`: is not a field that is known here",
        ),
        (
            {"tasks": [{**named("a")[0], "type": "HTTP"}], "inputs": {}},
            "`tasks[0].type`: 'HTTP' is none of the values that are known here",
        ),
        ({"tasks": named("a", "a"), "inputs": {}}, "`tasks[1].taskReferenceName`: 'a' is already the name"),
        (
            {"tasks": named("a", task="gone"), "inputs": {}},
            "`tasks[0].name`: there is no custom task with the key 'gone'",
        ),
        ({"tasks": named("a", task="no key!"), "inputs": {}}, "`tasks[0].name`: there is no custom task with the key"),
        ({"tasks": named("a"), "inputs": {"a": []}}, "`inputs.a`: expected an object, got an array"),
        ({"tasks": named("a"), "inputs": {"b": {}}}, "`inputs`: 'b' is the name of no task of `tasks`"),
        ({"tasks": named(*map(str, range(10_001))), "inputs": {}}, "`tasks` has more than 10000 branches"),
    ],
)
def test_a_list_that_says_nothing_that_can_run_fails_the_job_and_says_where(
    input: dict[str, Any], message: str
) -> None:
    with workshop() as shop:
        shop.task("work")
        shop.do(shop.launch(shop.job(*from_input()), input))
        code, told = failure_of(shop)
        assert code == "invalid_fork"
        assert message in told
        assert shop.attempts() == ["fork 1 FAILED"]


@pytest.mark.parametrize("optional", [0, 1])
def test_an_optional_fork_that_cannot_begin_is_passed_over(optional: int) -> None:
    steps = from_input()
    steps[optional]["optional"] = True
    with workshop() as shop:
        shop.do(shop.launch(shop.job(*steps), {}))
        assert shop.attempts() == ["fork 1 COMPLETED_WITH_ERRORS", "join 1 COMPLETED_WITH_ERRORS"]
        assert shop.statuses() == ["COMPLETED"]


def test_a_task_that_is_deleted_meanwhile_is_still_run_by_the_fork_that_has_found_it() -> None:
    with workshop() as shop:
        work = shop.task("work")
        shop.do(shop.launch(shop.job(*from_input(maxParallel=1)), {"tasks": named("a", "b"), "inputs": {}}))
        (first,) = shop.do(shop.claim(work))
        shop.run(shop.platform.catalog.delete_task(shop.account_id, work.id))
        shop.graphs = Graphs()
        shop.do(shop.report(first))
        (second,) = shop.do(shop.claim(work))
        assert second.path == "fork.branch[2]"


def test_a_wide_fork_begins_in_portions_and_is_canceled_whole() -> None:
    with workshop() as shop:
        work = shop.task("work")
        list = {"list": [{"v": number} for number in range(250)]}
        both = {"forkTaskName": "work", "forkTaskInputs": "${workflow.input.list}"}
        launched = shop.do(shop.launch(shop.job(*fork(both)), list))
        begun = [len(shop.task_executions()) - 2]
        while any(row.timer_at is not None for row in shop.task_executions()):
            shop.do(FireTimers())
            begun.append(len(shop.task_executions()) - 2)
        assert begun == [100, 200, 250]
        shop.do(shop.report(shop.do(shop.claim(work))[0]))
        shop.do(Cancel(account_id=shop.account_id, id=launched.id))
        assert {row.status for row in shop.task_executions()} == {"COMPLETED", "CANCELED"}


@pytest.mark.parametrize(
    ("steps", "path", "message"),
    [
        (
            fork({"forkTaskInputs": []}),
            "tasks[0].inputParameters.forkTaskName",
            "is required without tasks[0].dynamicForkTasksParam",
        ),
        (fork({"forkTaskName": "work"}), "tasks[0].inputParameters.forkTaskInputs", "is required without"),
        (fork({"inputs": {}}, **LISTED), "tasks[0].dynamicForkTasksParam", "'tasks' is not a name in inputParameters"),
        (
            fork({"x": 1}, dynamicForkTasksInputParamName="x"),
            "tasks[0].dynamicForkTasksParam",
            "is required beside dynamicForkTasksInputParamName",
        ),
        (
            fork({"forkTaskName": "gone", "forkTaskInputs": []}),
            "tasks[0].inputParameters.forkTaskName",
            "there is no custom task with the key 'gone'",
        ),
        (from_input()[:1], "tasks[0]", "a FORK_JOIN_DYNAMIC is followed by its JOIN"),
        ([from_input()[0], {**from_input()[1], "joinOn": ["a"]}], "tasks[1].joinOn", "waits for all branches"),
    ],
)
def test_what_can_be_known_of_it_before_is_refused_when_the_job_is_published(
    steps: list[dict[str, Any]], path: str, message: str
) -> None:
    with workshop() as shop:
        shop.task("work")
        with pytest.raises(Invalid) as refused:
            shop.job(*steps)
    (error,) = refused.value.errors
    assert error.path == path
    assert message in error.message
