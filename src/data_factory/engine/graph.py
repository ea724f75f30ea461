"""A job as the decider walks it: its steps, what follows each, and what each reads.

A place in a running job is a *path*: the reference name of the step and, inside loops, the iteration of each loop
around it (`resize`, `resize[3]`, `resize[3,2]`). The path is kept with the row of the task execution, so going on from
a step looks at that step, at the loop around it and at the one that follows, however long the job is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from msgspec.structs import replace

from data_factory.engine.expressions import Mention, Template, compile_template
from data_factory.model.definitions import JobDefinition, JobTask, UserInput
from data_factory.model.status import TaskType

_LITTLE: Final[dict[str, re.Pattern[str]]] = {
    "DO_WHILE": re.compile(r"\$\{\s*(\$\.)?[\w-]+\.(output\.iteration|input\b.*|status)\s*\}"),
    "JOIN": re.compile(r"\$\{\s*(\$\.)?[\w-]+\.(input\b.*|status)\s*\}"),
}
"""An expression that reads something of a loop or a JOIN, but nothing of what its iterations or branches gave."""

END: Final = ""
"""Where the output of the job is evaluated: after everything."""


def reference_of(path: str) -> str:
    """The reference name of the step that a path stands on.

    >>> reference_of("resize[3,2]")
    'resize'
    """
    return path.partition("[")[0]


def iterations_of(path: str) -> tuple[int, ...]:
    """The iteration of each loop around a path, from the outside in.

    >>> iterations_of("resize[3,2]"), iterations_of("resize")
    ((3, 2), ())
    """
    inside = path.partition("[")[2]
    return tuple(map(int, inside[:-1].split(","))) if inside else ()


def path_of(reference: str, iterations: Sequence[int]) -> str:
    """The path of a step in some iterations.

    >>> path_of("crop", (3, 2)), path_of("crop", ())
    ('crop[3,2]', 'crop')
    """
    return f"{reference}[{','.join(map(str, iterations))}]" if iterations else reference


def beside(path: str, reference: str) -> str:
    """The path of another step in the same iterations.

    >>> beside("resize[3,2]", "crop")
    'crop[3,2]'
    """
    return reference + path[len(reference_of(path)) :]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One task of a job in its place. `template` is its input; None if it has none of its own.

    `number` counts the steps in the order in which they are written. `loops` are those around it, from the outside in;
    `around` has the JOIN of each fork around it too. Without a `following`, it is the last step of the innermost of
    them, or of the job. `branches` says in which branch it is of each fork around it, by the reference of its JOIN.
    """

    reference: str
    type: TaskType
    optional: bool
    template: Template | None
    following: str | None
    loops: tuple[str, ...]
    around: tuple[str, ...]
    branches: Mapping[str, int]
    number: int

    def is_apart_from(self, other: Step) -> bool:
        """Whether they are in two branches of one fork, so that neither comes before the other."""
        return any(other.branches.get(join, branch) != branch for join, branch in self.branches.items())


class Work(Step, frozen=True, kw_only=True):
    """A task for a worker. Without a template, it is given the whole input of the job."""

    task_id: str


class Switch(Step, frozen=True, kw_only=True):
    """A fork in the road: a script, or the value of an input, names the case. None is what follows the switch."""

    script: str | None
    parameter: str
    cases: Mapping[str, str | None]
    default: str | None

    def target(self, case: str) -> str | None:
        """The step to go on with in this case; None at the end of the loop or job."""
        return self.cases.get(case, self.default) or self.following


class Loop(Step, frozen=True, kw_only=True):
    """Steps that run, and run again as long as the condition is true.

    `looks_at` are the steps in it whose output the condition may read, `collected` those whose outputs it gives.
    """

    condition: str
    first: str
    looks_at: tuple[str, ...]
    collected: tuple[str, ...]

    def inside(self, path: str, iteration: int) -> str:
        """The path from which an iteration of this loop, which stands at `path`, is seen."""
        return path_of(self.reference, (*iterations_of(path), iteration))


class Fork(Step, frozen=True, kw_only=True):
    """The beginning of branches, which run side by side; its JOIN, which follows, is under way as long as they are."""


class Join(Step, frozen=True, kw_only=True):
    """The end of a fork: it goes on when every branch has ended.

    `firsts` are the first steps of the branches, of which at most `limit` run at a time; None is no limit. `collected`
    are the last ones, if it gives their outputs.
    """

    firsts: tuple[str, ...]
    limit: int | None
    collected: tuple[str, ...]


class Terminate(Step, frozen=True, kw_only=True):
    """The end of the job."""


class Wait(Step, frozen=True, kw_only=True):
    """A pause."""


class Graph(msgspec.Struct, frozen=True):
    """A job definition compiled: made once a version, used by all its executions.

    `output` is what the job gives back; None gives the output of its last task. With `nests`, there are loops or forks
    in it: more than one step may be under way. `user_inputs` are what it asks for.
    """

    steps: Mapping[str, Step]
    first: str
    output: Template | None
    timeout_ms: int | None
    nests: bool
    user_inputs: tuple[UserInput, ...] = ()

    def step(self, path: str) -> Step:
        """The step that a path stands on."""
        return self.steps[reference_of(path)]

    def after(self, path: str) -> str | None:
        """The path of the step that follows in the same iteration; None at the end of a loop or of the job."""
        following = self.step(path).following
        return None if following is None else beside(path, following)

    def loop(self, path: str) -> Loop:
        """The loop that stands at a path."""
        return cast(Loop, self.step(path))

    def around(self, path: str) -> str | None:
        """The path of the innermost loop, or JOIN of a fork, around a path; None where there is none."""
        step = self.step(path)
        if not step.around:
            return None
        owner = step.around[-1]
        return path_of(owner, iterations_of(path)[:-1]) if owner in step.loops else beside(path, owner)

    def is_inside(self, path: str, owner: str) -> bool:
        """Whether a path is in the loop, or in the fork whose JOIN, stands at another path."""
        outer = iterations_of(owner)
        return reference_of(owner) in self.step(path).around and iterations_of(path)[: len(outer)] == outer

    def seen_from(self, path: str, reference: str, latest: Callable[[str], int | None]) -> str | None:
        """Where a reference leads that stands in the input of the step at `path`, or in the job's output (`END`).

        In a loop it is the same iteration of a step before, and the one before of any other. What is in a loop that is
        not around the path is that of its `latest` iteration, asked for by the path of the loop. None: nowhere.
        """
        step = self.steps[reference]
        own, number = iterations_of(path), len(self.steps)
        around: tuple[str, ...] = ()
        apart = False
        if path != END:
            reader = self.step(path)
            around, number, apart = reader.loops, reader.number, step.is_apart_from(reader)
            if len(own) > len(around):  # the condition of a loop sees all of the iteration that it ends
                around, number = (*around, reader.reference), len(self.steps)
        shared = 0
        while shared < min(len(around), len(step.loops)) and around[shared] == step.loops[shared]:
            shared += 1
        iterations = list(own[:shared])
        if shared and (step.number >= number or apart):
            iterations[-1] -= 1
            if iterations[-1] == 0:
                return None
        for loop in step.loops[shared:]:
            iteration = latest(path_of(loop, iterations))
            if iteration is None:
                return None
            iterations.append(iteration)
        return path_of(reference, iterations)

    # -- what is read, as far as it can be foreseen

    def next_after(self, path: str) -> str | None:
        """The path of the step that most likely comes next: in a loop, it goes round once more."""
        if (after := self.after(path)) is not None:
            return after
        if (around := self.around(path)) is None or not isinstance(self.step(around), Loop):
            return None
        return path_of(self.loop(around).first, (*iterations_of(around), iterations_of(path)[-1] + 1))

    def reads_after(self, path: str, *, may_fail: bool) -> frozenset[str]:
        """The paths that may be read when the step at `path` has ended and the job goes on, or ends."""
        entered = self.next_after(path)
        reads = set[str]() if entered is None else set(self._reads_of(self.step(entered).template, entered))
        around = self.around(path) if self.step(path).following is None else None
        if around is not None:
            reads.add(around)
            if isinstance(loop := self.step(around), Loop):
                inside = loop.inside(around, iterations_of(path)[-1])
                reads.update(self._reads_of(loop.template, inside))
                reads.update(self._found(loop.looks_at, inside))
        if may_fail or (entered is None and around is None):
            reads.update(self._reads_of(self.output, END))
        return frozenset(reads)

    def _reads_of(self, template: Template | None, path: str) -> Iterator[str]:
        return self._found(self.references_of(template), path)

    def _found(self, references: Iterable[str], path: str) -> Iterator[str]:
        """Where references lead, without those that lead into a loop that is not around the path."""
        found = (self.seen_from(path, reference, lambda _: None) for reference in references)
        return (one for one in found if one is not None)

    def references_of(self, template: Template | None) -> Iterable[str]:
        """The steps that a template may read."""
        if template is None:
            return ()
        return self.steps if template.reads_all else template.reads


def compile_graph(definition: JobDefinition, task_ids: Mapping[str, str]) -> Graph:
    """The graph of a checked definition; `task_ids` gives the id of each task that it names."""
    compiler = _Compiler(task_ids)
    first = compiler.sequence(definition.tasks, None, _Place())
    output = None if definition.output is None else compile_template(definition.output)
    return Graph(
        steps=_collecting_what_is_read(compiler.steps, output),
        first=cast(str, first),
        output=output,
        timeout_ms=definition.timeout_seconds * 1000 or None,
        nests=any(isinstance(step, Loop | Fork) for step in compiler.steps.values()),
        user_inputs=definition.user_inputs,
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
            case "SUB_WORKFLOW":
                self.steps[reference] = Work(**common, task_id=self._task_ids[task.name])
            case "TERMINATE":
                self.steps[reference] = Terminate(**common)
            case "WAIT":
                self.steps[reference] = Wait(**common)
            case "DO_WHILE":
                self.steps[reference] = self._loop(task, common, place)
            case "FORK_JOIN":
                self.steps[reference] = Fork(**common)
                for number, branch in enumerate(task.fork_tasks or ()):
                    self.sequence(branch, None, place.in_branch(str(following), number))
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

    def _join(self, fork: JobTask, common: dict[str, Any]) -> Join:
        """The end of a fork, which is optional if either of the two is."""
        branches = fork.fork_tasks or ()
        return Join(
            **{**common, "optional": common["optional"] or fork.is_optional},
            firsts=tuple(branch[0].task_reference_name for branch in branches),
            limit=fork.max_parallel or None,
            collected=tuple(branch[-1].task_reference_name for branch in branches),
        )
