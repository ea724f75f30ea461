"""Checks a job before it is published: every error at once, each with its path in what was sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import UNSET, UnsetType

from data_factory.engine.expressions import ExpressionErrors, Template, compile_template
from data_factory.model.definitions import JobBody, JobDefinition, JobTask, JobTaskBody
from data_factory.model.errors import FieldError, Invalid

CUSTOM_TASK: Final = re.compile(r"^\$\{account\}/(?P<key>.+)$")
RESERVED: Final = frozenset({"workflow", "account"})


def custom_task_keys(body: JobBody) -> frozenset[str]:
    """The keys of the custom tasks that a job names.

    >>> custom_task_keys(JobBody(key="j", tasks=(JobTaskBody(name="${account}/power", task_reference_name="t"),)))
    frozenset({'power'})
    """
    return frozenset(match["key"] for task in body.tasks if (match := CUSTOM_TASK.match(task.name)))


def check_job(body: JobBody, known: Mapping[str, str]) -> tuple[JobDefinition, dict[str, str]]:
    """The definition in one dialect, and the id of each task that it names.

    `known` gives the id of each custom task key that exists in the account.

    Raises:
        Invalid: with all that is wrong, not only the first.
    """
    errors: list[FieldError] = []
    task_ids: dict[str, str] = {}
    before: set[str] = set()
    tasks: list[JobTask] = []
    for index, task in enumerate(body.tasks):
        path = f"tasks[{index}]"
        errors += _name_errors(task, path, known, task_ids)
        errors += _reference_errors(task, path, before)
        optional, spelling = _either(task.is_optional, task.optional, f"{path}.isOptional", f"{path}.optional", errors)
        given, spelling = _either(task.input, task.input_parameters, f"{path}.input", f"{path}.inputParameters", errors)
        errors += _expression_errors(given or {}, spelling, before)
        before.add(task.task_reference_name)
        tasks.append(
            JobTask(
                name=task.name,
                task_reference_name=task.task_reference_name,
                type=task.type,
                description=task.description,
                is_optional=optional or False,
                input=given or {},
            )
        )
    output, spelling = _either(body.output, body.output_parameters, "output", "outputParameters", errors)
    if output is not None:
        errors += _expression_errors(output, spelling, before)
    if errors:
        raise Invalid(errors=tuple(errors))
    return _definition(body, tuple(tasks), output), task_ids


def _definition(body: JobBody, tasks: tuple[JobTask, ...], output: dict[str, Any] | None) -> JobDefinition:
    return JobDefinition(
        key=body.key,
        tasks=tasks,
        title=body.title or body.key,
        title_local=dict(body.title_local),
        description=body.description,
        description_local=dict(body.description_local),
        icon=body.icon,
        status=body.status,
        user_inputs=body.user_inputs,
        output=output,
        timeout_seconds=body.timeout_seconds,
    )


def _name_errors(
    task: JobTaskBody, path: str, known: Mapping[str, str], task_ids: dict[str, str]
) -> Iterator[FieldError]:
    match = CUSTOM_TASK.match(task.name)
    if match is None:
        hint = "name a custom task as ${account}/<key>"
        yield FieldError(f"{path}.name", f"there is no task {task.name!r}; {hint}")
    elif match["key"] not in known:
        hint = "create it first (POST /v1/data_factory/tasks)"
        yield FieldError(f"{path}.name", f"there is no custom task with the key {match['key']!r}; {hint}")
    else:
        task_ids[task.name] = known[match["key"]]


def _reference_errors(task: JobTaskBody, path: str, before: set[str]) -> Iterator[FieldError]:
    reference = task.task_reference_name
    if reference in before:
        yield FieldError(f"{path}.taskReferenceName", f"{reference!r} is already the name of a task before it")
    if reference in RESERVED:
        yield FieldError(f"{path}.taskReferenceName", f"{reference!r} has a meaning of its own; choose another name")


def _expression_errors(value: Any, path: str, before: set[str]) -> Iterator[FieldError]:
    try:
        template: Template = compile_template(value, path)
    except ExpressionErrors as error:
        yield from error.errors
        return
    for mention in template.mentions:
        if mention.reference is not None and mention.reference not in before:
            yield FieldError(mention.path, f"{mention.text} names {mention.reference!r}, which is no task before it")


def _either(
    first: Any | UnsetType, second: Any | UnsetType, first_path: str, second_path: str, errors: list[FieldError]
) -> tuple[Any, str]:
    """The value given in either spelling, and the path of that spelling."""
    if first is not UNSET and second is not UNSET and first != second:
        errors.append(FieldError(second_path, f"differs from {first_path}: give one of the two"))
    if first is not UNSET:
        return first, first_path
    return (None if second is UNSET else second), second_path
