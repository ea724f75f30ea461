"""Random jobs that stop somewhere and are retried: what comes out is what a job gives that has not stopped.

Some of them run jobs inside, which stop too, and launch others, each once.

The interpreter of `test_control_flow` is the job that has not stopped. Every task gives what follows from its name and
from how often it was run, so that it does not matter how often the job was stopped on the way.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import decode

from data_factory.engine import resumption, walk
from data_factory.engine.resumption import plan_retry
from data_factory.model.records import JobExecutionRecord, JobRecord, TaskExecutionRecord
from data_factory.service.commands import Again, Cancel, Launch
from data_factory.service.resuming import resumed_at
from tests.properties.test_control_flow import (
    ONLY,
    OTHER,
    Interpreter,
    Tree,
    go_on,
    names_in,
    settle,
    trees,
    waiting_at,
)
from tests.workshop import Workshop, workshop

INPUT = {"v": 0}


def answer_of(name: str) -> int:
    """What a task gives: it depends on its name only."""
    return int(name[1:]) % 4


def by_hand(tree: Tree, output: dict[str, Any] | None, work_id: str) -> Interpreter:
    """What the job gives, and has launched, if nothing stops it."""
    interpreter = Interpreter(INPUT, work_id)
    walks = {0: interpreter.run(tree, output)}
    go_on(walks, 0, None)
    while interpreter.gives is None:
        name = min(interpreter.waiting)
        go_on(walks, 0, (name, ("COMPLETED", answer_of(name))))
    return interpreter


def retry(shop: Workshop, source: JobExecutionRecord) -> JobExecutionRecord:
    """Retry a job execution, as `service.reruns` does."""
    graphs = shop.run(shop.store.read(lambda reads: shop.graphs.load(reads, {(source.job_id, source.job_version)})))
    traces = shop.run(shop.store.read(lambda reads: reads.traces_of_job(shop.account_id, source.id)))
    resumed = shop.run(shop.store.read(lambda reads: resumed_at(reads, source)))
    plan = plan_retry(graphs[source.job_id, source.job_version], traces, resumed)
    again = Again(of_id=source.id, kind="RETRY", plan=plan)
    launch = Launch(
        id=shop.new_id(),
        account_id=shop.account_id,
        job_id=source.job_id,
        input=source.input,
        title=None,
        origin="RETRY",
        launched_by="user",
        version=source.job_version,
        again=again,
    )
    made: JobExecutionRecord = shop.do(launch)
    return made


def latest(shop: Workshop, job: JobRecord) -> JobExecutionRecord:
    """The job execution with which this job began last."""
    return [one for one in shop.executions() if one.job_id == job.id][-1]


def stop(shop: Workshop, how: str, run: JobExecutionRecord, held: TaskExecutionRecord) -> None:
    match how:
        case "cancel":
            shop.do(Cancel(shop.account_id, run.id))
        case "error":
            shop.do(shop.report(held, "FAILED_WITH_TERMINAL_ERROR", {"errorType": "USER_ERROR"}))
        case _:
            shop.do(shop.report(held, "FAILED", {"v": 9}))
    settle(shop)


@settings(max_examples=30)
@given(
    tree=trees(),
    reads=st.none() | st.lists(st.integers(0, 30), max_size=3),
    stops=st.lists(st.sampled_from(["cancel", "error", "fail", None, None]), max_size=30),
    together=st.sampled_from([1, 2, 100]),
)
def test_a_job_that_was_stopped_and_retried_gives_what_one_gives_that_was_not(
    tree: Tree, reads: list[int] | None, stops: list[str | None], together: int
) -> None:
    names = list(names_in(tree, but_dynamic=True))
    output = None if reads is None else {f"o{one}": "${%s.output.v}" % names[one % len(names)] for one in reads}
    optional = {name for name in names_in(tree) if _is_passed_over(tree, name)}
    with workshop() as shop, pytest.MonkeyPatch.context() as patch:
        for module in (walk, resumption):
            patch.setattr(module, "MAX_BEGUN", together)
        work = shop.task("work")
        other = shop.job(OTHER, key="other")
        shop.job(ONLY, key="inner")
        expected = by_hand(tree, output, work.id)
        job = shop.job(*tree, outputParameters=output)
        shop.do(shop.launch(job, INPUT))
        settle(shop)
        while (run := latest(shop, job)).ended_at is None:
            held = waiting_at(shop, work)
            name = min(held)
            how = stops.pop() if stops else None
            if how is not None and (how == "cancel" or name not in optional):
                stop(shop, how, run, held[name])
                before = shop.task_executions()
                retry(shop, latest(shop, job))
                if stops and stops[-1] == "cancel":  # before it has come to all of them
                    stop(shop, stops.pop() or "", latest(shop, job), held[name])
                    retry(shop, latest(shop, job))
                settle(shop)
                assert shop.task_executions()[: len(before)] == before, "what has ended is never rewritten"
            else:
                shop.do(shop.report(held[name], "COMPLETED", {"v": answer_of(name)}))
                settle(shop)
        assert (run.status, decode(run.output)) == expected.gives
        launched = [decode(one.input) for one in shop.executions() if one.job_id == other.id]
        assert sorted(launched, key=repr) == sorted(expected.launched, key=repr), "nothing is launched twice"
        assert all(one.ended_at is not None for one in shop.executions())
        mine = [row for row in shop.task_executions() if row.job_execution_id == run.id]
        assert all(row.attempt == 1 and row.ended_at is not None for row in mine)


def _is_passed_over(tree: Tree, name: str) -> bool:
    """Whether the job goes on when this fails: it is optional, or something around it is."""
    for place, task in enumerate(tree):
        inner: list[Tree] = [*task.get("decisionCases", {}).values(), task.get("defaultCase", [])]
        if task["taskReferenceName"] == name:
            return bool(task["optional"])
        if any(_is_passed_over(one, name) for one in inner):
            return True
        owned: list[Tree] = [task.get("loopOver", []), *task.get("forkTasks", [])]
        if task.get("type") == "FORK_JOIN_DYNAMIC":
            owned = [[{**one, "optional": False}] for one in task["inputParameters"]["tasks"]]
        if any(name in names_in(one) for one in owned):
            join = tree[place + 1] if task.get("type") in ("FORK_JOIN", "FORK_JOIN_DYNAMIC") else {}
            if task["optional"] or join.get("optional"):
                return True
            return any(_is_passed_over(one, name) for one in owned)
    return False
