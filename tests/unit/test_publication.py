"""What is checked before a job is published: everything at once, each error with its path, in both dialects."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from data_factory.engine.expressions import ExpressionErrors, compile_template
from data_factory.engine.publication import check_job, custom_task_keys, job_errors
from data_factory.engine.scope import TASK_MEMBERS, WORKFLOW_MEMBERS
from data_factory.model.definitions import JobBody, JobDefinition, JobTaskBody
from data_factory.model.errors import FieldError, Invalid
from tests.unit.story import Story, step

KNOWN = {"power": "a" * 24, "mail": "b" * 24}

DIALECTS = [
    pytest.param({"input": "input", "optional": "isOptional", "output": "output"}, id="api"),
    pytest.param({"input": "inputParameters", "optional": "optional", "output": "outputParameters"}, id="job.json"),
]
Words = dict[str, str]


def task(reference: str, **fields: Any) -> dict[str, Any]:
    return {"name": "${account}/power", "taskReferenceName": reference, "type": "SUB_WORKFLOW", **fields}


def check(*tasks: dict[str, Any], **fields: Any) -> tuple[JobDefinition, dict[str, str]]:
    body = msgspec.convert({"key": "job", "tasks": list(tasks), **fields}, JobBody)
    return check_job(body, KNOWN)


def errors_of(*tasks: dict[str, Any], **fields: Any) -> dict[str, str]:
    """What is wrong, by its path."""
    with pytest.raises(Invalid) as refused:
        check(*tasks, **fields)
    assert len({error.path for error in refused.value.errors}) == len(refused.value.errors)
    return {error.path: error.message for error in refused.value.errors}


# -- what is accepted


@pytest.mark.parametrize("words", DIALECTS)
def test_both_dialects_give_the_same_definition(words: Words) -> None:
    first = task("first", **{words["input"]: {"power": "${workflow.input.power}"}, words["optional"]: True})
    definition, _ = check(first, **{words["output"]: {"result": "${first.output.result}"}})
    assert definition.tasks[0].input == {"power": "${workflow.input.power}"}
    assert definition.tasks[0].is_optional is True
    assert definition.output == {"result": "${first.output.result}"}


def test_the_ids_of_the_named_tasks_are_given() -> None:
    _, task_ids = check(task("first"), task("second", name="${account}/mail"), task("third"))
    assert task_ids == {"${account}/power": "a" * 24, "${account}/mail": "b" * 24}


def test_a_job_without_a_title_is_called_by_its_key() -> None:
    assert check(task("first"))[0].title == "job"
    assert check(task("first"), title="The job")[0].title == "The job"


def test_absent_fields_have_their_defaults() -> None:
    definition, _ = check(task("first"))
    assert (definition.status, definition.timeout_seconds, definition.output) == ("DRAFT", 0, None)
    assert (definition.tasks[0].input, definition.tasks[0].is_optional) == ({}, False)


def test_saying_the_same_in_both_dialects_is_fine() -> None:
    both = task("first", input={"a": 1}, inputParameters={"a": 1}, optional=True, isOptional=True)
    assert check(both, output={"b": 1}, outputParameters={"b": 1})[0].tasks[0].input == {"a": 1}


def test_empty_output_parameters_are_kept_apart_from_absent_ones() -> None:
    assert check(task("first"), outputParameters={})[0].output == {}
    assert check(task("first"), outputParameters=None)[0].output is None


def test_an_input_may_read_the_job_and_every_task_before_it() -> None:
    second = task("second", input={"a": "${workflow.input.x}", "b": "${first.output.y}", "c": "${first.status}"})
    assert check(task("first"), second)


def test_output_parameters_may_read_every_task() -> None:
    assert check(task("first"), task("second"), output={"a": "${first.output}", "b": "${second.output}"})


def test_an_escaped_expression_names_nothing() -> None:
    assert check(task("first", input={"a": "$${nobody.output}"}))


def test_a_job_names_its_custom_tasks() -> None:
    body = msgspec.convert(
        {"key": "job", "tasks": [task("a"), task("b", name="${account}/mail"), task("c", name="x")]}, JobBody
    )
    assert custom_task_keys(body) == {"power", "mail"}


# -- what is refused


def test_an_unknown_task_is_named_with_its_path() -> None:
    errors = errors_of(task("first"), task("second", name="${account}/nobody"))
    assert list(errors) == ["tasks[1].name"]
    assert "'nobody'" in errors["tasks[1].name"]


@pytest.mark.parametrize("name", ["power", "account/power", "${account}/", "${other}/power"])
def test_a_name_that_is_no_custom_task_is_refused(name: str) -> None:
    assert list(errors_of(task("first", name=name))) == ["tasks[0].name"]


def test_a_doubled_reference_name_is_refused_where_it_comes_again() -> None:
    assert list(errors_of(task("first"), task("first"), task("first"))) == [
        "tasks[1].taskReferenceName",
        "tasks[2].taskReferenceName",
    ]


@pytest.mark.parametrize("name", ["workflow", "account"])
def test_a_reference_name_that_has_a_meaning_of_its_own_is_refused(name: str) -> None:
    assert list(errors_of(task(name))) == ["tasks[0].taskReferenceName"]


@pytest.mark.parametrize("words", DIALECTS)
@pytest.mark.parametrize("reference", ["first", "second", "nobody"])
def test_an_input_that_reads_itself_a_later_task_or_nobody_is_refused(words: Words, reference: str) -> None:
    first = task("first", **{words["input"]: {"deep": [{"v": "${%s.output.v}" % reference}]}})
    errors = errors_of(first, task("second"))
    assert list(errors) == [f"tasks[0].{words['input']}.deep[0].v"]
    assert repr(reference) in next(iter(errors.values()))


@pytest.mark.parametrize("words", DIALECTS)
def test_output_parameters_that_read_nobody_are_refused(words: Words) -> None:
    assert list(errors_of(task("first"), **{words["output"]: {"v": "${nobody.output}"}})) == [f"{words['output']}.v"]


@pytest.mark.parametrize("words", DIALECTS)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${first.outputs.x}", "names 'outputs', which is nothing of 'first': did you mean `output`?"),
        ("${first.Status}", "names 'Status', which is nothing of 'first': did you mean `status`?"),
        ("${workflow.inputs.x}", "names 'inputs', which is nothing of 'workflow': did you mean `input`?"),
        ("${workflow.inputs.${workflow.input.x}}", "'workflow': did you mean `input`?"),
        ("${workflow['inputs'][*]}", "did you mean `input`?"),
        ("${first.output[?@.x == $.workflow.inputs.x]}", "did you mean `input`?"),
        (
            "${first.power}",
            "names 'power', which is nothing of 'first': expected one of "
            "input, output, status, taskId, retryCount, startTime, endTime, reasonForIncompletion",
        ),
        (
            "${first[0].x}",
            "names '[0]', which is nothing of 'first': expected one of "
            "input, output, status, taskId, retryCount, startTime, endTime, reasonForIncompletion",
        ),
        ("${workflow.secrets.x}", "correlationId, workflowType, version, startTime, variable"),
    ],
)
def test_a_member_that_neither_workflow_nor_a_task_has_is_refused(words: Words, text: str, said: str) -> None:
    second = task("second", **{words["input"]: {"deep": [text]}})
    errors = errors_of(task("first"), second, **{words["output"]: {"v": text}})
    assert list(errors) == [f"tasks[1].{words['input']}.deep[0]", f"{words['output']}.v"]
    assert all(error.startswith(text) and error.endswith(said) for error in errors.values())


def test_a_member_that_is_wrong_is_told_once_for_each_place_and_hides_no_other() -> None:
    text = "${first.outputs.a} ${first.outputs.b} ${workflow.inputs.a} ${gone.outputs}"
    first = JobTaskBody(name="${account}/power", task_reference_name="first")
    body = JobBody(key="job", tasks=(first,), output={"v": text})
    assert [error.message.split(" ", 1)[1].split(":")[0] for error in job_errors(body, KNOWN)] == [
        "names 'outputs', which is nothing of 'first'",
        "names 'inputs', which is nothing of 'workflow'",
        "names 'gone', which is no task before it",
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("${first}", "${workflow}", "${first.*}", "${first..x}", "${first['input', 'output']}", "$${first.outputs}"),
        *("${first.${workflow.input.x}}", "${first.out${workflow.input.x}}", "${workflow.variable.x}"),
        *(
            "${workflow.parentWorkflowId}",
            "${workflow.reasonForIncompletion}",
            "${first.iteration}",
            "${first.taskType}",
        ),
    ],
)
def test_what_may_be_there_and_what_conductor_has_is_accepted(text: str) -> None:
    check(task("first"), task("second", input={"v": text}), output={"v": text})


def test_all_that_is_there_may_be_read_and_all_that_may_be_read_is_there() -> None:
    story = Story(step("first"), output={"workflow": "${workflow}", "first": "${first}"})
    story.start()
    story.claim()
    story.complete()
    read = msgspec.json.decode(story.execution.output)
    assert list(read["workflow"]) == list(WORKFLOW_MEMBERS)
    assert list(read["first"]) == list(TASK_MEMBERS)


@pytest.mark.parametrize("words", DIALECTS)
def test_an_expression_that_is_none_is_refused(words: Words) -> None:
    assert list(errors_of(task("first", **{words["input"]: {"v": "${workflow..}"}}))) == [
        f"tasks[0].{words['input']}.v"
    ]


def test_saying_two_things_in_two_dialects_is_refused() -> None:
    both = task("first", input={"a": 1}, inputParameters={"a": 2}, optional=True, isOptional=False)
    errors = errors_of(both, output={"b": 1}, outputParameters={})
    assert list(errors) == ["tasks[0].optional", "tasks[0].inputParameters", "outputParameters"]


def test_every_error_is_told_at_once() -> None:
    errors = errors_of(
        task("first", name="nobody", inputParameters={"a": "${later.output}", "b": "${"}),
        task("first", name="${account}/nobody", inputParameters={"c": "${a[}"}),
        task("workflow"),
        outputParameters={"d": "${gone.output}"},
    )
    assert list(errors) == [
        "tasks[0].name",
        "tasks[0].inputParameters.a",
        "tasks[1].name",
        "tasks[1].taskReferenceName",
        "tasks[1].inputParameters.c",
        "tasks[2].taskReferenceName",
        "outputParameters.d",
    ]


def test_the_message_of_the_refusal_names_the_first_errors() -> None:
    with pytest.raises(Invalid, match=r"tasks\[0\]\.name: there is no task 'nobody'"):
        check(task("first", name="nobody"))


def test_both_spellings_of_a_field_are_checked() -> None:
    both = task("first", input={"a": "${x.output}"}, inputParameters={"a": "${y.output}", "b": "${a[}"})
    assert list(errors_of(both, output={}, outputParameters={"c": "${z.output}"})) == [
        "tasks[0].inputParameters",
        "tasks[0].input.a",
        "tasks[0].inputParameters.b",
        "tasks[0].inputParameters.a",
        "outputParameters",
        "outputParameters.c",
    ]


def test_an_expression_that_cannot_be_read_hides_no_other() -> None:
    assert list(errors_of(task("first", input={"a": "${gone.output}", "b": "${a[}"}))) == [
        "tasks[0].input.b",
        "tasks[0].input.a",
    ]


# -- how much is told


def test_a_reference_is_told_once_for_each_place() -> None:
    errors = errors_of(task("first", input={"a": "${x.a} ${x.b} " * 50, "b": ["${x.a}"]}))
    assert list(errors) == ["tasks[0].input.a", "tasks[0].input.b[0]"]
    with pytest.raises(Invalid) as refused:
        check(task("first", input={"a": "${x.a} ${y.a} ${x[} ${x[} ${y[}"}))
    assert len(refused.value.errors) == 4


@pytest.mark.parametrize("text", ["${oops.x} ", "${oops[} "])
def test_a_hundred_errors_are_told_and_that_there_are_more(text: str) -> None:
    job = [task(f"t{number}", input={"a": text * 50}) for number in range(9_000)]
    with pytest.raises(Invalid) as refused:
        check(*job)
    assert len(refused.value.errors) == 101
    assert refused.value.errors[-1] == FieldError("", "and more: these are the first 100")
    with pytest.raises(Invalid) as refused:
        check(*job[:100])
    assert len(refused.value.errors) == 100


def test_only_what_is_told_is_looked_for() -> None:
    with pytest.raises(ExpressionErrors) as refused:
        compile_template("${oops[}" * 100_000)
    assert len(refused.value.errors) == 100


def test_long_texts_are_cut() -> None:
    long = "x" * 100_000
    with pytest.raises(Invalid) as refused:
        check(task("first", input={long: "${%s.${workflow.input.a}}" % long, "b": "${a['%s'}" % long}))
    assert len(refused.value.errors) == 2
    assert all(len(error.path) <= 501 and len(error.message) <= 501 for error in refused.value.errors)


def test_nothing_is_held_against_what_is_not_known() -> None:
    blank = JobTaskBody(name="", task_reference_name="", input={"a": "${later.output}", "b": "${a[}"})
    body = JobBody(key="", tasks=(blank, blank), output={"c": "${it.output}", "d": "${c[}"})
    assert [error.path for error in job_errors(body, {})] == [
        "tasks[0].input.b",
        "tasks[0].input.a",
        "tasks[1].input.b",
        "output.d",
    ]
    assert list(job_errors(JobBody(key="", tasks=(), output={"c": "${it.output}"}), {})) == []
