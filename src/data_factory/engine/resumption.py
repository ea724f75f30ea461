"""Retry: a new job execution takes over what another one has done, and goes on where that one stopped.

What completed is taken over as it is, with its output. Of what did not, the steps of the job run again from their
beginning; a loop goes on in its iteration, and a fork with the branches that have not ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Final

import msgspec
from msgspec.structs import replace

from data_factory.engine.attempts import EMPTY, scheduled, under_way
from data_factory.engine.branches import MAX_BEGUN, Branches, branches_of, counted
from data_factory.engine.graph import Graph, Join, Loop, Step, SubJob, Switch, Work, reference_of
from data_factory.engine.run import Needs, Outcome, Run
from data_factory.engine.walk import Walk
from data_factory.model.errors import FieldError
from data_factory.model.ids import NewId
from data_factory.model.records import TaskExecutionRecord, TraceRecord
from data_factory.model.status import JOB_EXECUTION_ENDED

_STOPPED: Final = frozenset({"FAILED", "FAILED_WITH_TERMINAL_ERROR", "TIMED_OUT", "CANCELED"})


class RetryPlan(msgspec.Struct, frozen=True):
    """What a retry takes over, and what it runs again.

    `reused` keep their outputs; `reopened` are loops and JOINs that go on where they were; `again` is what runs again
    from its beginning. `resume` are the paths at which it goes on, by the JOIN that has them begin, some at a time;
    those at `""` begin at once. `unbegun` of them were to run again before, and had not come to it.
    """

    reused: list[TraceRecord]
    reopened: list[TraceRecord]
    again: list[TraceRecord]
    resume: dict[str, list[str]]
    unbegun: int = 0

    @property
    def left_out(self) -> tuple[str, ...]:
        """The ids of the task executions that are not taken over, of the latest of each path."""
        return tuple(row.id for row in self.again)

    @property
    def message(self) -> str:
        """The same in words.

        >>> RetryPlan([], [], [], {"": ["first"]}).message
        'It begins with first. Nothing is reused.'
        """
        paths = list(islice(chain.from_iterable(self.resume.values()), 6))
        first = ", ".join(paths[:5]) + (", …" if len(paths) > 5 else "")
        how = "is reused, with its output" if len(self.reused) == 1 else "are reused, with their outputs"
        reused = f"{_of(len(self.reused))} {how}" if self.reused else "Nothing is reused"
        words = [f"It begins with {first}.", f"{reused}."]
        if self.reopened:
            words.append(f"Going on where they were: {', '.join(row.path for row in self.reopened[:5])}.")
        return " ".join(words)


def _of(count: int) -> str:
    return f"{count:,} task execution{'' if count == 1 else 's'}"


def plan_retry(
    graph: Graph, traces: Iterable[TraceRecord], resumed: Mapping[str, Sequence[str]] | None = None
) -> RetryPlan:
    """What a retry of a job execution that did not complete comes to; `traces` are its rows, oldest first. One that is
    a retry itself was `resumed` at these paths, and has perhaps not come to all of them."""
    latest: dict[str, TraceRecord] = {}
    for row in traces:
        known = latest.get(row.path)
        if known is None or row.attempt > known.attempt:
            latest[row.path] = row
    stopped = {path: row for path, row in latest.items() if _has_stopped(graph, row, latest)}
    reopened = {path: row for path, row in stopped.items() if _is_reopened(row)}
    again = {path: row for path, row in stopped.items() if path not in reopened}
    busy = {graph.around(path) for path in stopped}
    paths = [*again, *(path for path, row in reopened.items() if row.type == "JOIN" or path not in busy)]
    joins = {path: row for path, row in reopened.items() if row.type == "JOIN"}
    resume: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths or _at_the_end(graph, latest) or [graph.first]:
        resume[_join_around(graph, path, joins)].append(path)
    unbegun = 0
    for join in joins:
        if left := [path for path in (resumed or {}).get(join, ()) if path not in latest]:
            resume[join] += left
            unbegun += len(left)
    reused = [row for path, row in latest.items() if path not in stopped]
    return RetryPlan(reused, list(reopened.values()), list(again.values()), dict(resume), unbegun)


def _join_around(graph: Graph, path: str, joins: Collection[str]) -> str:
    """The innermost of these JOINs around a path; `""` where there is none."""
    around = graph.around(path)
    while around is not None and around not in joins:
        around = graph.around(around)
    return around or ""


def _has_stopped(graph: Graph, row: TraceRecord, latest: dict[str, TraceRecord]) -> bool:
    """Whether the job has not gone past this: it did not complete, nor was anything around it passed over."""
    if row.status not in _STOPPED and row.type != "TERMINATE":
        return False
    around = graph.around(row.path)
    while around is not None:
        if latest[around].status not in _STOPPED:
            return False
        around = graph.around(around)
    return True


def _is_reopened(row: TraceRecord) -> bool:
    if row.type == "DO_WHILE":
        return bool(msgspec.json.decode(row.output).get("iteration"))
    return row.type == "JOIN" and row.status == "CANCELED"


def _at_the_end(graph: Graph, latest: dict[str, TraceRecord]) -> list[str]:
    """The last step of the job, if all have completed and what failed is the output of the job."""
    last = [row for row in latest.values() if graph.around(row.path) is None]
    return (
        [max(reversed(last), key=lambda row: row.ended_at or 0).path] if last else []
    )  # of those of one moment, the last


def mismatches(graph: Graph, other: Graph, plan: RetryPlan) -> list[FieldError]:
    """Where what a plan for one version of a job takes over has no place in another version, or has another place."""
    taken = [*plan.reused, *plan.reopened]
    begun = (path for join, paths in plan.resume.items() if join for path in paths)
    references = dict.fromkeys(map(reference_of, (*(row.path for row in (*taken, *plan.again)), *begun)))
    return [
        FieldError(reference, message)
        for reference in references
        if (message := _mismatch(graph.steps[reference], other.steps.get(reference), references)) is not None
    ]


def _mismatch(step: Step, other: Step | None, reached: dict[str, None]) -> str | None:
    """Why what was done of a step cannot be taken for what another version would have done."""
    if other is None:
        return "is not in the newest version"
    if other.type != step.type:
        return f"is a {step.type}, and a {other.type} in the newest version"
    if isinstance(step, Work) and isinstance(other, Work) and other.task_id != step.task_id:
        return "runs another task in the newest version"
    if isinstance(step, SubJob) != isinstance(other, SubJob):
        return "runs a custom task in one version, and another job in the newest one"
    if isinstance(step, SubJob) and isinstance(other, SubJob) and other.job_key != step.job_key:
        return "runs another job in the newest version"
    if other.around != step.around or other.branches != step.branches:
        return "is in another loop or fork in the newest version"
    if isinstance(step, Join) and isinstance(other, Join) and other.firsts != step.firsts:
        return "joins other branches in the newest version"
    if isinstance(step, Loop) and isinstance(other, Loop) and other.first != step.first:
        return f"begins with {other.first}, not {step.first}, in the newest version"
    if isinstance(step, Switch) and isinstance(other, Switch):
        gone = sorted((_targets(step) & reached.keys()) - _targets(other))
        return f"does not lead to {gone[0]} in the newest version" if gone else None
    if step.following in reached and other.following != step.following:
        return f"is followed by {other.following or 'nothing'}, not {step.following}, in the newest version"
    return None


def _targets(switch: Switch) -> set[str]:
    found = {*switch.cases.values(), switch.default, switch.following}
    return {target for target in found if target is not None}


class Resumption(Walk):
    """A walk through a job execution that has taken over what another one had done."""

    def __init__(self, run: Run, now: int, new_id: NewId) -> None:
        super().__init__(run, now, new_id)
        self._foreseen: set[str] = set()

    def go_on(self) -> Outcome:
        """Begin where nothing but the job itself is around, and go on from there as far as it is possible at once."""
        paths = self._paths_in("")
        self._foresee(paths)
        for path in paths:
            if self._execution.status not in JOB_EXECUTION_ENDED:
                self.go(self._begin(path))
        return self.outcome

    def _begin_next(self, row: TaskExecutionRecord, join: Join, so_far: Branches) -> str | None:
        """Those branches come first that are to begin again."""
        if not so_far.again:
            return super()._begin_next(row, join, so_far)
        paths = self._paths_in(row.path)
        place = len(paths) - so_far.again
        if row.path not in self._foreseen:
            self._foresee(paths[place : place + MAX_BEGUN])
            self._foreseen.add(row.path)
        self.put(counted(row, replace(so_far, again=so_far.again - 1), self._now))
        return self._begin(paths[place])

    def _paths_in(self, join: str) -> Sequence[str]:
        """Where it goes on in the branches of a JOIN; `""` is the job itself."""
        if self._run.resume is None:
            raise Needs(resume=True)
        return self._run.resume.get(join, ())

    def _foresee(self, paths: Sequence[str]) -> None:
        """Ask for all that is read, at once: there may be many branches.

        Raises:
            Needs: some of it was not read.
        """
        steps = [self._graph.step(path) for path in paths]
        wanted = {*paths, *(read for path in paths for read in self._graph.reads_at(path))}
        tasks = {step.task_id for step in steps if isinstance(step, Work)}
        missing = {path for path in wanted if path not in self._run.rows}
        unknown = tasks - self._run.tasks.keys() - set(self._run.lost)
        if missing or unknown:
            raise Needs(paths=frozenset(missing), tasks=frozenset(unknown))

    def _begin(self, path: str) -> str | None:
        row = self._scope.rows((path,)).get(path)
        if row is None:
            step = self._graph.step(path)
            return self._gather_again(path, step) if isinstance(step, Join) else self._enter(path)
        if row.status != "IN_PROGRESS":
            return self.leave(row)
        if row.type == "JOIN":
            row = counted(row, replace(branches_of(row), again=len(self._paths_in(path))), self._now)
        return self.carry_out(row)

    def _gather_again(self, path: str, join: Join) -> str | None:
        """All branches had ended, and what they gave was too large."""
        row = scheduled(self._execution, join.type, "", path, EMPTY, self._new_id(), self._now)
        count = len(join.firsts)
        row = counted(under_way(row, EMPTY, self._now), Branches(count, count, count - 1), self._now)
        return self._end_branch(join, row)
