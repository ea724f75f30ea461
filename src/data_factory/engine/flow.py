"""What is wrong with the control flow of a job: which fields belong to which type, and what they must say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from msgspec import UNSET, UnsetType

from data_factory.engine.dynamic_forks import TASK_INPUTS, TASK_NAME
from data_factory.engine.scripts import syntax_error
from data_factory.engine.starting import PARAMETER, NotAStart, read_start
from data_factory.engine.waits import NotATime, read_wait
from data_factory.model.definitions import JobTaskBody
from data_factory.model.errors import FieldError
from data_factory.model.status import TaskType

REQUIRED: Final[dict[TaskType, tuple[str, ...]]] = {
    "SUB_WORKFLOW": (),
    "SWITCH": ("expression", "decisionCases"),
    "DECISION": ("caseValueParam", "decisionCases"),
    "DO_WHILE": ("loopCondition", "loopOver"),
    "FORK_JOIN": ("forkTasks",),
    "JOIN": (),
    "TERMINATE": (),
    "WAIT": (),
    "HUMAN": (),
    "SET_VARIABLE": (),
    "FORK_JOIN_DYNAMIC": (),
    "START_WORKFLOW": (),
}
"""The fields that a task of each type must have."""

OPTIONAL: Final[dict[TaskType, tuple[str, ...]]] = {
    "SUB_WORKFLOW": ("subWorkflowParam",),
    "SWITCH": ("evaluatorType", "defaultCase"),
    "DECISION": ("defaultCase",),
    "DO_WHILE": (),
    "FORK_JOIN": ("maxParallel",),
    "JOIN": ("joinOn",),
    "TERMINATE": (),
    "WAIT": (),
    "HUMAN": (),
    "SET_VARIABLE": (),
    "FORK_JOIN_DYNAMIC": ("dynamicForkTasksParam", "dynamicForkTasksInputParamName", "maxParallel"),
    "START_WORKFLOW": (),
}
"""The fields that it may have beside them."""

ENDINGS: Final = ("COMPLETED", "FAILED", "TERMINATED")
"""How a TERMINATE may end the job."""


FORKS: Final = ("FORK_JOIN", "FORK_JOIN_DYNAMIC")
"""What a JOIN comes after."""


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
        "forkTasks": task.fork_tasks,
        "maxParallel": task.max_parallel,
        "joinOn": task.join_on,
        "dynamicForkTasksParam": task.dynamic_fork_tasks_param,
        "dynamicForkTasksInputParamName": task.dynamic_fork_tasks_input_param_name,
        "subWorkflowParam": task.sub_workflow_param,
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
        case "FORK_JOIN":
            yield from _fork_errors(task, path)
        case "FORK_JOIN_DYNAMIC":
            yield from _dynamic_fork_errors(task, path)
        case "JOIN" if _input_of(task):
            yield FieldError(f"{path}.{_spelling_of(task)}", "a JOIN is given nothing")
        case "TERMINATE":
            yield from _termination_errors(task, path)
        case "START_WORKFLOW":
            yield from _start_errors(task, path)
        case "WAIT":
            yield from _wait_errors(task, path)


def join_errors(tasks: Sequence[JobTaskBody], where: str) -> Iterator[FieldError]:
    """What is wrong with the forks and JOINs among tasks that run one after the other: each fork has its JOIN.

    Of a task without a name it is not known what it is (see `publication.job_errors`).
    """
    for index, (before, task) in enumerate(pairwise((None, *tasks, None))):
        if any(one is not None and not one.name for one in (before, task)):
            continue
        if before is not None and before.type in FORKS and (task is None or task.type != "JOIN"):
            yield FieldError(f"{where}[{index - 1}]", f"a {before.type} is followed by its JOIN")
        if task is None or task.type != "JOIN":
            continue
        if before is None or before.type not in FORKS:
            yield FieldError(f"{where}[{index}]", "a JOIN comes right after a FORK_JOIN")
        elif before.type == "FORK_JOIN_DYNAMIC" and task.join_on:
            yield FieldError(f"{where}[{index}].joinOn", "a JOIN after a FORK_JOIN_DYNAMIC waits for all branches")
        elif before.fork_tasks and task.join_on:
            last = {branch[-1].task_reference_name for branch in before.fork_tasks if branch}
            if "" not in last and set(task.join_on) != last:
                yield FieldError(f"{where}[{index}].joinOn", f"names the last task of each branch: {_listed(last)}")


def fork_task_key(task: JobTaskBody) -> str | None:
    """The key of the task that all branches of a fork run, where that is known before it does."""
    if task.type != "FORK_JOIN_DYNAMIC" or task.dynamic_fork_tasks_param is not UNSET:
        return None
    name = _input_of(task).get(TASK_NAME)
    return name if isinstance(name, str) and name and "${" not in name else None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _fork_errors(task: JobTaskBody, path: str) -> Iterator[FieldError]:
    if task.fork_tasks == ():
        yield FieldError(f"{path}.forkTasks", "needs a branch")
    for index, branch in enumerate(task.fork_tasks or ()):
        if not branch:
            yield FieldError(f"{path}.forkTasks[{index}]", "needs a task")


def _dynamic_fork_errors(task: JobTaskBody, path: str) -> Iterator[FieldError]:
    tasks, inputs = task.dynamic_fork_tasks_param, task.dynamic_fork_tasks_input_param_name
    yield from _parameter_errors(task, tasks, f"{path}.dynamicForkTasksParam")
    yield from _parameter_errors(task, inputs, f"{path}.dynamicForkTasksInputParamName")
    if tasks is not UNSET:
        return
    if inputs is not UNSET:
        yield FieldError(f"{path}.dynamicForkTasksParam", "is required beside dynamicForkTasksInputParamName")
        return
    for name in (TASK_NAME, TASK_INPUTS):
        if name not in _input_of(task):
            wanted = f"is required without {path}.dynamicForkTasksParam"
            yield FieldError(f"{path}.{_spelling_of(task)}.{name}", wanted)


def _script_errors(source: str | UnsetType, path: str) -> Iterator[FieldError]:
    if source is not UNSET and (error := syntax_error(source)) is not None:
        yield FieldError(path, f"is not JavaScript that can be run: {error}")


def _parameter_errors(task: JobTaskBody, name: str | UnsetType, path: str) -> Iterator[FieldError]:
    if name is not UNSET and name not in _input_of(task):
        yield FieldError(path, f"{name!r} is not a name in inputParameters")


def _termination_errors(task: JobTaskBody, path: str) -> Iterator[FieldError]:
    if either(task.is_optional, task.optional):
        yield FieldError(f"{path}.optional", "a TERMINATE cannot be optional")
    status = _input_of(task).get("terminationStatus")
    is_expression = isinstance(status, str) and "${" in status
    if status not in ENDINGS and not is_expression:
        yield FieldError(f"{path}.{_spelling_of(task)}.terminationStatus", f"expected one of {', '.join(ENDINGS)}")


def _start_errors(task: JobTaskBody, path: str) -> Iterator[FieldError]:
    """What can be known of a launch before it: whether there is such a job then, cannot."""
    given = _input_of(task)
    start = given.get(PARAMETER)
    if isinstance(start, str) and "${" in start:
        return
    if isinstance(start, dict):  # expressions stand for a key and for an object
        known = {"name": "key", "input": {}}
        unread = {name for name in known if isinstance(value := start.get(name), str) and "${" in value}
        given = {PARAMETER: {**start, **{name: known[name] for name in unread}}}
    try:
        read_start(given)
    except NotAStart as refusal:
        yield FieldError(f"{path}.{_spelling_of(task)}.{refusal.error.path}", refusal.error.message)


def _wait_errors(task: JobTaskBody, path: str) -> Iterator[FieldError]:
    """What can be known of a wait before it runs: how far away a time of the calendar is then, cannot."""
    given = _input_of(task)
    if any(isinstance(value, str) and "${" in value for value in given.values()):
        return
    try:
        read_wait(given, now=0)
    except NotATime as error:
        where = f"{path}.{_spelling_of(task)}"
        yield FieldError(f"{where}.{error.member}" if error.member else where, error.what)


def _spelling_of(task: JobTaskBody) -> str:
    return "inputParameters" if task.input is UNSET else "input"


def _input_of(task: JobTaskBody) -> dict[str, Any]:
    return either(task.input, task.input_parameters) or {}
