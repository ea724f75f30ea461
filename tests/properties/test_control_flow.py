"""Random jobs with every construct of control flow, on a real store, against a plain interpreter of such jobs.

The interpreter walks the tree of the job as one would by hand. It knows nothing of paths, rows or batches: only what a
worker says of each task that it comes to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import decode

from data_factory.service.commands import FireTimers
from data_factory.service.graphs import Graphs
from tests.workshop import Workshop, workshop

Tree = list[dict[str, Any]]
"""Tasks of a job, as they are written."""

Verdict = tuple[Literal["COMPLETED", "FAILED"], int]


@dataclass
class Says:
    """What workers say, task after task; then that everything is done."""

    verdicts: list[Verdict]
    asked: int = 0

    def next(self) -> Verdict:
        self.asked += 1
        return self.verdicts[self.asked - 1] if self.asked <= len(self.verdicts) else ("COMPLETED", self.asked % 4)


# -- the jobs


SWITCHES: list[dict[str, Any]] = [
    {"type": "SWITCH", "evaluatorType": "value-param", "expression": "v"},
    {"type": "SWITCH", "expression": "$.v === 3 ? $.v.no.way : $.v"},
    {"type": "DECISION", "caseValueParam": "v"},
]


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """The tasks of a job: some work, ways, loops and ends, in one another."""
    tree, _ = _sequence(draw, (f"t{number}" for number in range(1_000)), [], depth=0)
    return tree


def _sequence(draw: st.DrawFn, names: Iterator[str], before: list[str], depth: int) -> tuple[Tree, list[str]]:
    """Tasks that run one after the other, and the names that may be read after them."""
    kinds = ["work", "work", "work", "switch", "switch", "loop", "loop", "terminate"] if depth < 2 else ["work"]
    tree: Tree = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(kinds))
        name = next(names)
        sources = st.sampled_from(["${%s.output.v}" % one for one in before] or ["${workflow.input.v}"])
        reads = draw(st.dictionaries(st.sampled_from("abc"), sources, max_size=2))
        task: dict[str, Any] = {"name": kind, "taskReferenceName": name}
        task["optional"] = kind != "terminate" and draw(st.sampled_from([False, False, True]))
        match kind:
            case "work":
                task |= {"name": "${account}/work", "inputParameters": {"me": name, **reads}}
                before = [*before, name]
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
    """A job as it should run. `outputs` are the latest of each task; `given` is what workers were given, in order."""

    input: dict[str, Any]
    says: Says
    given: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    last: Any = None

    def run(self, tree: Tree, output: dict[str, Any] | None) -> tuple[str, Any]:
        """The status in which the job ends, and what it gives."""
        status = "COMPLETED"
        try:
            self.sequence(tree)
        except Failed as failed:
            status, self.last = "FAILED", failed.output
        except Ended as ended:
            return ended.status, ended.output
        return status, self.last if output is None else self.value(output)

    def sequence(self, tree: Tree) -> None:
        for task in tree:
            match task.get("type"):
                case "SWITCH" | "DECISION":
                    self.sequence(self.way(task))
                case "DO_WHILE":
                    try:
                        self.loop(task)
                    except Failed:
                        if not task["optional"]:
                            raise
                    self.last = self.outputs[task["taskReferenceName"]]
                case "TERMINATE":
                    given = self.value(task["inputParameters"])
                    raise Ended(given["terminationStatus"], given["outputParameters"])
                case _:
                    self.work(task)

    def work(self, task: dict[str, Any]) -> None:
        self.given.append(self.value(task["inputParameters"]))
        status, v = self.says.next()
        self.last = self.outputs[task["taskReferenceName"]] = {"v": v}
        if status == "FAILED" and not task["optional"]:
            raise Failed({"v": v})

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

    def loop(self, task: dict[str, Any]) -> None:
        name = task["taskReferenceName"]
        times = int(task["loopCondition"].split("<")[1].split("&&")[0])
        gave: dict[str, Any] = {}
        for iteration in range(1, times + 1):
            self.outputs[name] = {"iteration": iteration}
            for inside in names_in(task["loopOver"]):  # what does not run in an iteration has given nothing in it
                self.outputs[inside] = None
            self.sequence(task["loopOver"])
            mine = {one: self.outputs[one] for one in names_in(task["loopOver"], but_in_loops=True)}
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
            case str() if written.startswith("${"):
                output = self.outputs.get(written[2:].partition(".")[0])
                return output.get("v") if output else None
        return written


def names_in(tree: Tree, *, but_in_loops: bool = False) -> Iterator[str]:
    """The names of these tasks and of those in them."""
    for task in tree:
        yield task["taskReferenceName"]
        over = [] if but_in_loops else task.get("loopOver", [])
        for inner in (*task.get("decisionCases", {}).values(), task.get("defaultCase", []), over):
            yield from names_in(inner, but_in_loops=but_in_loops)


# -- the platform


def played(shop: Workshop, tree: Tree, input: dict[str, Any], output: Any, says: Says, *, forgets: bool) -> Any:
    """What the platform makes of a job: its status, what it gives, what workers were given."""
    work = shop.task("work")
    job = shop.job(*tree, outputParameters=output)
    shop.do(shop.launch(job, input))
    given: list[Any] = []
    for _ in range(1_000):
        if shop.statuses() != ["RUNNING"]:
            break
        if forgets:  # as after a restart
            shop.graphs = Graphs()
        claimed = shop.do(shop.claim(work))
        if not claimed:
            shop.do(FireTimers())
            continue
        (held,) = claimed
        given.append(decode(held.input))
        status, v = says.next()
        shop.do(shop.report(held, status, {"v": v}))
    (execution,) = shop.executions()
    assert all(row.ended_at is not None and row.timer_at is None for row in shop.task_executions())
    return execution.status, decode(execution.output), given


verdicts = st.tuples(st.sampled_from(["COMPLETED", "COMPLETED", "COMPLETED", "FAILED"]), st.integers(0, 3))


@given(
    tree=trees(),
    input=st.sampled_from([{}, {"v": 0}, {"v": 3}]),
    reads=st.none() | st.lists(st.integers(0, 30), max_size=3),
    said=st.lists(verdicts, max_size=40),
    forgets=st.booleans(),
)
def test_a_job_runs_as_one_would_by_hand(
    tree: Tree, input: dict[str, Any], reads: list[int] | None, said: list[Any], forgets: bool
) -> None:
    names = list(names_in(tree))
    output = None if reads is None else {f"o{one}": "${%s.output.v}" % names[one % len(names)] for one in reads}
    by_hand = Interpreter(input, Says(said))
    status, gives = by_hand.run(tree, output)
    with workshop() as shop:
        assert played(shop, tree, input, output, Says(said), forgets=forgets) == (status, gives, by_hand.given)
