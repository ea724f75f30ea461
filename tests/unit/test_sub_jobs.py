"""A SUB_WORKFLOW that runs another job, on a real store: its job execution runs inside the one that waits for it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.json import decode
from msgspec.structs import replace

from data_factory.model.errors import Invalid
from data_factory.model.parents import decode_parent
from data_factory.model.records import JobExecutionRecord
from data_factory.service.commands import Again, Cancel, FireTimers
from data_factory.service.sub_jobs import MAX_DEPTH
from tests.workshop import Workshop, step, workshop


def call(reference: str = "call", key: str = "other", **fields: Any) -> dict[str, Any]:
    return {
        "name": "another job",
        "taskReferenceName": reference,
        "type": "SUB_WORKFLOW",
        "subWorkflowParam": {"name": key},
        **fields,
    }


def settle(shop: Workshop) -> None:
    """Time goes on until nothing is due."""
    while any(row.timer_at is not None and not row.task_id for row in shop.task_executions()) or any(
        row.deadline_at is not None and row.deadline_at <= shop.now for row in shop.executions()
    ):
        shop.do(FireTimers())


def begun(shop: Workshop, *steps: dict[str, Any], input: dict[str, Any] | None = None, **fields: Any) -> Any:
    launched = shop.do(shop.launch(shop.job(*steps, **fields), input))
    settle(shop)
    return launched


def failure_of(execution: JobExecutionRecord) -> dict[str, Any]:
    assert execution.failure is not None
    found: dict[str, Any] = decode(execution.failure)
    return found


def cancel(shop: Workshop, id: str) -> Cancel:
    return Cancel(account_id=shop.account_id, id=id)


def test_another_job_runs_in_the_slot_of_the_one_that_waits_for_it() -> None:
    with workshop() as shop:
        work, line = shop.task("work"), shop.pipeline()
        shop.job(step("only", work), key="other", pipeline=shop.pipeline(), title="The other")
        job = shop.job(
            call(inputParameters={"v": "${workflow.input.v}"}),
            step("then", work, inputParameters={"v": "${call.output.v}"}),
            pipeline=line,
        )
        shop.do(shop.launch(job, {"v": 7}))
        shop.do(shop.launch(job, {"v": 8}))
        settle(shop)
        parent, waiting, child = shop.executions()
        assert (parent.status, waiting.status, child.status) == ("RUNNING", "PENDING", "RUNNING")
        assert child.parent is not None
        row = shop.task_executions()[0]
        link = decode_parent(child.parent)
        assert (link.job_execution_id, link.task_execution_id, link.depth) == (parent.id, row.id, 1)
        assert (row.status, decode(row.output)) == ("IN_PROGRESS", {"subWorkflowId": child.id})
        assert (decode(child.input), child.pipeline_id, child.title) == ({"v": 7}, line.id, "The other")
        (held,) = shop.do(shop.claim(work))
        shop.do(shop.report(held, "COMPLETED", {"v": 9}))
        settle(shop)
        assert shop.statuses() == ["RUNNING", "PENDING", "COMPLETED"]
        (held,) = shop.do(shop.claim(work))
        assert decode(held.input) == {"v": 9}
        shop.do(shop.report(held))
        settle(shop)
        assert shop.statuses()[:4] == ["COMPLETED", "RUNNING", "COMPLETED", "RUNNING"]


def test_a_job_that_ends_at_once_ends_its_step() -> None:
    with workshop() as shop:
        shop.job({"name": "set", "taskReferenceName": "set", "type": "SET_VARIABLE"}, key="other")
        begun(shop, call())
        assert shop.statuses() == ["COMPLETED", "COMPLETED"]
        assert decode(shop.executions()[0].output) == {"subWorkflowId": shop.executions()[1].id}


@pytest.mark.parametrize("optional", [False, True])
def test_how_the_other_job_fails_is_how_the_step_fails(optional: bool) -> None:
    with workshop() as shop:
        work = shop.task("work")
        shop.job(step("only", work), key="other")
        begun(shop, call(optional=optional))
        (held,) = shop.do(shop.claim(work))
        shop.do(shop.report(held, "FAILED", {"message": "No."}))
        settle(shop)
        parent, child = shop.executions()
        row = shop.task_executions()[0]
        assert child.status == "FAILED"
        assert (parent.status, row.status) == (
            ("COMPLETED", "COMPLETED_WITH_ERRORS") if optional else ("FAILED", "FAILED")
        )
        assert row.failure is not None
        assert decode(row.failure)["code"] == "sub_workflow_failed"
        assert decode(row.failure)["message"] == f"The job execution {child.id} is FAILED. No."


def test_what_a_worker_does_in_a_branch_that_is_given_up_after_it_is_canceled() -> None:
    """That is of a task which nothing else in this batch has to do with."""
    with workshop() as shop:
        inner, beside = shop.task("inner"), shop.task("beside")
        shop.job(step("only", inner), key="other")
        throws: dict[str, Any] = {"name": "s", "taskReferenceName": "s", "type": "SWITCH", "decisionCases": {"x": []}}
        throws |= {"evaluatorType": "javascript", "expression": "$.no.way"}
        fork: dict[str, Any] = {"name": "f", "taskReferenceName": "f", "type": "FORK_JOIN"}
        fork |= {"forkTasks": [[call(), throws], [step("beside", beside)]]}
        join = {"name": "j", "taskReferenceName": "j", "type": "JOIN", "optional": True}
        begun(shop, fork, join, {"name": "h", "taskReferenceName": "h", "type": "HUMAN"})
        shop.do(shop.claim(beside))
        (held,) = shop.do(shop.claim(inner))
        shop.do(shop.report(held))
        settle(shop)
        assert shop.statuses() == ["RUNNING", "COMPLETED"]
        assert {row.path: row.status for row in shop.task_executions()}["beside"] == "CANCELED"


def test_one_that_is_canceled_fails_the_step() -> None:
    with workshop() as shop:
        shop.job(step("only", shop.task("work")), key="other")
        begun(shop, call())
        shop.do(cancel(shop, shop.executions()[1].id))
        settle(shop)
        assert shop.statuses() == ["FAILED", "TERMINATED"]


def test_what_runs_in_one_that_is_canceled_is_canceled_however_deep() -> None:
    with workshop() as shop:
        shop.job(step("only", shop.task("work")), key="other")
        shop.job(call(), key="between")
        launched = begun(shop, call(key="between"))
        assert shop.statuses() == ["RUNNING"] * 3
        shop.do(cancel(shop, launched.id))
        settle(shop)
        assert shop.statuses() == ["TERMINATED"] * 3
        assert failure_of(shop.executions()[2])["code"] == "canceled"
        assert [row.status for row in shop.task_executions()] == ["CANCELED"] * 3


def test_what_runs_in_a_branch_that_is_given_up_is_canceled() -> None:
    with workshop() as shop:
        work, bad = shop.task("work"), shop.task("bad")
        shop.job(step("only", work), key="other")
        fork = {"name": "f", "taskReferenceName": "f", "type": "FORK_JOIN", "optional": True}
        fork["forkTasks"] = [[call()], [step("bad", bad)]]
        join = {"name": "j", "taskReferenceName": "j", "type": "JOIN"}
        begun(shop, fork, join, step("after", work))
        (held,) = shop.do(shop.claim(bad))
        shop.do(shop.report(held, "FAILED"))
        settle(shop)
        assert shop.statuses() == ["RUNNING", "TERMINATED"]


def test_a_timeout_of_the_job_around_ends_what_runs_in_it() -> None:
    with workshop() as shop:
        shop.job(step("only", shop.task("work")), key="other")
        begun(shop, call(), timeoutSeconds=60)
        shop.wait(61)
        settle(shop)
        assert shop.statuses() == ["TIMEDOUT", "TERMINATED"]


def test_a_timeout_of_its_own_fails_the_step() -> None:
    with workshop() as shop:
        shop.job(step("only", shop.task("work")), key="other", timeoutSeconds=60)
        begun(shop, call())
        shop.wait(61)
        settle(shop)
        assert shop.statuses() == ["FAILED", "TIMEDOUT"]


def test_a_job_that_runs_itself_without_end_fails() -> None:
    with workshop() as shop:
        begun(shop, call(key="self"), key="self")
        assert shop.statuses() == ["FAILED"] * (MAX_DEPTH + 1)
        assert failure_of(shop.executions()[-1])["code"] == "too_deep"


@pytest.mark.parametrize("first", ["cancel", "fire"])
def test_a_cancel_in_the_transaction_that_begins_it(first: str) -> None:
    with workshop() as shop:
        shop.job(step("only", shop.task("work")), key="other")
        launched = shop.do(shop.launch(shop.job(call())))
        orders = [cancel(shop, launched.id), FireTimers()]
        shop.batch(*(orders if first == "cancel" else reversed(orders)))
        settle(shop)
        assert shop.statuses() == (["TERMINATED"] if first == "cancel" else ["TERMINATED"] * 2)


def test_it_ends_in_the_transaction_that_cancels_the_one_around() -> None:
    with workshop() as shop:
        work = shop.task("work")
        shop.job(step("only", work), key="other")
        launched = begun(shop, call())
        (held,) = shop.do(shop.claim(work))
        shop.batch(shop.report(held), cancel(shop, launched.id))
        settle(shop)
        assert shop.statuses() == ["TERMINATED", "COMPLETED"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"key": "gone"}, "unknown_job"),
        ({"status": "INACTIVE"}, "job_inactive"),
        ({"userInputs": [{"key": "n", "type": "NUMBER", "required": True}]}, "invalid_start"),
    ],
)
def test_what_cannot_run_fails_the_step(fields: dict[str, Any], code: str) -> None:
    with workshop() as shop:
        shop.job(step("only", shop.task("work")), **{"key": "other", **fields})
        begun(shop, call())
        (execution,) = shop.executions()
        assert (execution.status, failure_of(execution)["code"]) == ("FAILED", code)


def test_a_retry_runs_the_other_job_again() -> None:
    with workshop() as shop:
        work = shop.task("work")
        shop.job(step("only", work), key="other")
        job = shop.job(call("first"), call("second"))
        launched = shop.do(shop.launch(job))
        settle(shop)
        for status in ("COMPLETED", "FAILED"):
            (held,) = shop.do(shop.claim(work))
            shop.do(shop.report(held, status, {"v": status}))
            settle(shop)
        assert shop.statuses() == ["FAILED", "COMPLETED", "FAILED"]
        plan = shop.run(shop.platform.reruns.plan_retry(shop.account_id, launched.id, "same")).plan
        again = Again(of_id=launched.id, kind="RETRY", plan=plan)
        shop.do(replace(shop.launch(job), origin="RETRY", again=again))
        settle(shop)
        (held,) = shop.do(shop.claim(work))
        shop.do(shop.report(held, "COMPLETED", {"v": 1}))
        settle(shop)
        assert shop.statuses() == ["FAILED", "COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]


def test_another_type_does_not_take_it() -> None:
    with workshop() as shop:
        with pytest.raises(Invalid) as refused:
            shop.job(call(type="WAIT", inputParameters={"duration": 1}))
        assert [one.path for one in refused.value.errors] == ["tasks[0].subWorkflowParam"]
