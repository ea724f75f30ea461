"""A job that does not fit as it was sent: what of it does, so that all that is wrong with it can be told."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import msgspec

from data_factory.api.bodies import what_fits
from data_factory.model.definitions import JobBody, JobTaskBody, UserInputBody

_BLANK: Final = JobTaskBody(name="", task_reference_name="")
_NO_INPUT: Final = UserInputBody(key="", type="TEXT")
_FLOW: Final = {
    "type": "type",
    "evaluatorType": "evaluator_type",
    "expression": "expression",
    "caseValueParam": "case_value_param",
    "loopCondition": "loop_condition",
    "decisionCases": "decision_cases",
    "defaultCase": "default_case",
    "loopOver": "loop_over",
    "forkTasks": "fork_tasks",
    "maxParallel": "max_parallel",
    "joinOn": "join_on",
    "dynamicForkTasksParam": "dynamic_fork_tasks_param",
    "dynamicForkTasksInputParamName": "dynamic_fork_tasks_input_param_name",
}
_INNER: Final = frozenset({"decisionCases", "defaultCase", "loopOver", "forkTasks"})


def what_fits_of_a_job(value: Any) -> JobBody:
    """A job with blanks where something does not fit: to be checked (see `job_errors`), and no more."""
    sent, asked = (value.get("tasks"), value.get("userInputs")) if isinstance(value, dict) else (None, None)
    inputs = {"user_inputs": tuple(map(_what_fits_of_an_input, asked))} if isinstance(asked, list) else {}
    return JobBody(**{"key": "", **what_fits(value, JobBody), **inputs, "tasks": _what_fits_of_tasks(sent)})


def _what_fits_of_an_input(sent: Any) -> UserInputBody:
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(sent, UserInputBody)
    return _NO_INPUT


def _what_fits_of_tasks(sent: Any) -> tuple[JobTaskBody, ...]:
    return tuple(map(_what_fits_of_a_task, sent)) if isinstance(sent, list) else (_BLANK,)


def _what_fits_of_a_task(sent: Any) -> JobTaskBody:
    """Where the control flow of a task does not fit, nothing is known of it, nor of the tasks in it."""
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(sent, JobTaskBody)
    fitting = what_fits(sent, JobTaskBody)
    if not isinstance(sent, dict):
        return _BLANK
    if isinstance(cases := sent.get("decisionCases"), dict):
        fitting["decision_cases"] = {case: _what_fits_of_tasks(tasks) for case, tasks in cases.items()}
    for name, field in (("defaultCase", "default_case"), ("loopOver", "loop_over")):
        if name in sent:
            fitting[field] = _what_fits_of_tasks(sent[name])
    if isinstance(branches := sent.get("forkTasks"), list):
        fitting["fork_tasks"] = tuple(map(_what_fits_of_tasks, branches))
    if any(name in sent and field not in fitting for name, field in _FLOW.items()):
        fitting = {name: value for name, value in fitting.items() if name not in _FLOW.values()} | {"name": ""}
        if _INNER & sent.keys():
            fitting["task_reference_name"] = ""
    return JobTaskBody(**{"name": "", "task_reference_name": "", **fitting})
