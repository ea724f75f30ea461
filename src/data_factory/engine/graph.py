"""A job as the decider walks it: its steps, what follows each, and what each reads.

A place in a running job is a *path*: the reference name of the step and, inside loops, the iteration of each loop
around it (`resize`, `resize[3]`, `resize[3,2]`). The path is kept with the row of the task execution, so going on from
a step looks at that step, at the loop around it and at the one that follows, however long the job is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

import msgspec

from data_factory.engine.expressions import Template
from data_factory.model.definitions import UserInput
from data_factory.model.status import TaskType

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


class DynamicFork(Fork, frozen=True, kw_only=True):
    """A fork whose branches are known when its turn comes: its input says which (see `engine.dynamic_forks`).

    `tasks_in` names the value that lists them, None where all run the same task; `inputs_in` the one that has what each
    is given. `branch` is the step that stands for each of them.
    """

    tasks_in: str | None
    inputs_in: str | None
    branch: str

    def branch_path(self, path: str, number: int) -> str:
        """Where one of its branches is, counted from 1, of the fork (or its JOIN) at a path."""
        return path_of(self.branch, (*iterations_of(path), number))


class Branch(Step, frozen=True, kw_only=True):
    """A branch of a dynamic fork: one task. Its number is the last iteration of its path; no expression leads here."""

    fork: str


class Join(Step, frozen=True, kw_only=True):
    """The end of a fork: it goes on when every branch has ended.

    `firsts` are the first steps of the branches, of which at most `limit` run at a time; None is no limit. `collected`
    are the last ones, if it gives their outputs. Of a `dynamic` fork, both are the step that stands for each branch.
    """

    firsts: tuple[str, ...]
    limit: int | None
    collected: tuple[str, ...]
    dynamic: DynamicFork | None = None

    def first_of(self, path: str, begun: int) -> str:
        """The path at which the next branch begins, after so many."""
        if self.dynamic is not None:
            return self.dynamic.branch_path(path, begun + 1)
        return beside(path, self.firsts[begun])


class Terminate(Step, frozen=True, kw_only=True):
    """The end of the job."""


class Wait(Step, frozen=True, kw_only=True):
    """A pause."""


class StartJob(Step, frozen=True, kw_only=True):
    """The launch of another job, which goes its own way."""


class SubJob(Step, frozen=True, kw_only=True):
    """Another job, with this key, which runs inside this one: the step ends when its job execution does."""

    job_key: str


class Human(Step, frozen=True, kw_only=True):
    """A person, or a system, whose answer is waited for."""


class SetVariable(Step, frozen=True, kw_only=True):
    """Variables of the job execution, each set to a value."""


class Graph(msgspec.Struct, frozen=True):
    """A job definition compiled: made once a version, used by all its executions.

    `output` is what the job gives back; None gives the output of its last task. With `nests`, there are loops or forks
    in it: more than one step may be under way. `user_inputs` are what it asks for. `foreseen` is what has been found of
    steps outside of loops by `reads_after`.
    """

    steps: Mapping[str, Step]
    first: str
    output: Template | None
    timeout_ms: int | None
    nests: bool
    user_inputs: tuple[UserInput, ...] = ()
    reads_variables: bool = False
    foreseen: dict[tuple[str, bool], frozenset[str]] = msgspec.field(default_factory=dict)

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
        return path_of(owner, iterations_of(path)[: len(self.steps[owner].loops)])

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
        found = self.foreseen.get((path, may_fail))
        if found is None:
            found = self._reads_after(path, may_fail=may_fail)
            if not iterations_of(path):
                self.foreseen[path, may_fail] = found
        return found

    def _reads_after(self, path: str, *, may_fail: bool) -> frozenset[str]:
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

    def reads_at(self, path: str) -> Iterator[str]:
        """The paths that the input of the step at `path` may read."""
        return self._reads_of(self.step(path).template, path)

    def references_of(self, template: Template | None) -> Iterable[str]:
        """The steps that a template may read."""
        if template is None:
            return ()
        if not template.reads_all:
            return template.reads
        return [reference for reference, step in self.steps.items() if not isinstance(step, Branch)]
