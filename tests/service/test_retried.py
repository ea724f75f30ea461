"""What a retry makes of each way in which a job execution can have stopped."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.json import decode

from data_factory.engine import resumption, walk
from data_factory.model.actors import SYSTEM
from data_factory.model.records import JobExecutionRecord
from data_factory.service.commands import Cancel, FireTimers, Skip
from tests.properties.test_control_flow import settle
from tests.properties.test_retries import retry
from tests.workshop import Workshop, workshop

WORK = {"name": "${account}/work", "taskReferenceName": "first"}
SECOND = {**WORK, "taskReferenceName": "second"}
START = {"name": "s", "taskReferenceName": "start", "type": "START_WORKFLOW"}


LARGE = "x" * 6_000_000
"""Of what a payload may have, more than a half."""


def steps_of(shop: Workshop, run: JobExecutionRecord) -> list[str]:
    return [f"{row.path} {row.status}" for row in shop.task_executions() if row.job_execution_id == run.id]


def now_of(shop: Workshop, run: JobExecutionRecord) -> JobExecutionRecord:
    return next(one for one in shop.executions() if one.id == run.id)


def test_of_a_job_that_timed_out_what_ran_runs_again_and_it_has_its_whole_time() -> None:
    with workshop() as shop:
        work = shop.task("work", retry_count=0)
        run = shop.do(shop.launch(shop.job(WORK, SECOND, timeoutSeconds=60)))
        [held] = shop.do(shop.claim(work))
        shop.do(shop.report(held, "COMPLETED", {"v": 1}))
        shop.wait(61)
        shop.do(FireTimers())
        assert now_of(shop, run).status == "TIMEDOUT"
        again = retry(shop, now_of(shop, run))
        assert steps_of(shop, again) == ["first COMPLETED", "second SCHEDULED"]
        assert again.deadline_at == shop.now + 60_000


def test_what_was_skipped_is_reused() -> None:
    with workshop() as shop:
        work = shop.task("work", retry_count=0)
        run = shop.do(shop.launch(shop.job(WORK, SECOND)))
        [waiting] = shop.task_executions()
        shop.do(Skip(shop.account_id, waiting.id, '{"v":7}', SYSTEM))
        [held] = shop.do(shop.claim(work))
        shop.do(shop.report(held, "FAILED"))
        again = retry(shop, now_of(shop, run))
        assert steps_of(shop, again) == ["first SKIPPED", "second SCHEDULED"]
        assert [row.output for row in shop.task_executions() if row.path == "first"] == ['{"v":7}'] * 2


def test_a_job_that_was_launched_is_not_launched_twice() -> None:
    with workshop() as shop:
        work = shop.task("work", retry_count=0)
        shop.job({"name": "h", "taskReferenceName": "h", "type": "HUMAN"}, key="other")
        start = {**START, "inputParameters": {"startWorkflow": {"name": "other"}}}
        output = {"other": "${start.output.workflowId}"}
        run = shop.do(shop.launch(shop.job(start, WORK, pipeline=shop.pipeline(), outputParameters=output)))
        settle(shop)
        _, launched = shop.executions()
        [held] = shop.do(shop.claim(work))
        shop.do(shop.report(held, "FAILED"))
        again = retry(shop, now_of(shop, run))
        settle(shop)
        [held] = shop.do(shop.claim(work))
        shop.do(shop.report(held, "COMPLETED"))
        assert len(shop.executions()) == 3
        assert decode(now_of(shop, again).output) == {"other": launched.id}


def test_a_join_that_failed_joins_again_what_its_branches_gave() -> None:
    """What two branches gave was too large together; so it is again, and nothing is run for it."""
    with workshop() as shop:
        work = shop.task("work", retry_count=0)
        fork = {"name": "f", "taskReferenceName": "fork", "type": "FORK_JOIN", "forkTasks": [[WORK], [SECOND]]}
        join = {"name": "j", "taskReferenceName": "join", "type": "JOIN"}
        run = shop.do(shop.launch(shop.job(fork, join, outputParameters={"all": "${join.output}"})))
        for held in shop.do(shop.claim(work, limit=2)):
            shop.do(shop.report(held, "COMPLETED", {"v": LARGE}))
        assert now_of(shop, run).status == "FAILED"
        again = now_of(shop, retry(shop, now_of(shop, run)))
        assert (again.status, again.failure is None) == ("FAILED", False)
        assert steps_of(shop, again) == [
            "fork COMPLETED",
            "first COMPLETED",
            "second COMPLETED",
            "join FAILED",
        ]


def test_a_job_that_failed_at_its_output_comes_to_it_again() -> None:
    with workshop() as shop:
        work = shop.task("work", retry_count=0)
        output = {"one": "${first.output.v}", "two": "${first.output.v}"}
        run = shop.do(shop.launch(shop.job(WORK, outputParameters=output)))
        [held] = shop.do(shop.claim(work))
        shop.do(shop.report(held, "COMPLETED", {"v": LARGE}))
        stopped = now_of(shop, run)
        assert (stopped.status, decode(stopped.failure or "")["code"]) == ("FAILED", "output_too_large")
        again = now_of(shop, retry(shop, stopped))
        assert (again.status, decode(again.failure or "")["code"]) == ("FAILED", "output_too_large")
        assert steps_of(shop, again) == ["first COMPLETED"]


def test_the_branches_of_a_wide_fork_begin_again_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (walk, resumption):
        monkeypatch.setattr(module, "MAX_BEGUN", 3)
    with workshop() as shop:
        work = shop.task("work", retry_count=0)
        ways = [[{**WORK, "taskReferenceName": f"t{number}"}] for number in range(8)]
        fork = {"name": "f", "taskReferenceName": "fork", "type": "FORK_JOIN", "forkTasks": ways}
        join = {"name": "j", "taskReferenceName": "join", "type": "JOIN"}
        run = shop.do(shop.launch(shop.job(fork, join, outputParameters={"all": "${join.output}"})))
        settle(shop)
        done, failed = shop.do(shop.claim(work, limit=2))
        shop.do(shop.report(done, "COMPLETED", {"v": 0}))
        shop.do(shop.report(failed, "FAILED"))
        assert now_of(shop, run).status == "FAILED"

        again = retry(shop, now_of(shop, run))
        assert steps_of(shop, again)[3:] == ["t1 SCHEDULED", "t2 SCHEDULED", "t3 SCHEDULED"]
        joining = next(row for row in shop.task_executions() if row.job_execution_id == again.id and row.type == "JOIN")
        assert decode(joining.output) == {"branches": 8, "begun": 8, "ended": 1, "again": 4}
        assert decode(joining.progress or "")["message"] == "1 of 8 branches have ended, 3 are under way"

        shop.do(Cancel(shop.account_id, again.id, ""))
        third = retry(shop, now_of(shop, again))
        settle(shop)
        assert sorted(steps_of(shop, third)[3:]) == [f"t{number} SCHEDULED" for number in range(1, 8)]
        for held in shop.do(shop.claim(work, limit=7)):
            shop.do(shop.report(held, "COMPLETED", {"v": int(held.path[1:])}))
        assert decode(now_of(shop, third).output) == {"all": {f"t{number}": {"v": number} for number in range(8)}}


def test_forks_in_forks_begin_again_from_the_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (walk, resumption):
        monkeypatch.setattr(module, "MAX_BEGUN", 2)
    with workshop() as shop:
        work = shop.task("work", retry_count=0)

        def forked(name: str, ways: list[Any]) -> list[Any]:
            fork = {"name": "f", "taskReferenceName": f"{name}-fork", "type": "FORK_JOIN", "forkTasks": ways}
            return [fork, {"name": "j", "taskReferenceName": f"{name}-join", "type": "JOIN"}]

        inner = [forked(name, [[{**WORK, "taskReferenceName": f"{name}{one}"}] for one in range(3)]) for name in "abc"]
        run = shop.do(shop.launch(shop.job(*forked("outer", inner), outputParameters={})))
        settle(shop)
        for _ in range(3):  # each is stopped before it has come to all of it
            shop.do(Cancel(shop.account_id, run.id, ""))
            run = retry(shop, now_of(shop, run))
        assert sum(step.endswith("SCHEDULED") for step in steps_of(shop, run)) < 9
        settle(shop)
        assert sum(step.endswith("SCHEDULED") for step in steps_of(shop, run)) == 9
        for held in shop.do(shop.claim(work, limit=9)):
            shop.do(shop.report(held, "COMPLETED"))
        assert now_of(shop, run).status == "COMPLETED"
