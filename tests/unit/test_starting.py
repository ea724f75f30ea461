"""START_WORKFLOW on a real store: another job is launched with the end of the step, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import convert
from msgspec.json import decode

from data_factory.engine.publication import job_errors
from data_factory.engine.starting import NotAStart, read_start
from data_factory.model.definitions import JobBody
from data_factory.service.commands import Cancel, FireTimers
from tests.workshop import Workshop, step, workshop


def start(name: Any = "other", **given: Any) -> dict[str, Any]:
    input = {"startWorkflow": {"name": name, **given}}
    return {"name": "start", "taskReferenceName": "start", "type": "START_WORKFLOW", "inputParameters": input}


def others(shop: Workshop, **fields: Any) -> None:
    shop.job(step("only", shop.task("work")), key="other", pipeline=shop.pipeline(), **fields)


def test_a_job_launches_another_and_goes_on() -> None:
    with workshop() as shop:
        others(shop)
        shop.do(shop.launch(shop.job(start(input={"v": "${workflow.input.v}"})), {"v": 7}))
        assert shop.statuses() == ["RUNNING"]
        shop.do(FireTimers())
        assert shop.statuses() == ["COMPLETED", "RUNNING"]
        first, second = shop.executions()
        assert decode(first.output) == {"workflowId": second.id}
        assert (decode(second.input), second.origin, second.launched_by) == ({"v": 7}, "START_WORKFLOW", "user")
        shop.do(FireTimers())
        assert len(shop.executions()) == 2


def test_a_job_that_is_canceled_before_launches_nothing() -> None:
    with workshop() as shop:
        others(shop)
        launched = shop.do(shop.launch(shop.job(start())))
        cancel = Cancel(account_id=shop.account_id, id=launched.id)
        shop.batch(cancel, FireTimers())
        assert shop.statuses() == ["TERMINATED"]


@pytest.mark.parametrize(
    ("fields", "given", "code", "message"),
    [
        ({}, {"name": "gone"}, "unknown_job", "There is no job with the key 'gone'."),
        ({"status": "INACTIVE"}, {}, "job_inactive", "The job 'other' is INACTIVE."),
        ({}, {"name": 7}, "invalid_start", "`startWorkflow.name`: expected a string, got an integer"),
        ({}, {"input": []}, "invalid_start", "`startWorkflow.input`: expected an object, got an array"),
        ({"userInputs": [{"key": "n", "type": "NUMBER", "required": True}]}, {}, "invalid_start", "input.n "),
    ],
)
def test_what_cannot_be_launched_fails_the_step(
    fields: dict[str, Any], given: dict[str, Any], code: str, message: str
) -> None:
    with workshop() as shop:
        others(shop, **fields)
        steps = start("${workflow.input.start.name}", input="${workflow.input.start.input}")
        shop.do(shop.launch(shop.job(steps), {"start": {"name": "other", "input": {}, **given}}))
        shop.do(FireTimers())
        (execution,) = shop.executions()
        assert execution.failure is not None
        failure = decode(execution.failure)
        assert (execution.status, failure["code"], failure["taskReferenceName"]) == ("FAILED", code, "start")
        assert message in failure["message"]


@pytest.mark.parametrize(
    ("given", "path", "message"),
    [
        (None, "startWorkflow", "expected an object, got null"),
        ({}, "startWorkflow.name", "is required"),
        ({"name": 7}, "startWorkflow.name", "expected a string, got an integer"),
        ({"name": "no key!"}, "startWorkflow.name", "Letters, digits, `_` and `-`; up to 100"),
        ({"name": "a", "input": []}, "startWorkflow.input", "expected an object, got an array"),
        ({"name": "a", "version": 1}, "startWorkflow.version", "is not a field that is known here"),
    ],
)
def test_what_says_no_start_is_refused_with_its_path(given: Any, path: str, message: str) -> None:
    with pytest.raises(NotAStart) as refusal:
        read_start({"startWorkflow": given})
    assert (refusal.value.error.path, refusal.value.error.message) == (path, message)
    body = convert({"key": "a", "tasks": [{**start(), "inputParameters": {"startWorkflow": given}}]}, JobBody)
    [error] = job_errors(body, {})
    assert (error.path, error.message) == (f"tasks[0].inputParameters.{path}", message)
