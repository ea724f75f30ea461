"""A job definition made into a graph: once a version, when it is published or first needed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from data_factory.engine.expressions import Mention, Template, compile_template
from data_factory.engine.graph import (
    Branch,
    DynamicFork,
    Fork,
    Graph,
    Human,
    Join,
    Loop,
    SetVariable,
    StartJob,
    Step,
    SubJob,
    Switch,
    Terminate,
    Wait,
    Work,
)
from data_factory.model.definitions import JobDefinition, JobTask

_LITTLE: Final[dict[str, re.Pattern[str]]] = {
    "DO_WHILE": re.compile(r"\$\{\s*(\$\.)?[\w-]+\.(output\.iteration|input\b.*|status)\s*\}"),
    "JOIN": re.compile(r"\$\{\s*(\$\.)?[\w-]+\.(input\b.*|status)\s*\}"),
}
"""An expression that reads something of a loop or a JOIN, but nothing of what its iterations or branches gave."""


def compile_graph(definition: JobDefinition, task_ids: Mapping[str, str]) -> Graph:
    """The graph of a checked definition; `task_ids` gives the id of each task that it names."""
    compiler = _Compiler(task_ids)
    first = compiler.sequence(definition.tasks, None, _Place())
    output = None if definition.output is None else compile_template(definition.output)
    templates = (output, *(step.template for step in compiler.steps.values()))
    return Graph(
        steps=_collecting_what_is_read(compiler.steps, output),
        first=cast(str, first),
        output=output,
        timeout_ms=definition.timeout_seconds * 1000 or None,
        nests=any(isinstance(step, Loop | Fork) for step in compiler.steps.values()),
        user_inputs=definition.user_inputs,
        reads_variables=any(template.reads_variables for template in templates if template is not None),
    )


def _collecting_what_is_read(steps: Mapping[str, Step], output: Template | None) -> Mapping[str, Step]:
    """Loops and JOINs give the outputs of what is in them only where something reads them: that may be a lot."""
    templates = [template for template in (output, *(step.template for step in steps.values())) if template is not None]
    reads_all = any(template.reads_all for template in templates)
    read = {mention.reference for template in templates for mention in template.mentions if _reads_much(steps, mention)}
    collecting: dict[str, Loop | Join] = {}
    for step in sorted(steps.values(), key=lambda step: len(step.around)):  # each before those in it
        if isinstance(step, Loop | Join):
            is_output = output is None and step.following is None and not step.around
            in_collected = any(owner in collecting and collecting[owner].collected for owner in step.around)
            if not (reads_all or is_output or in_collected or step.reference in read):
                step = replace(step, collected=())
            collecting[step.reference] = step
    return {**steps, **collecting}


def _reads_much(steps: Mapping[str, Step], mention: Mention) -> bool:
    step = steps.get(mention.reference or "")
    return step is not None and step.type in _LITTLE and not _LITTLE[step.type].fullmatch(mention.text)


class _Place(msgspec.Struct, frozen=True):
    """Where a step stands: see `Step`."""

    loops: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    branches: Mapping[str, int] = {}

    def in_loop(self, loop: str) -> _Place:
        return replace(self, loops=(*self.loops, loop), around=(*self.around, loop))

    def in_branch(self, join: str, branch: int) -> _Place:
        return replace(self, around=(*self.around, join), branches={**self.branches, join: branch})


class _Compiler:
    """Makes the steps of a job."""

    def __init__(self, task_ids: Mapping[str, str]) -> None:
        self._task_ids = task_ids
        self._numbers: dict[str, int] = {}
        self.steps: dict[str, Step] = {}

    def sequence(self, tasks: Sequence[JobTask], following: str | None, place: _Place) -> str | None:
        """Tasks that run one after the other, and then what follows; the reference of the first of all."""
        references = [task.task_reference_name for task in tasks]
        fork: JobTask | None = None
        for task, after in zip(tasks, [*references[1:], following], strict=False):
            self._step(task, after, place, fork)
            fork = task
        return references[0] if references else following

    def _step(self, task: JobTask, following: str | None, place: _Place, before: JobTask | None) -> None:
        reference = task.task_reference_name
        common: dict[str, Any] = {
            "reference": reference,
            "type": task.type,
            "optional": task.is_optional,
            "template": compile_template(task.input) if task.input else None,
            "following": following,
            "loops": place.loops,
            "around": place.around,
            "branches": place.branches,
            "number": len(self._numbers),
        }
        self._numbers[reference] = len(self._numbers)
        match task.type:
            case "SUB_WORKFLOW" if task.sub_workflow_param is not UNSET:
                self.steps[reference] = SubJob(**common, job_key=task.sub_workflow_param.name)
            case "SUB_WORKFLOW":
                self.steps[reference] = Work(**common, task_id=self._task_ids[task.name])
            case "TERMINATE":
                self.steps[reference] = Terminate(**common)
            case "WAIT":
                self.steps[reference] = Wait(**common)
            case "SET_VARIABLE":
                self.steps[reference] = SetVariable(**common)
            case "START_WORKFLOW":
                self.steps[reference] = StartJob(**common)
            case "HUMAN":
                self.steps[reference] = Human(**common)
            case "DO_WHILE":
                self.steps[reference] = self._loop(task, common, place)
            case "FORK_JOIN":
                self.steps[reference] = Fork(**common)
                for number, branch in enumerate(task.fork_tasks or ()):
                    self.sequence(branch, None, place.in_branch(str(following), number))
            case "FORK_JOIN_DYNAMIC":
                self.steps[reference] = self._dynamic_fork(task, common, place)
            case "JOIN":
                self.steps[reference] = self._join(cast(JobTask, before), common)
            case "SWITCH" | "DECISION":
                self.steps[reference] = self._switch(task, common, place)

    def _switch(self, task: JobTask, common: dict[str, Any], place: _Place) -> Switch:
        following = common["following"]
        cases = task.decision_cases or {}
        default = task.default_case or ()
        by_script = task.type == "SWITCH" and task.evaluator_type != "value-param"
        parameter = task.case_value_param if task.type == "DECISION" else task.expression
        return Switch(
            **common,
            script=str(task.expression) if by_script else None,
            parameter=str(parameter),
            cases={case: self.sequence(tasks, following, place) for case, tasks in cases.items()},
            default=self.sequence(default, following, place),
        )

    def _loop(self, task: JobTask, common: dict[str, Any], place: _Place) -> Loop:
        reference, condition = task.task_reference_name, str(task.loop_condition)
        place = place.in_loop(reference)
        begin = len(self._numbers)
        first = self.sequence(task.loop_over or (), None, place)
        inside = [name for name, number in self._numbers.items() if number >= begin]
        return Loop(
            **common,
            condition=condition,
            first=str(first),
            looks_at=tuple(name for name in inside if name in condition and self.steps[name].loops == place.loops),
            collected=tuple(name for name in inside if self.steps[name].loops == place.loops),
        )

    def _dynamic_fork(self, task: JobTask, common: dict[str, Any], place: _Place) -> DynamicFork:
        """Its branch has a name that no task can be given."""
        fork, join = task.task_reference_name, str(common["following"])
        branch = f"{fork}.branch"
        inside = place.in_branch(join, 0)
        self.steps[branch] = Branch(
            reference=branch,
            type="SUB_WORKFLOW",
            optional=False,
            template=None,
            following=None,
            loops=(*inside.loops, fork),
            around=inside.around,
            branches=inside.branches,
            number=len(self._numbers),
            fork=fork,
        )
        self._numbers[branch] = len(self._numbers)
        return DynamicFork(
            **common,
            tasks_in=task.dynamic_fork_tasks_param or None,
            inputs_in=task.dynamic_fork_tasks_input_param_name or None,
            branch=branch,
        )

    def _join(self, fork: JobTask, common: dict[str, Any]) -> Join:
        """The end of a fork, which is optional if either of the two is."""
        branches = fork.fork_tasks or ()
        firsts = tuple(branch[0].task_reference_name for branch in branches)
        lasts = tuple(branch[-1].task_reference_name for branch in branches)
        begin = self.steps[fork.task_reference_name]
        dynamic = begin if isinstance(begin, DynamicFork) else None
        return Join(
            **{**common, "optional": common["optional"] or fork.is_optional},
            firsts=firsts if dynamic is None else (dynamic.branch,),
            limit=fork.max_parallel or None,
            collected=lasts if dynamic is None else (dynamic.branch,),
            dynamic=dynamic,
        )
