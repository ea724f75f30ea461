"""Random jobs with every construct of control flow, on a real store, against a plain interpreter of such jobs.

The interpreter walks the tree of the job as one would by hand, all branches of a fork side by side. It knows nothing of
paths, rows or batches: only what a worker says of each task that it comes to.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from unittest.mock import ANY

from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import decode

from data_factory.model.records import TaskExecutionRecord, TaskRecord
from data_factory.service.commands import FireTimers
from data_factory.service.graphs import Graphs
from tests.workshop import Workshop, workshop

Tree = list[dict[str, Any]]
"""Tasks of a job, as they are written."""

Verdict = tuple[Literal["COMPLETED", "FAILED"], int]

Walk = Generator[None, tuple[str, Verdict], None]
"""A part of a job that goes on with what is said of one of its tasks: the name of the task, and the verdict."""


# -- the jobs


SWITCHES: list[dict[str, Any]] = [
    {"type": "SWITCH", "evaluatorType": "value-param", "expression": "v"},
    {"type": "SWITCH", "expression": "$.v === 3 ? $.v.no.way : $.v"},
    {"type": "DECISION", "caseValueParam": "v"},
]


OTHER: dict[str, Any] = {
    "name": "end",
    "taskReferenceName": "end",
    "type": "TERMINATE",
    "inputParameters": {"terminationStatus": "COMPLETED"},
}
"""The only task of the job that others launch."""

ONLY: dict[str, Any] = {"name": "${account}/work", "taskReferenceName": "only"}
"""The only task of the job that runs inside others: it is given what that job is."""


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """The tasks of a job: some work, ways, loops, ends, jobs inside and launches of others, in one another."""
    tree, _ = _sequence(draw, (f"t{number}" for number in range(1_000)), [], depth=0)
    return tree


def _sequence(draw: st.DrawFn, names: Iterator[str], before: list[str], depth: int) -> tuple[Tree, list[str]]:
    """Tasks that run one after the other, and the names that may be read after them."""
    kinds = [
        "work",
        "work",
        "work",
        "switch",
        "switch",
        "loop",
        "fork",
        "fork",
        "dynamic",
        "human",
        "set",
        "start",
        "sub",
        "terminate",
    ]
    kinds = kinds if depth < 2 else ["work", "work", "human"]
    tree: Tree = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(kinds))
        name = next(names)
        known = ["${%s.output.v}" % one for one in before] or ["${workflow.input.v}"]
        sources = st.sampled_from([*known, "${workflow.variables.v}"])
        reads = draw(st.dictionaries(st.sampled_from("abc"), sources, max_size=2))
        task: dict[str, Any] = {"name": kind, "taskReferenceName": name}
        task["optional"] = kind != "terminate" and draw(st.sampled_from([False, False, True]))
        match kind:
            case "work":
                task |= {"name": "${account}/work", "inputParameters": {"me": name, **reads}}
                before = [*before, name]
            case "sub":
                task |= {"subWorkflowParam": {"name": "inner"}, "inputParameters": {"me": name, **reads}}
                before = [*before, name]
            case "human":
                task |= {"type": "HUMAN", "inputParameters": {"me": name, **reads}}
                before = [*before, name]
            case "set":
                task |= {"type": "SET_VARIABLE", "inputParameters": {"v": draw(sources)}, "optional": False}
            case "start":
                task |= {"type": "START_WORKFLOW"}
                task["inputParameters"] = {"startWorkflow": {"name": "other", "input": {"v": draw(sources)}}}
            case "switch":
                task |= {"inputParameters": {"v": draw(sources)}, **draw(st.sampled_from(SWITCHES))}
                ways = {
                    case: _sequence(draw, names, before, depth + 1) for case in draw(st.sets(st.sampled_from("012")))
                }
                task["decisionCases"] = {case: inner for case, (inner, _) in ways.items()}
                if draw(st.booleans()):
                    ways["default"] = _sequence(draw, names, before, depth + 1)
                    task["defaultCase"] = ways["default"][0]
                before = list(dict.fromkeys([*before, *(one for _, after in ways.values() for one in after)]))
            case "loop":
                task["loopOver"], before = _sequence(draw, names, before, depth + 1)
                last = draw(st.sampled_from(["${%s.output.v}" % one for one in before] or ["1"]))
                times = draw(st.integers(1, 3))
                task |= {"type": "DO_WHILE", "inputParameters": {"v": last}}
                task["loopCondition"] = f"$.{name}.iteration < {times} && $.v !== 3"
            case "fork":
                branches = [_sequence(draw, names, before, depth + 1) for _ in range(draw(st.integers(1, 3)))]
                task |= {"type": "FORK_JOIN", "forkTasks": [inner for inner, _ in branches]}
                if draw(st.booleans()):
                    task["maxParallel"] = draw(st.integers(1, 2))
                before = list(dict.fromkeys([*before, *(one for _, after in branches for one in after)]))
                tree.append(task)
                task = {"name": "join", "taskReferenceName": next(names), "type": "JOIN"}
                task["optional"] = draw(st.sampled_from([False, False, True]))
            case "dynamic":
                inner = [next(names) for _ in range(draw(st.integers(0, 3)))]
                given = {one: {"me": one, **({"a": draw(sources)} if draw(st.booleans()) else {})} for one in inner}
                listed = [{"name": "work", "taskReferenceName": one} for one in inner]
                task |= {"type": "FORK_JOIN_DYNAMIC", "inputParameters": {"tasks": listed, "given": given}}
                task |= {"dynamicForkTasksParam": "tasks", "dynamicForkTasksInputParamName": "given"}
                if draw(st.booleans()):
                    task["maxParallel"] = draw(st.integers(1, 2))
                tree.append(task)
                task = {"name": "join", "taskReferenceName": next(names), "type": "JOIN"}
                task["optional"] = draw(st.sampled_from([False, False, True]))
            case "terminate":
                status = draw(st.sampled_from(["COMPLETED", "FAILED"]))
                parameters = {"terminationStatus": status, "outputParameters": reads}
                task |= {"type": "TERMINATE", "inputParameters": parameters}
        tree.append(task)
    return tree, before


# -- the interpreter


class Ended(Exception):
    """A TERMINATE has ended the job."""

    def __init__(self, status: str, output: Any) -> None:
        super().__init__(status)
        self.status = status
        self.output = output


class Failed(Exception):
    """Something failed that is not optional; `output` is what it gave."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


@dataclass
class Interpreter:
    """A job as it should run.

    `outputs` are the latest of each task, `waiting` what workers are given of the tasks that wait for them. `gives` is
    the status in which the job has ended, with its output.
    """

    input: dict[str, Any]
    work_id: str
    outputs: dict[str, Any] = field(default_factory=dict)
    waiting: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    launched: list[Any] = field(default_factory=list)
    last: Any = None
    gives: tuple[str, Any] | None = None

    def run(self, tree: Tree, output: dict[str, Any] | None) -> Walk:
        status = "COMPLETED"
        try:
            yield from self.sequence(tree)
        except Failed as failed:
            status, self.last = "FAILED", failed.output
        except Ended as ended:
            self.gives = ended.status, ended.output
            return
        self.gives = status, self.last if output is None else self.value(output)

    def sequence(self, tree: Tree) -> Walk:
        for place, task in enumerate(tree):
            match task.get("type"):
                case "SWITCH" | "DECISION":
                    yield from self.sequence(self.way(task))
                case "DO_WHILE":
                    try:
                        yield from self.loop(task)
                    except Failed:
                        self.cancel(task["loopOver"])
                        if not task["optional"]:
                            raise
                    self.last = self.outputs[task["taskReferenceName"]]
                case "FORK_JOIN":
                    self.outputs[task["taskReferenceName"]] = {}
                    yield from self.fork(task, tree[place + 1])
                case "FORK_JOIN_DYNAMIC":
                    given = self.value(task["inputParameters"])
                    listed = [
                        [{"taskReferenceName": name, "inputParameters": given["given"][name], "optional": False}]
                        for name in (one["taskReferenceName"] for one in given["tasks"])
                    ]
                    ids = {"work": self.work_id} if listed else {}
                    self.outputs[task["taskReferenceName"]] = {"branches": len(listed), "tasks": ids}
                    yield from self.fork({**task, "forkTasks": listed}, tree[place + 1])
                case "JOIN":
                    self.last = self.outputs[task["taskReferenceName"]]
                case "SET_VARIABLE":
                    self.variables |= self.value(task["inputParameters"])
                    self.last = self.outputs[task["taskReferenceName"]] = {}
                case "START_WORKFLOW":
                    self.launched.append(self.value(task["inputParameters"])["startWorkflow"]["input"])
                    self.last = self.outputs[task["taskReferenceName"]] = {"workflowId": ANY}
                case "TERMINATE":
                    given = self.value(task["inputParameters"])
                    raise Ended(given["terminationStatus"], given["outputParameters"])
                case _:
                    yield from self.work(task)

    def work(self, task: dict[str, Any]) -> Walk:
        name = task["taskReferenceName"]
        self.waiting[name] = self.value(task["inputParameters"])
        _, (status, v) = yield
        del self.waiting[name]
        self.last = self.outputs[name] = {"v": v, **({"subWorkflowId": ANY} if "subWorkflowParam" in task else {})}
        if status == "FAILED" and not task["optional"]:
            raise Failed(self.last)

    def fork(self, task: dict[str, Any], join: dict[str, Any]) -> Walk:
        try:
            yield from self.branches(task, join["taskReferenceName"])
        except Failed:
            for branch in task["forkTasks"]:
                self.cancel(branch)
            if not (task["optional"] or join["optional"]):
                raise
            self.outputs[join["taskReferenceName"]] = {}

    def branches(self, task: dict[str, Any], join: str) -> Walk:
        branches: list[Tree] = task["forkTasks"]
        most = task.get("maxParallel", len(branches))
        under_way: dict[int, Walk] = {}
        begun = 0
        while begun < len(branches) or under_way:
            while begun < len(branches) and len(under_way) < most:
                under_way[begun] = self.sequence(branches[begun])
                begun += 1
                self.count(join, branches, begun, under_way)
                go_on(under_way, begun - 1, None)
                self.count(join, branches, begun, under_way)
            if under_way:
                said = yield
                (mine,) = (number for number in under_way if said[0] in names_in(branches[number]))
                go_on(under_way, mine, said)
                self.count(join, branches, begun, under_way)
        gave = {
            branch[-1]["taskReferenceName"]: self.outputs.get(branch[-1]["taskReferenceName"]) for branch in branches
        }
        self.outputs[join] = {name: output for name, output in gave.items() if output is not None}

    def count(self, join: str, branches: list[Tree], begun: int, under_way: dict[int, Walk]) -> None:
        self.outputs[join] = {"branches": len(branches), "begun": begun, "ended": begun - len(under_way)}

    def cancel(self, tree: Tree) -> None:
        for name in self.waiting.keys() & set(names_in(tree)):
            del self.waiting[name]
            self.outputs[name] = {"subWorkflowId": ANY} if name in names_of_jobs(tree) else {}

    def way(self, task: dict[str, Any]) -> Tree:
        value = self.value(task["inputParameters"]["v"])
        if "no.way" in task.get("expression", "") and value == 3:
            self.last = self.outputs[task["taskReferenceName"]] = {}
            if not task["optional"]:
                raise Failed({})
            return []
        case = "null" if value is None else str(value)
        of = "caseOutput" if task["type"] == "DECISION" else "evaluationResult"
        self.last = self.outputs[task["taskReferenceName"]] = {of: [case], "selectedCase": case}
        cases: dict[str, Tree] = task["decisionCases"]
        return cases.get(case, task.get("defaultCase", []))

    def loop(self, task: dict[str, Any]) -> Walk:
        name = task["taskReferenceName"]
        times = int(task["loopCondition"].split("<")[1].split("&&")[0])
        gave: dict[str, Any] = {}
        for iteration in range(1, times + 1):
            self.outputs[name] = {"iteration": iteration}
            for inside in names_in(task["loopOver"]):  # what does not run in an iteration has given nothing in it
                self.outputs[inside] = None
            yield from self.sequence(task["loopOver"])
            mine = {one: self.outputs[one] for one in names_in(task["loopOver"], but_in_loops=True, but_dynamic=True)}
            gave[str(iteration)] = {one: output for one, output in mine.items() if output is not None}
            if self.value(task["inputParameters"]["v"]) == 3:
                break
        self.outputs[name] = {**self.outputs[name], **gave}

    def value(self, written: Any) -> Any:
        match written:
            case dict():
                return {key: self.value(one) for key, one in written.items()}
            case "${workflow.input.v}":
                return self.input.get("v")
            case "${workflow.variables.v}":
                return self.variables.get("v")
            case str() if written.startswith("${"):
                output = self.outputs.get(written[2:].partition(".")[0])
                return output.get("v") if output else None
        return written


def go_on(walks: dict[int, Walk], number: int, said: tuple[str, Verdict] | None) -> None:
    """Go on with one of these as far as possible; what is at its end is taken out."""
    try:
        if said is None:
            next(walks[number])
        else:
            walks[number].send(said)
    except StopIteration:
        del walks[number]


def names_in(tree: Tree, *, but_in_loops: bool = False, but_dynamic: bool = False) -> Iterator[str]:
    """The names of these tasks and of those in them; those of dynamic forks are for nobody to read."""
    for task in tree:
        yield task["taskReferenceName"]
        if task.get("type") == "FORK_JOIN_DYNAMIC" and not but_dynamic:
            yield from (one["taskReferenceName"] for one in task["inputParameters"]["tasks"])
        over = [] if but_in_loops else task.get("loopOver", [])
        ways: Iterable[Tree] = (*task.get("decisionCases", {}).values(), *task.get("forkTasks", []))
        for inner in (*ways, task.get("defaultCase", []), over):
            yield from names_in(inner, but_in_loops=but_in_loops, but_dynamic=but_dynamic)


def names_of_jobs(tree: Tree) -> set[str]:
    """The names of the tasks that run another job, of these and those in them."""
    found: set[str] = set()
    for task in tree:
        found |= {task["taskReferenceName"]} if "subWorkflowParam" in task else set()
        ways: Iterable[Tree] = (*task.get("decisionCases", {}).values(), *task.get("forkTasks", []))
        for inner in (*ways, task.get("defaultCase", []), task.get("loopOver", [])):
            found |= names_of_jobs(inner)
    return found


# -- the platform


def settle(shop: Workshop) -> None:
    """Control flow goes on as far as it can, and what runs in what has ended is ended."""
    while any(not row.task_id and row.timer_at is not None for row in shop.task_executions()) or any(
        one.deadline_at is not None for one in shop.executions()
    ):
        shop.do(FireTimers())


def waiting_at(shop: Workshop, work: TaskRecord) -> dict[str, TaskExecutionRecord]:
    """What workers have in their hands, once they have taken all there is, and what people are asked: by `me`."""
    shop.do(shop.claim(work, limit=1_000))
    active = [row for row in shop.task_executions() if row.ended_at is None]
    return {decode(row.input)["me"]: row for row in active if row.task_id or row.type == "HUMAN"}


verdicts = st.tuples(st.sampled_from(["COMPLETED", "COMPLETED", "COMPLETED", "FAILED"]), st.integers(0, 3))


@given(
    tree=trees(),
    input=st.sampled_from([{}, {"v": 0}, {"v": 3}]),
    reads=st.none() | st.lists(st.integers(0, 30), max_size=3),
    said=st.lists(st.tuples(st.integers(0, 5), verdicts), max_size=40),
    forgets=st.booleans(),
)
def test_a_job_runs_as_one_would_by_hand(
    tree: Tree, input: dict[str, Any], reads: list[int] | None, said: list[tuple[int, Verdict]], forgets: bool
) -> None:
    names = list(names_in(tree, but_dynamic=True))
    output = None if reads is None else {f"o{one}": "${%s.output.v}" % names[one % len(names)] for one in reads}
    with workshop() as shop:
        work = shop.task("work")
        shop.job(OTHER, key="other")
        shop.job(ONLY, key="inner")
        by_hand = Interpreter(input, work.id)
        walks = {0: by_hand.run(tree, output)}
        shop.do(shop.launch(shop.job(*tree, outputParameters=output), input))
        settle(shop)
        go_on(walks, 0, None)
        while by_hand.gives is None:
            held = waiting_at(shop, work)
            assert {name: decode(row.input) for name, row in held.items()} == by_hand.waiting
            which, (status, v) = said.pop() if said else (0, ("COMPLETED", len(held) % 4))
            name = sorted(held)[which % len(held)]
            if forgets:  # as after a restart
                shop.graphs = Graphs()
            shop.do(shop.report(held[name], status, {"v": v}))
            settle(shop)
            go_on(walks, 0, (name, (status, v)))
        execution, *others = shop.executions()
        launched = [one for one in others if one.parent is None]
        assert [decode(one.input) for one in launched] == by_hand.launched
        assert all(one.status == "COMPLETED" for one in launched)
        assert all(one.ended_at is not None for one in others)
        assert (execution.status, decode(execution.output)) == by_hand.gives
        assert all(row.ended_at is not None and row.timer_at is None for row in shop.task_executions())
