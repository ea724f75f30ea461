"""What is wrong with the control flow of a job: which fields belong to which type, and what they must say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import UNSET, UnsetType

from data_factory.engine.scripts import syntax_error
from data_factory.engine.waits import NotATime, read_wait
from data_factory.model.definitions import JobTaskBody
from data_factory.model.errors import FieldError
from data_factory.model.status import TaskType

REQUIRED: Final[dict[TaskType, tuple[str, ...]]] = {
    "SUB_WORKFLOW": (),
    "SWITCH": ("expression", "decisionCases"),
    "DECISION": ("caseValueParam", "decisionCases"),
    "DO_WHILE": ("loopCondition", "loopOver"),
    "TERMINATE": (),
    "WAIT": (),
}
"""The fields that a task of each type must have."""

OPTIONAL: Final[dict[TaskType, tuple[str, ...]]] = {
    "SUB_WORKFLOW": (),
    "SWITCH": ("evaluatorType", "defaultCase"),
    "DECISION": ("defaultCase",),
    "DO_WHILE": (),
    "TERMINATE": (),
    "WAIT": (),
}
"""The fields that it may have beside them."""

ENDINGS: Final = ("COMPLETED", "FAILED", "TERMINATED")
"""How a TERMINATE may end the job."""


def either(first: Any | UnsetType, second: Any | UnsetType) -> Any:
    """The value given in either spelling."""
    given = second if first is UNSET else first
    return None if given is UNSET else given


def flow_errors(task: JobTaskBody, path: str) -> Iterator[FieldError]:
    """What is wrong with a task as a part of control flow; not with the tasks in it."""
    given = {
        "evaluatorType": task.evaluator_type,
        "expression": task.expression,
        "caseValueParam": task.case_value_param,
        "decisionCases": task.decision_cases,
        "defaultCase": task.default_case,
        "loopCondition": task.loop_condition,
        "loopOver": task.loop_over,
    }
    present = {field for field, value in given.items() if value is not UNSET}
    for field in REQUIRED[task.type]:
        if field not in present:
            yield FieldError(f"{path}.{field}", f"is required for a {task.type}")
    for field in given:
        if field in present and field not in (*REQUIRED[task.type], *OPTIONAL[task.type]):
            yield FieldError(f"{path}.{field}", f"is not a field of a {task.type}")
    match task.type:
        case "SWITCH" if task.evaluator_type != "value-param":
            yield from _script_errors(task.expression, f"{path}.expression")
        case "SWITCH":
            yield from _parameter_errors(task, task.expression, f"{path}.expression")
        case "DECISION":
            yield from _parameter_errors(task, task.case_value_param, f"{path}.caseValueParam")
        case "DO_WHILE":
            yield from _script_errors(task.loop_condition, f"{path}.loopCondition")
            if task.loop_over == ():
                yield FieldError(f"{path}.loopOver", "needs a task")
        case "TERMINATE":
            yield from _termination_errors(task, path)
        case "WAIT":
            yield from _wait_errors(task, path)


def _script_errors(source: str | UnsetType, path: str) -> Iterator[FieldError]:
    if source is not UNSET and (error := syntax_error(source)) is not None:
        yield FieldError(path, f"is not JavaScript that can be run: {error}")


def _parameter_errors(task: JobTaskBody, name: str | UnsetType, path: str) -> Iterator[FieldError]:
    if name is not UNSET and name not in _input_of(task):
        yield FieldError(path, f"{name!r} is not a name in inputParameters")


def _termination_errors(task: JobTaskBody, path: str) -> Iterator[FieldError]:
    if either(task.is_optional, task.optional):
        yield FieldError(f"{path}.optional", "a TERMINATE cannot be optional")
    spelling = "inputParameters" if task.input is UNSET else "input"
    status = _input_of(task).get("terminationStatus")
    is_expression = isinstance(status, str) and "${" in status
    if status not in ENDINGS and not is_expression:
        yield FieldError(f"{path}.{spelling}.terminationStatus", f"expected one of {', '.join(ENDINGS)}")


def _wait_errors(task: JobTaskBody, path: str) -> Iterator[FieldError]:
    """What can be known of a wait before it runs: how far away a time of the calendar is then, cannot."""
    given = _input_of(task)
    spelling = "inputParameters" if task.input is UNSET else "input"
    if any(isinstance(value, str) and "${" in value for value in given.values()):
        return
    try:
        read_wait(given, now=0)
    except NotATime as error:
        yield FieldError(f"{path}.{spelling}", str(error))


def _input_of(task: JobTaskBody) -> dict[str, Any]:
    return either(task.input, task.input_parameters) or {}
