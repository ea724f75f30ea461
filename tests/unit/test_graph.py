"""A job compiled: its steps, what follows each, and what may be read there, so that nothing else is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from data_factory.engine.graph import Graph, compile_graph, reference_of
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
    assert compiled.step("t1").task_id == "a" * 24
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


def test_inside_a_loop_a_step_is_followed_and_sees_others_in_its_own_iteration() -> None:
    compiled = graph({}, {"x": "${t0.output.x}"}, {"x": "${t1.output.x} ${t0.output.x}"})
    assert compiled.after("t0[3,2]") == "t1[3,2]"
    assert compiled.after("t2[3]") is None
    assert compiled.seen_from("t2[3]", "t0") == "t0[3]"
    assert compiled.reads_after("t1[3]", may_fail=False) == {"t0[3]", "t1[3]"}
