"""Job executions run again over HTTP: from their beginning, and from where they failed."""

from __future__ import annotations

import pytest

from tests.api.factory import Factory, Json, made, refused, step, told
from tests.api.test_control_flow import flow


def again(factory: Factory, run: Json, verb: str, **body: str) -> Json:
    return made(factory.api.post(f"/job_executions/{run['id']}/{verb}", json=body))


def failed(factory: Factory) -> tuple[Json, Json, Json]:
    """A task, a job of two steps, and an execution of it whose second step has failed."""
    task = factory.task(retryCount=0)
    second = step(task, "second", inputParameters={"from": "${first.output.v}"})
    job = factory.job(step(task), second, outputParameters={"v": "${second.output.v}", "w": "${first.output.v}"})
    run = factory.launch(job, power=7)
    [held] = factory.claim(task)
    told(factory.report(held, output={"v": 1}))
    [held] = factory.claim(task)
    told(factory.report(held, "FAILED", output={"message": "no paper"}))
    return task, job, run


def test_a_rerun_has_the_same_version_and_input(factory: Factory) -> None:
    task, job, run = failed(factory)
    made_again = again(factory, run, "rerun")
    assert (made_again["rerunOf"], made_again["origin"], made_again["jobVersion"]) == (run["id"], "RERUN", 1)
    assert made_again["input"]["power"] == 7
    assert made_again["info"] == factory.run(run)["info"]
    assert factory.run(run)["runAgainAs"] == [made_again["id"]]
    assert factory.run(made_again)["rerunOf"] == run["id"]
    [held] = factory.claim(task)
    assert (held["jobExecutionId"], held["taskReferenceName"]) == (made_again["id"], "first")
    changed = {"key": job["key"], "tasks": [step(task, "only")]}
    assert factory.api.put(f"/jobs/{job['id']}", json=changed).status_code == 201
    assert again(factory, run, "rerun")["jobVersion"] == 1
    latest = again(factory, run, "rerun", version="latest")
    assert (latest["jobVersion"], latest["rerunOf"]) == (2, run["id"])


def test_it_is_told_from_where_each_was_launched(factory: Factory) -> None:
    inner = factory.job(flow("SET_VARIABLE", "keep", inputParameters={"v": 1}))
    param = {"name": inner["key"]}
    outer = factory.job(
        flow("SUB_WORKFLOW", "call", subWorkflowParam=param),
        flow("START_WORKFLOW", "start", inputParameters={"startWorkflow": param}),
    )
    run = factory.launch(outer)
    told(factory.api.get(f"/job_executions/{run['id']}", headers={"Prefer": "wait=20"}))
    call, start = factory.steps(run)
    runs = [run["id"], call["output"]["subWorkflowId"], start["output"]["workflowId"]]
    runs += [again(factory, run, "rerun")["id"]]
    for id in runs:
        by = told(factory.api.get(f"/job_executions/{id}/timeline?size=1"))["data"][0]["by"]
        assert (by["address"], by["keyId"]) == ("127.0.0.1", run["input"]["context"]["userId"])


@pytest.mark.parametrize("verb", ["rerun", "retry"])
def test_a_repeat_with_the_same_key_makes_nothing_new(factory: Factory, verb: str) -> None:
    _, _, run = failed(factory)
    headers = {"Idempotency-Key": f"again-{run['id']}"}
    path = f"/job_executions/{run['id']}/{verb}"
    first, second = (made(factory.api.post(path, json={}, headers=headers)) for _ in range(2))
    assert first == second
    refused(factory.api.post(path, json={"version": "latest"}, headers=headers), 409, "idempotency_key_reused")
    assert factory.run(run)["runAgainAs"] == [first["id"]]


def test_a_retry_says_what_it_will_do_and_does_it(factory: Factory) -> None:
    task, _, run = failed(factory)
    plan = told(factory.api.get(f"/job_executions/{run['id']}/retry"))
    assert plan["message"] == "It begins with second. 1 task execution is reused, with its output."
    assert [one["taskReferenceName"] for one in plan["reused"]] == ["first"]
    assert [(one["taskReferenceName"], one["status"]) for one in plan["again"]] == [("second", "FAILED")]
    assert (plan["reusedCount"], plan["againCount"], plan["continuedCount"]) == (1, 1, 0)
    before = factory.steps(run)
    retried = again(factory, run, "retry")
    assert (retried["retryOf"], retried["origin"], retried["status"]) == (run["id"], "RETRY", "RUNNING")
    [held] = factory.claim(task)
    assert (held["taskReferenceName"], held["attempt"], held["input"]["from"]) == ("second", 1, 1)
    told(factory.report(held, output={"v": 2}))
    ended = factory.run(retried)
    assert (ended["status"], ended["output"]) == ("COMPLETED", {"v": 2, "w": 1})
    taken_over, _ = factory.steps(retried)
    assert taken_over["id"] != before[0]["id"]
    assert {**taken_over, "id": 0, "jobExecutionId": 0, "input": 0} == {
        **before[0],
        "id": 0,
        "jobExecutionId": 0,
        "input": 0,
    }
    assert factory.steps(run) == before
    refused(factory.api.get(f"/job_executions/{retried['id']}/retry"), 409, "nothing_to_retry")


def test_what_runs_is_not_retried(factory: Factory) -> None:
    _, run = factory.waiting()
    for method in ("GET", "POST"):
        path = f"/job_executions/{run['id']}/retry"
        refused(factory.api.request(method, path), 409, "job_execution_not_ended")
    assert again(factory, run, "rerun")["rerunOf"] == run["id"], "but it is run again, beside itself"


def test_what_waited_in_its_pipeline_is_retried_from_the_beginning_when_its_turn_comes(factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task), slots=1)
    running, waiting = factory.launch(job), factory.launch(job)
    told(factory.api.post(f"/job_executions/{waiting['id']}/cancel"))
    retried = again(factory, waiting, "retry")
    assert retried["status"] == "PENDING"
    [held] = factory.claim(task)
    told(factory.report(held))
    assert factory.run(running)["status"] == "COMPLETED"
    [held] = factory.claim(task)
    assert held["jobExecutionId"] == retried["id"]


def test_a_retry_in_the_newest_version_names_what_does_not_fit(factory: Factory) -> None:
    task, job, run = failed(factory)
    path = f"/jobs/{job['id']}"
    fits = {"key": job["key"], "tasks": [step(task), step(task, "second", inputParameters={"from": "new"})]}
    assert factory.api.put(path, json=fits).status_code == 201
    retried = again(factory, run, "retry", version="latest")
    assert retried["jobVersion"] == 2
    [held] = factory.claim(task)
    assert held["input"]["from"] == "new"
    other = {"key": job["key"], "tasks": [step(task), step(task, "between"), step(task, "second")]}
    assert factory.api.put(path, json=other).status_code == 201
    problem = refused(
        factory.api.post(f"/job_executions/{run['id']}/retry", json={"version": "latest"}), 409, "version_mismatch"
    )
    assert "first is followed by between, not second, in the newest version" in problem["detail"]
    told(factory.api.get(f"/job_executions/{run['id']}/retry?version=same"))
    refused(factory.api.get(f"/job_executions/{run['id']}/retry?version=3"), 400, "invalid")


def test_a_job_that_its_terminate_has_failed_comes_to_it_again(factory: Factory) -> None:
    task = factory.task()
    end = flow("TERMINATE", "end", inputParameters={"terminationStatus": "FAILED", "outputParameters": {"a": 1}})
    run = factory.launch(factory.job(step(task), end))
    [held] = factory.claim(task)
    told(factory.report(held))
    retried = factory.run(again(factory, run, "retry"))
    assert (retried["status"], retried["output"]) == ("FAILED", {"a": 1})
    assert [one["taskReferenceName"] for one in factory.steps(retried)] == ["first", "end"]


def test_what_can_never_run_again_is_refused(factory: Factory) -> None:
    task, job, run = failed(factory)
    other = factory.task()
    changed = {"key": job["key"], "tasks": [step(other)]}
    assert factory.api.put(f"/jobs/{job['id']}", json=changed).status_code == 201
    assert factory.api.delete(f"/tasks/{task['id']}").status_code == 201
    for verb in ("rerun", "retry"):
        problem = refused(factory.api.post(f"/job_executions/{run['id']}/{verb}"), 409, "task_gone")
        assert task["key"] in problem["detail"]
    inactive = {**changed, "status": "INACTIVE"}
    assert factory.api.put(f"/jobs/{job['id']}", json=inactive).status_code == 201
    latest = {"version": "latest"}
    refused(factory.api.post(f"/job_executions/{run['id']}/rerun", json=latest), 409, "job_inactive")


def test_a_file_that_is_gone_is_named(factory: Factory) -> None:
    file = made(factory.api.post("/files", files={"file": ("a.txt", b"content")}))
    task = factory.task()
    run = factory.launch(factory.job(step(task)), document={"url": file["url"]})
    assert again(factory, run, "rerun")["input"]["document"]["id"] == file["id"]
    assert factory.api.delete(f"/files/{file['id']}").status_code == 201
    problem = refused(factory.api.post(f"/job_executions/{run['id']}/rerun"), 409, "file_gone")
    assert file["id"] in problem["detail"]
