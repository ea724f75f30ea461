"""A job compiled: its steps, what follows each, and what may be read there, so that nothing else is loaded."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from data_factory.engine.compiling import compile_graph
from data_factory.engine.graph import END, Graph, Work, reference_of
from data_factory.model.definitions import JobDefinition, JobTask


def graph(*inputs: dict[str, Any], output: dict[str, Any] | None = None, timeout_seconds: int = 0) -> Graph:
    """A job of steps t0, t1, … with these inputs."""
    tasks = tuple(
        JobTask(name="${account}/work", task_reference_name=f"t{number}", is_optional=number == 1, input=given)
        for number, given in enumerate(inputs)
    )
    definition = JobDefinition(key="job", tasks=tasks, output=output, timeout_seconds=timeout_seconds)
    return compile_graph(definition, {"${account}/work": "a" * 24})


@pytest.mark.parametrize("path", ["resize", "resize[3]", "resize[3,2]"])
def test_the_reference_of_a_path_leaves_out_the_iterations(path: str) -> None:
    assert reference_of(path) == "resize"


def test_each_step_is_followed_by_the_next_and_the_last_by_none() -> None:
    compiled = graph({}, {}, {})
    assert compiled.first == "t0"
    assert [compiled.steps[name].following for name in ("t0", "t1", "t2")] == ["t1", "t2", None]


def test_a_step_knows_its_task_and_whether_it_is_optional() -> None:
    compiled = graph({}, {})
    step = compiled.step("t1")
    assert isinstance(step, Work)
    assert step.task_id == "a" * 24
    assert (compiled.step("t0").optional, compiled.step("t1").optional) == (False, True)


def test_a_step_is_found_by_its_path_inside_a_loop() -> None:
    assert graph({}, {}).step("t1[4]").reference == "t1"


def test_an_empty_input_has_no_template() -> None:
    assert graph({}).step("t0").template is None


def test_absent_output_parameters_are_not_empty_ones() -> None:
    assert graph({}).output is None
    assert graph({}, output={}).output is not None


def test_a_timeout_of_0_is_none() -> None:
    assert (graph({}).timeout_ms, graph({}, timeout_seconds=3).timeout_ms) == (None, 3_000)


def test_going_on_reads_what_the_next_input_names_and_nothing_else() -> None:
    compiled = graph({}, {}, {"a": "${t0.output.v}"}, {"b": "${t1.output.v} ${t2.status}"})
    assert compiled.reads_after("t0", may_fail=False) == set()
    assert compiled.reads_after("t1", may_fail=False) == {"t0"}
    assert compiled.reads_after("t2", may_fail=False) == {"t1", "t2"}


def test_the_end_reads_what_the_output_parameters_name() -> None:
    compiled = graph({}, {}, output={"v": "${t0.output.v}"})
    assert compiled.reads_after("t0", may_fail=False) == set()
    assert compiled.reads_after("t1", may_fail=False) == {"t0"}


def test_a_step_that_may_fail_may_end_the_job_so_the_output_is_read_too() -> None:
    compiled = graph({}, {"a": "${t0.output.v}"}, {"b": "${t1.output.v}"}, output={"v": "${t0.output.v}"})
    assert compiled.reads_after("t1", may_fail=True) == {"t0", "t1"}


def test_an_expression_whose_task_is_known_late_reads_everything() -> None:
    compiled = graph({}, {}, {"a": "${${workflow.input.which}.output}"})
    assert compiled.reads_after("t1", may_fail=False) == {"t0", "t1", "t2"}


def test_a_long_job_is_compiled_without_recursion() -> None:
    compiled = graph(*({} for _ in range(5_000)))
    assert compiled.step("t4998").following == "t4999"


LOOPS = compile_graph(
    msgspec.convert(
        {
            "key": "job",
            "tasks": [
                {"name": "${account}/work", "taskReferenceName": "before"},
                {
                    "name": "loop",
                    "taskReferenceName": "outer",
                    "type": "DO_WHILE",
                    "loopCondition": "$.last.more",
                    "loopOver": [
                        {"name": "${account}/work", "taskReferenceName": "first", "input": {"x": "${last.output.x}"}},
                        {
                            "name": "loop",
                            "taskReferenceName": "inner",
                            "type": "DO_WHILE",
                            "loopCondition": "false",
                            "loopOver": [{"name": "${account}/work", "taskReferenceName": "deep"}],
                        },
                        {"name": "${account}/work", "taskReferenceName": "last", "input": {"x": "${deep.output.x}"}},
                    ],
                },
                {"name": "${account}/work", "taskReferenceName": "after", "input": {"x": "${deep.output.x}"}},
            ],
        },
        JobDefinition,
    ),
    {"${account}/work": "a" * 24},
)


def seen(path: str, reference: str, **latest: int) -> str | None:
    """Where a reference leads; `latest` is the iteration that each loop is in, by its path without the brackets."""
    return LOOPS.seen_from(path, reference, lambda loop: latest.get(loop.replace("[", "_").strip("]")))


def test_a_step_is_followed_in_its_own_iteration_and_the_last_one_leads_round() -> None:
    assert LOOPS.after("first[3]") == "inner[3]"
    assert LOOPS.after("last[3]") is None
    assert (LOOPS.around("deep[3,2]"), LOOPS.around("inner[3]"), LOOPS.around("after")) == (
        "inner[3]",
        "outer",
        None,
    )
    assert LOOPS.next_after("last[3]") == "first[4]"
    assert LOOPS.next_after("after") is None
    assert (LOOPS.is_inside("deep[3,2]", "outer"), LOOPS.is_inside("deep[3,2]", "inner[2]")) == (True, False)


def test_in_a_loop_a_step_sees_its_own_iteration_and_of_what_comes_later_the_one_before() -> None:
    assert seen("last[3]", "first") == "first[3]"
    assert seen("first[3]", "last") == "last[2]"
    assert seen("first[1]", "last") is None
    assert seen("first[3]", "first") == "first[2]"
    assert seen("deep[3,2]", "outer") == "outer"
    assert seen("first[3]", "before") == "before"


def test_a_step_in_another_loop_is_seen_in_its_latest_iteration() -> None:
    assert seen("last[3]", "deep", inner_3=7) == "deep[3,7]"
    assert seen("after", "deep", outer=4, inner_4=2) == "deep[4,2]"
    assert seen("after", "deep", outer=4) is None
    assert seen(END, "last", outer=4) == "last[4]"


def test_the_condition_of_a_loop_sees_all_of_the_iteration_that_it_ends() -> None:
    assert seen("outer[3]", "last") == "last[3]"
    assert seen("inner[3,2]", "deep") == "deep[3,2]"


def test_what_is_read_at_the_end_of_an_iteration_is_foreseen() -> None:
    assert LOOPS.reads_after("last[3]", may_fail=False) == {"outer", "last[3]"}


def test_a_loop_gives_what_its_iterations_gave_only_where_somebody_reads_it() -> None:
    assert [LOOPS.loop(path).collected for path in ("outer", "inner[1]")] == [(), ()]
