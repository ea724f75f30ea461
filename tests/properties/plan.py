"""Random tasks, pipelines and jobs, and random commands on them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from hypothesis import strategies as st

from data_factory.model.definitions import TaskDefinition

INPUTS: tuple[dict[str, Any], ...] = ({}, {"n": 1}, {"n": [2, {"deep": "ünï"}], "other": None})
OUTPUTS: tuple[dict[str, Any] | None, ...] = (None, {}, {"v": 1}, {"v": [True, "x"]}, {"message": "it says so"})


class Read(msgspec.Struct, frozen=True):
    """What an expression reads: a value of the job's input, or something of a task before."""

    what: Literal["input", "output", "status", "retries", "text"]
    of: str

    def expression(self) -> str:
        """It as it is written in a job."""
        match self.what:
            case "input":
                return "${workflow.input.%s}" % self.of
            case "output":
                return "${%s.output.v}" % self.of
            case "status":
                return "${%s.status}" % self.of
            case "retries":
                return "${%s.retryCount}" % self.of
            case "text":
                return "how: ${%s.status}!" % self.of


Reads = dict[str, Read]


class StepPlan(msgspec.Struct, frozen=True):
    """A step of a job: one of the tasks, or None, a HUMAN. Without `input` a task is given that of the job."""

    reference: str
    task: int | None
    optional: bool
    input: Reads


class JobPlan(msgspec.Struct, frozen=True):
    """A job in one of the pipelines."""

    steps: tuple[StepPlan, ...]
    output: Reads | None
    timeout_seconds: int
    pipeline: int


class Plan(msgspec.Struct, frozen=True):
    """What is declared before anything runs."""

    tasks: tuple[TaskDefinition, ...]
    slots: tuple[int, ...]
    jobs: tuple[JobPlan, ...]


SECONDS = st.sampled_from([0, 0, 0, 5, 30])


def tasks() -> st.SearchStrategy[TaskDefinition]:
    return st.builds(
        TaskDefinition,
        key=st.just("work"),
        retry_count=st.sampled_from([0, 0, 1, 2, 3]),
        retry_logic=st.sampled_from(["FIXED", "LINEAR_BACKOFF", "EXPONENTIAL_BACKOFF"]),
        retry_delay_seconds=SECONDS,
        backoff_scale_factor=st.integers(1, 3),
        timeout_seconds=SECONDS,
        timeout_policy=st.sampled_from(["RETRY", "TIME_OUT_WF", "ALERT_ONLY"]),
        response_timeout_seconds=st.sampled_from([3600, 20]),
        poll_timeout_seconds=SECONDS,
        concurrent_exec_limit=st.sampled_from([0, 0, 1, 2]),
    )


@st.composite
def reads(draw: st.DrawFn, before: list[str], keys: list[str]) -> Reads:
    """An object whose values are read from the job's input and from tasks before."""
    sources = st.builds(Read, st.just("input"), st.sampled_from(["n", "other", "missing"]))
    if before:
        kinds = st.sampled_from(["output", "status", "retries", "text"])
        sources |= st.builds(Read, kinds, st.sampled_from(before))
    return draw(st.dictionaries(st.sampled_from(keys), sources, min_size=1, max_size=len(keys)))


@st.composite
def jobs(draw: st.DrawFn, n_tasks: int, n_pipelines: int) -> JobPlan:
    before: list[str] = []
    steps = []
    for number in range(draw(st.integers(1, draw(st.sampled_from([2, 4, 8]))))):
        given = draw(st.just({}) | reads(before, ["a", "b"]))
        work = draw(st.integers(0, n_tasks - 1))
        task = draw(st.sampled_from([work, work, work, None]))
        steps.append(StepPlan(f"t{number}", task, draw(st.sampled_from([False, False, True])), given))
        before.append(f"t{number}")
    output = draw(st.none() | st.just({}) | reads(before, ["x", "y", "z"]))
    timeout = draw(st.sampled_from([0, 0, 60, 300]))
    return JobPlan(tuple(steps), output, timeout, draw(st.integers(0, n_pipelines - 1)))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    made = draw(st.lists(tasks(), min_size=1, max_size=3))
    named = tuple(msgspec.structs.replace(task, key=f"work-{number}") for number, task in enumerate(made))
    slots = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    return Plan(named, slots, tuple(draw(st.lists(jobs(len(named), len(slots)), min_size=1, max_size=3))))
