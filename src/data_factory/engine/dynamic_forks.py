"""What a FORK_JOIN_DYNAMIC runs: the tasks that its input lists when its turn comes, each with what it is given.

There are two ways to say it, both Conductor's. Either one value of the input lists tasks, and another has the input of
each by its `taskReferenceName`:

    "dynamicForkTasksParam": "tasks", "dynamicForkTasksInputParamName": "inputs",
    "inputParameters": {
        "tasks": [{"name": "crop", "taskReferenceName": "first"}, {"name": "rotate", "taskReferenceName": "second"}],
        "inputs": {"first": {"width": 5}}
    }

or all branches run the same task: `{"forkTaskName": "crop", "forkTaskInputs": [{"width": 5}, {"width": 7}]}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from data_factory.engine.graph import DynamicFork
from data_factory.engine.run import Needs
from data_factory.model.definitions import Reference, Text
from data_factory.model.errors import cut, member
from data_factory.model.misfits import misfit
from data_factory.model.records import TaskExecutionRecord

MAX_BRANCHES: Final = 10_000
"""How many branches a fork may have."""

TASK_NAME: Final = "forkTaskName"
TASK_INPUTS: Final = "forkTaskInputs"
"""Where the input says which task all branches run, and what each is given."""

_ACCOUNT: Final = "${account}/"
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_MAX_QUOTED: Final = 200


class NotAFork(ValueError):
    """The input does not say what to run; the message says why, and where."""


class Listed(msgspec.Struct, frozen=True):
    """One branch: the key of its task, what it is called in the output of the JOIN, and its input as JSON."""

    reference: str
    key: str
    input: str


class _Task(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A task as a list has it: Conductor's form, of which a branch needs little."""

    name: Annotated[str, Meta(min_length=1, max_length=300)]
    task_reference_name: Reference
    type: Literal["SUB_WORKFLOW", "SIMPLE"] = "SUB_WORKFLOW"
    description: Text = ""
    input_parameters: dict[str, Any] = {}


class _Resolved(msgspec.Struct, frozen=True):
    """The output of a fork: how many branches it has, and the id of the task with each key that they name."""

    branches: int
    tasks: dict[str, str]


def listed_of(fork: DynamicFork, row: TaskExecutionRecord) -> tuple[Listed, ...]:
    """The branches of a fork, from its input.

    Raises:
        NotAFork: the input does not say what to run.
    """
    return _listed(row.input, fork.tasks_in, fork.inputs_in)


def resolved(fork: DynamicFork, listed: Sequence[Listed], task_ids: Mapping[str, str | None]) -> str:
    """The output of a fork that may begin, as JSON: which tasks these are, so that a change of keys does not matter.

    Raises:
        Needs: some tasks were not looked for.
        NotAFork: there is no task with one of the keys.
    """
    keys = {one.key for one in listed}
    missing = frozenset(key for key in keys if key not in task_ids and _KEY.fullmatch(key))
    if missing:
        raise Needs(keys=missing)
    found: dict[str, str] = {}
    for index, one in enumerate(listed):
        id = task_ids.get(one.key)
        if id is None:
            where = TASK_NAME if fork.tasks_in is None else f"{fork.tasks_in}[{index}].name"
            raise NotAFork(f"`{where}`: there is no custom task with the key {cut(one.key, _MAX_QUOTED)!r}")
        found[one.key] = id
    return msgspec.json.encode(_Resolved(len(listed), found)).decode()


def begun_with(
    fork: DynamicFork, row: TaskExecutionRecord, number: int, known: Mapping[str, object], together: int
) -> tuple[str, str]:
    """The id of the task that a branch runs, and its input.

    Raises:
        Needs: its task is not `known`; with those that are not of as many branches as may begin `together`.
    """
    listed, tasks = listed_of(fork, row), _tasks(row.output)
    one = listed[number - 1]
    if tasks[one.key] not in known:
        begin = {tasks[each.key] for each in listed[number - 1 : number - 1 + together]}
        raise Needs(tasks=frozenset(id for id in begin if id not in known))
    return tasks[one.key], one.input


@lru_cache(maxsize=4)
def _tasks(output: str) -> dict[str, str]:
    return msgspec.json.decode(output, type=_Resolved).tasks


@lru_cache(maxsize=4)
def _listed(given: str, tasks_in: str | None, inputs_in: str | None) -> tuple[Listed, ...]:
    """Remembered, since a wide fork begins in many walks, each with the same input."""
    values = msgspec.json.decode(given, type=dict[str, msgspec.Raw])
    branches = _same_task(values) if tasks_in is None else _each_its_own(values, tasks_in, inputs_in)
    if len(branches) > MAX_BRANCHES:
        raise NotAFork(f"`{tasks_in or TASK_INPUTS}` has more than {MAX_BRANCHES} branches")
    return branches


def _each_its_own(values: Mapping[str, msgspec.Raw], tasks_in: str, inputs_in: str | None) -> tuple[Listed, ...]:
    tasks: tuple[_Task, ...] = _read(values, tasks_in, tuple[_Task, ...])
    inputs: dict[str, dict[str, Any]] = {}
    if inputs_in is not None:
        given: dict[str, msgspec.Raw] = _read(values, inputs_in, dict[str, msgspec.Raw])
        inputs = {one: _read(given, one, dict[str, Any], member(inputs_in, one)) for one in given}
    taken: set[str] = set()
    for index, task in enumerate(tasks):
        if task.task_reference_name in taken:
            where = f"{tasks_in}[{index}].taskReferenceName"
            raise NotAFork(f"`{where}`: {task.task_reference_name!r} is already the name of a task before it")
        taken.add(task.task_reference_name)
    for reference in inputs:
        if reference not in taken:
            raise NotAFork(f"`{inputs_in}`: {cut(reference, _MAX_QUOTED)!r} is the name of no task of `{tasks_in}`")
    return tuple(
        Listed(
            reference=task.task_reference_name,
            key=task.name.removeprefix(_ACCOUNT),
            input=_json({**task.input_parameters, **inputs.get(task.task_reference_name, {})}),
        )
        for task in tasks
    )


def _same_task(values: Mapping[str, msgspec.Raw]) -> tuple[Listed, ...]:
    name: str = _read(values, TASK_NAME, Annotated[str, Meta(min_length=1, max_length=300)])
    inputs: list[Any] = _read(values, TASK_INPUTS, list[Any])
    key = name.removeprefix(_ACCOUNT)
    given = (one if isinstance(one, dict) else {"input": one} for one in inputs)
    return tuple(
        Listed(reference=f"_{key}_{index}", key=key, input=_json({**one, "__index": index}))
        for index, one in enumerate(given)
    )


def _read(values: Mapping[str, msgspec.Raw], name: str, type: Any, path: str = "") -> Any:
    """A value of the input that must be there and of this type; its path is its name, if no other is given."""
    try:
        return msgspec.json.decode(values.get(name, b"null"), type=type)
    except msgspec.ValidationError as error:
        wrong = misfit(str(error), path or name)
        raise NotAFork(f"`{wrong.path}`: {wrong.message}") from error


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
