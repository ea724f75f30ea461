"""Checks a job before it is published: every error at once, each with its path in what was sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain, islice
from typing import Any, Final

from msgspec import UNSET

from data_factory.engine.dynamic_forks import TASK_NAME
from data_factory.engine.expressions import ExpressionErrors, Mention, compile_template
from data_factory.engine.flow import either, flow_errors, fork_task_key, join_errors
from data_factory.engine.paths import WORKFLOW
from data_factory.engine.schedules import periodicity_errors
from data_factory.engine.scope import TASK_MEMBERS, WORKFLOW_MEMBERS
from data_factory.engine.user_inputs import user_input_errors, user_inputs
from data_factory.model.assets import FOLDER, missing_assets
from data_factory.model.definitions import JobBody, JobDefinition, JobTask, JobTaskBody, all_tasks, sequences_in
from data_factory.model.errors import FieldError, Invalid, cut, first_errors

CUSTOM_TASK: Final = re.compile(r"^\$\{account\}/(?P<key>.+)$")
RESERVED: Final = frozenset({"workflow", "account"})

MEMBERS: Final = {
    "workflow": (
        WORKFLOW_MEMBERS,
        frozenset({"parentWorkflowId", "parentWorkflowTaskId", "reasonForIncompletion", "schemaVersion"}),
    ),
    "task": (
        TASK_MEMBERS,
        frozenset({"taskType", "taskDefName", "referenceTaskName", "correlationId", "workflowInstanceId", "pollCount"})
        | {"scheduledTime", "callbackAfterSeconds", "workerId", "iteration"},
    ),
}
"""What may come after `workflow` and after a task: what there is; what there is in Conductor, and null here."""

MAX_TASKS: Final = 10_000
MAX_QUOTED: Final = 200


def custom_task_keys(body: JobBody) -> frozenset[str]:
    """The keys of the custom tasks that a job names.

    >>> custom_task_keys(JobBody(key="j", tasks=(JobTaskBody(name="${account}/power", task_reference_name="t"),)))
    frozenset({'power'})
    """
    tasks = list(all_tasks(body.tasks))
    work = (task for task in tasks if task.type == "SUB_WORKFLOW" and task.sub_workflow_param is UNSET)
    keys = {match["key"] for task in work if (match := CUSTOM_TASK.match(task.name))}
    return frozenset(keys | {key for task in tasks if (key := fork_task_key(task)) is not None})


def check_job(
    body: JobBody, known: Mapping[str, str], others: Iterable[FieldError] = ()
) -> tuple[JobDefinition, dict[str, str]]:
    """The definition in one dialect, and the id of each task that it names.

    `known` gives the id of each custom task key that exists in the account. `others` is what else is wrong.

    Raises:
        Invalid: with all that is wrong, not only the first (see `first_errors`).
    """
    if errors := first_errors(chain(others, job_errors(body, known))):
        raise Invalid(errors=errors)
    return _definition(body), {f"${{account}}/{key}": known[key] for key in sorted(custom_task_keys(body))}


def job_errors(body: JobBody, known: Mapping[str, str]) -> Iterator[FieldError]:
    """What is wrong with a job, one by one: whoever has seen enough need not wait for the rest.

    Of a job that did not fit as it was sent, give what does: a task without a name, or without a reference name (`""`),
    and a job without tasks are ones of which that is not known, and nothing is held against it.
    """
    if len(list(islice(all_tasks(body.tasks), MAX_TASKS + 1))) > MAX_TASKS:
        yield FieldError("tasks", f"has more than {MAX_TASKS} tasks, counting those in one another")
        return
    before: set[str] = set() if body.tasks else {""}
    yield from _sequence_errors(body.tasks, "tasks", known, before, set())
    yield from user_input_errors(body.user_inputs)
    yield from periodicity_errors(body.periodicity or ())
    yield from _value_errors({"output": body.output, "outputParameters": body.output_parameters}, before)


def _sequence_errors(
    tasks: Sequence[JobTaskBody], where: str, known: Mapping[str, str], before: set[str], taken: set[str]
) -> Iterator[FieldError]:
    """What is wrong with tasks that run one after the other. `before` are the references that they may name, to which
    theirs are added; `taken` are those that no other task may have."""
    yield from join_errors(tasks, where)
    for index, task in enumerate(tasks):
        path = f"{where}[{index}]"
        yield from _name_errors(task, path, known)
        yield from _reference_errors(task, path, taken)
        taken.add(task.task_reference_name)
        yield from _spelling_errors(task.is_optional, task.optional, f"{path}.isOptional", f"{path}.optional")
        yield from flow_errors(task, path)
        if task.type == "DO_WHILE":  # in a loop, what comes later has come in the iteration before
            before.update(one.task_reference_name for one in all_tasks((task,)))
        spellings = {f"{path}.input": task.input, f"{path}.inputParameters": task.input_parameters}
        yield from _value_errors(spellings, before)
        before.add(task.task_reference_name)
        after = set(before)
        for inner, sequence in sequences_in(task):
            inside = set(before)
            yield from _sequence_errors(sequence, f"{path}.{inner}", known, inside, taken)
            after |= inside
        before |= after


def _definition(body: JobBody) -> JobDefinition:
    return JobDefinition(
        key=body.key,
        tasks=_tasks(body.tasks),
        title=body.title or body.key,
        title_local=dict(body.title_local),
        description=body.description,
        description_local=dict(body.description_local),
        icon=body.icon,
        status=body.status,
        user_inputs=user_inputs(body.user_inputs),
        output=either(body.output, body.output_parameters),
        timeout_seconds=body.timeout_seconds,
    )


def _tasks(tasks: Iterable[JobTaskBody]) -> tuple[JobTask, ...]:
    return tuple(
        JobTask(
            name=task.name,
            task_reference_name=task.task_reference_name,
            type=task.type,
            description=task.description,
            is_optional=either(task.is_optional, task.optional) or False,
            input=either(task.input, task.input_parameters) or {},
            evaluator_type=task.evaluator_type,
            expression=task.expression,
            case_value_param=task.case_value_param,
            decision_cases=UNSET
            if task.decision_cases is UNSET
            else {case: _tasks(inner) for case, inner in task.decision_cases.items()},
            default_case=UNSET if task.default_case is UNSET else _tasks(task.default_case),
            loop_condition=task.loop_condition,
            loop_over=UNSET if task.loop_over is UNSET else _tasks(task.loop_over),
            fork_tasks=UNSET if task.fork_tasks is UNSET else tuple(map(_tasks, task.fork_tasks)),
            max_parallel=task.max_parallel,
            join_on=task.join_on,
            dynamic_fork_tasks_param=task.dynamic_fork_tasks_param,
            dynamic_fork_tasks_input_param_name=task.dynamic_fork_tasks_input_param_name,
            sub_workflow_param=task.sub_workflow_param,
        )
        for task in tasks
    )


def _name_errors(task: JobTaskBody, path: str, known: Mapping[str, str]) -> Iterator[FieldError]:
    if (key := fork_task_key(task)) is not None and key not in known:
        spelling = "inputParameters" if task.input is UNSET else "input"
        yield FieldError(f"{path}.{spelling}.{TASK_NAME}", f"there is no custom task with the key {_quoted(key)}")
    match = CUSTOM_TASK.match(task.name)
    if not task.name or task.type != "SUB_WORKFLOW" or task.sub_workflow_param is not UNSET:
        return
    if match is None:
        hint = "name a custom task as ${account}/<key>"
        yield FieldError(f"{path}.name", f"there is no task {_quoted(task.name)}; {hint}")
    elif match["key"] not in known:
        hint = "create it first (POST /v1/data_factory/tasks)"
        yield FieldError(f"{path}.name", f"there is no custom task with the key {_quoted(match['key'])}; {hint}")


def _reference_errors(task: JobTaskBody, path: str, taken: set[str]) -> Iterator[FieldError]:
    reference = task.task_reference_name
    if reference and reference in taken:
        yield FieldError(f"{path}.taskReferenceName", f"{reference!r} is already the name of a task before it")
    if reference in RESERVED:
        yield FieldError(f"{path}.taskReferenceName", f"{reference!r} has a meaning of its own; choose another name")


def _value_errors(spellings: Mapping[str, Any], before: set[str]) -> Iterator[FieldError]:
    """What is wrong with a value that has two spellings, in either of them."""
    (first_path, first), (second_path, second) = spellings.items()
    yield from _spelling_errors(first, second, first_path, second_path)
    for path, value in spellings.items():
        if value is not UNSET and value is not None:
            for where, name in missing_assets(value, path):
                yield FieldError(
                    where, f"there is no {FOLDER}{cut(name, MAX_QUOTED)} in what the job is published with"
                )
            yield from _expression_errors(value, path, before)


def _expression_errors(value: Any, path: str, before: set[str]) -> Iterator[FieldError]:
    mentions: tuple[Mention, ...]
    try:
        mentions = compile_template(value, path).mentions
    except ExpressionErrors as error:
        yield from dict.fromkeys(error.errors)
        mentions = error.mentions
    told: set[tuple[str, str | None, str | None]] = set()
    for mention in mentions:
        wrong = _mention_error(mention, before)
        if wrong is not None and (mention.path, mention.reference, wrong) not in told:
            told.add((mention.path, mention.reference, wrong))
            yield FieldError(mention.path, f"{cut(mention.text, MAX_QUOTED)} {wrong}")


def _mention_error(mention: Mention, before: set[str]) -> str | None:
    """What is wrong with what an expression reads."""
    reference, member = mention.reference, mention.member
    if reference is None:
        return None
    if reference != WORKFLOW and reference not in before and "" not in before:  # any name may be that task's
        return f"names {_quoted(reference)}, which is no task before it"
    members, of_conductor = MEMBERS["workflow" if reference == WORKFLOW else "task"]
    if member is None or member in members or member in of_conductor:
        return None
    spelled = {name.lower(): name for name in members}
    likely = get_close_matches(cut(member, MAX_QUOTED).lower(), spelled, n=1)
    hint = f"did you mean `{spelled[likely[0]]}`?" if likely else f"expected one of {', '.join(members)}"
    return f"names {_quoted(member)}, which is nothing of {_quoted(reference)}: {hint}"


def _spelling_errors(first: Any, second: Any, first_path: str, second_path: str) -> Iterator[FieldError]:
    if first is not UNSET and second is not UNSET and first != second:
        yield FieldError(second_path, f"differs from {first_path}: give one of the two")


def _quoted(text: str) -> str:
    return repr(cut(text, MAX_QUOTED))
