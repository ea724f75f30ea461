"""Job executions launched, watched, canceled; task executions claimed, reported on, handed back."""

from __future__ import annotations

from typing import Any

import pytest

from data_factory.model.resources import Claimed, JobExecution, Page, Reported, TaskExecution
from tests.api.contract import decoded
from tests.api.factory import NO_ID, Factory, Json, made, new_key, paths_of, refused, step, told

RUN_FIELDS = {
    "object", "id", "jobId", "jobVersion", "pipelineId", "createdAt", "startedAt", "endedAt", "status", "input",
    "output", "info", "origin", "failure",
}  # fmt: skip


# -- launches


def test_a_launch_is_answered_as_it_has_begun(factory: Factory) -> None:
    job = factory.job(step(factory.task()), title="Run it")
    answer = factory.api.post(
        "/job_executions", json={"jobId": job["id"], "input": {"a": 1}, "info": {"title": "Mine"}}
    )
    run = made(answer)
    assert run.keys() == RUN_FIELDS
    assert (run["object"], run["status"], run["output"], run["failure"]) == ("job_execution", "RUNNING", {}, None)
    assert (run["startedAt"] is not None, run["endedAt"]) == (True, None)
    assert (run["info"], run["origin"], run["jobVersion"]) == ({"title": "Mine"}, "API", 1)
    assert run["input"].keys() == {"a", "context"}
    assert run["input"]["context"].keys() == {"jobAccountId", "jobId", "userAccountId", "userId"}
    assert decoded(answer, JobExecution).id == run["id"]
    assert factory.run(run) == run


def test_a_launch_waits_for_its_slot(factory: Factory) -> None:
    job = factory.job(step(factory.task()), slots=1)
    factory.launch(job)
    run = factory.launch(job)
    assert (run["status"], run["startedAt"], run["info"]) == ("PENDING", None, {"title": job["title"]})
    assert factory.steps(run) == []


def test_a_context_of_the_caller_is_not_believed(factory: Factory) -> None:
    job = factory.job(step(factory.task()))
    run = factory.launch(job, context={"userId": "somebody else"}, eventCorrelationId="mine")
    assert run["input"]["context"]["userId"] != "somebody else"
    assert run["input"]["eventCorrelationId"] == "mine"
    [held] = factory.claim({"id": factory.steps(run)[0]["taskId"]})
    assert "context" not in held["input"]
    assert held["input"]["eventCorrelationId"] == run["id"]


@pytest.mark.parametrize("job_id", [NO_ID, "not an id", ""])
def test_a_job_that_is_not_there_is_not_launched(factory: Factory, job_id: str) -> None:
    assert paths_of(refused(factory.api.post("/job_executions", json={"jobId": job_id}), 400, "invalid")) == {"jobId"}


VALUES: dict[str, Any] = {
    "big": 2**100,
    "huge": 10**4_300 - 1,
    "huge and negative": 1 - 10**4_299,
    "small": -(2**63),
    "float": 0.1,
    "whole float": 1.0,
    "unicode": "é 漢字 \U0001f600 \u202e\ufeff\uffff",
    "escapes": '"\\/\b\f\n\r\t\x7f',
    "expression": "${workflow.input.secret}",
    "empty": "",
    "deep": [[[[{"a": [None, True, False, {}, []]}]]]],
    "": "no name",
    "__proto__": {"constructor": 1},
}


def test_values_come_through_exactly(factory: Factory) -> None:
    task = factory.task()
    run = factory.launch(factory.job(step(task)), **VALUES)
    [held] = factory.claim(task)
    assert {name: held["input"][name] for name in VALUES} == VALUES
    factory.report(held, "COMPLETED", output=VALUES)
    over = factory.run(run)
    assert (over["output"], over["status"]) == (VALUES, "COMPLETED")
    assert {name: over["input"][name] for name in VALUES} == VALUES
    assert factory.steps(run)[0]["output"] == VALUES


def test_executions_are_listed_newest_first_and_by_job(factory: Factory) -> None:
    one, other = (factory.job(step(factory.task())) for _ in range(2))
    mine = [factory.launch(one) for _ in range(3)]
    factory.launch(other)
    listed = told(factory.api.get("/job_executions", params={"jobId": one["id"], "size": 2}))
    assert listed["data"] == [mine[2], mine[1]]
    rest = {"jobId": one["id"], "cursor": listed["nextCursor"]}
    assert told(factory.api.get("/job_executions", params=rest))["data"] == [mine[0]]
    assert told(factory.api.get("/job_executions", params={"jobId": NO_ID}))["data"] == []
    assert decoded(factory.api.get("/job_executions?size=3"), Page[JobExecution]).size == 3


def test_task_executions_are_listed_oldest_first(factory: Factory) -> None:
    task = factory.task(retryCount=3, retryDelaySeconds=0)
    run = factory.launch(factory.job(step(task)))
    for _ in range(3):
        [held] = factory.claim(task)
        factory.report(held, "FAILED")
    path = f"/job_executions/{run['id']}/task_executions"
    assert [one["attempt"] for one in told(factory.api.get(path))["data"]] == [1, 2, 3, 4]
    first = told(factory.api.get(f"{path}?size=3"))
    assert [one["attempt"] for one in first["data"]] == [1, 2, 3]
    rest = told(factory.api.get(path, params={"cursor": first["nextCursor"]}))
    assert ([one["attempt"] for one in rest["data"]], rest["nextCursor"]) == ([4], None)
    assert decoded(factory.api.get(path), Page[TaskExecution]).data[0].attempt == 1
    refused(factory.api.get(f"/job_executions/{NO_ID}/task_executions"), 404, "not_found")


# -- cancels


def test_a_cancel_ends_it_and_all_that_it_has_running(factory: Factory) -> None:
    _, run, held = factory.held()
    over = told(factory.api.post(f"/job_executions/{run['id']}/cancel", json={"reason": "wrong file"}))
    assert (over["status"], over["failure"]) == (
        "TERMINATED",
        {**over["failure"], "code": "canceled", "message": "wrong file"},
    )
    assert over["endedAt"] is not None
    assert told(factory.api.get(f"/task_executions/{held['id']}"))["status"] == "CANCELED"
    for status in ("IN_PROGRESS", "COMPLETED", "SCHEDULED"):
        refused(factory.report(held, status), 409, "task_execution_canceled")
    again = told(factory.api.post(f"/job_executions/{run['id']}/cancel"))
    assert again == over


def test_a_cancel_frees_the_slot_at_once(factory: Factory) -> None:
    job = factory.job(step(factory.task()), slots=1)
    running, waiting, last = (factory.launch(job) for _ in range(3))
    told(factory.api.post(f"/job_executions/{waiting['id']}/cancel", content=b""))
    told(factory.api.post(f"/job_executions/{running['id']}/cancel"))
    assert [factory.run(run)["status"] for run in (running, waiting, last)] == ["TERMINATED", "TERMINATED", "RUNNING"]
    assert factory.run(waiting)["startedAt"] is None


def test_what_has_ended_is_not_canceled(factory: Factory) -> None:
    _, run, held = factory.held()
    factory.report(held)
    refused(factory.api.post(f"/job_executions/{run['id']}/cancel"), 409, "job_execution_ended")
    refused(factory.api.post(f"/job_executions/{NO_ID}/cancel"), 404, "not_found")
    assert factory.run(run)["status"] == "COMPLETED"


# -- claims


def test_a_claim_takes_the_oldest_of_many_tasks_up_to_its_limit(factory: Factory) -> None:
    one, other = factory.task(), factory.task()
    jobs = [factory.job(step(task)) for task in (one, other)]
    runs = [factory.launch(job) for job in (*jobs, *jobs, *jobs)]
    body = {"taskIds": [other["id"], one["id"]], "limit": 4, "workerId": "w-1", "leaseSeconds": 30}
    answer = factory.api.post("/task_executions/claim", json=body)
    claimed = decoded(answer, Claimed).data
    assert [held.job_execution_id for held in claimed] == [run["id"] for run in runs[:4]]
    for held in claimed:
        assert (held.worker_id, held.status) == ("w-1", "IN_PROGRESS")
        assert held.started_at is not None and held.lease_expires_at is not None
        assert (held.lease_expires_at - held.started_at).total_seconds() == 30
    assert len({held.lease for held in claimed}) == 4
    assert [held["jobExecutionId"] for held in factory.claim(one, other, limit=9)] == [run["id"] for run in runs[4:]]
    assert told(factory.api.post("/task_executions/claim", json=body)) == {"object": "list", "data": []}


def test_a_lease_is_never_longer_than_the_task_allows(factory: Factory) -> None:
    task, _ = factory.waiting(responseTimeoutSeconds=20)
    answer = factory.api.post("/task_executions/claim", json={"taskIds": [task["id"]], "leaseSeconds": 600})
    [held] = decoded(answer, Claimed).data
    assert held.started_at is not None and held.lease_expires_at is not None
    assert (held.lease_expires_at - held.started_at).total_seconds() == 20


def test_a_claim_that_is_repeated_is_given_the_same(factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task))
    for _ in range(3):
        factory.launch(job)
    first = factory.claim(task, limit=2, requestId=(request := new_key()))
    again = factory.claim(task, limit=2, requestId=request)
    assert [held["id"] for held in again] == [held["id"] for held in first]
    [third] = factory.claim(task, limit=2, requestId=new_key())
    assert third["id"] not in [held["id"] for held in first]
    told(factory.report(again[0], lease=again[0]["lease"]))
    assert [held["id"] for held in factory.claim(task, limit=2, requestId=request)] == [first[1]["id"]]


def test_a_claim_of_a_task_that_is_not_there(factory: Factory) -> None:
    task, _ = factory.waiting()
    for ids in ([NO_ID], [task["id"], NO_ID]):
        refused(factory.api.post("/task_executions/claim", json={"taskIds": ids}), 404, "not_found")
    assert len(factory.claim(task)) == 1


def test_no_more_run_than_the_task_allows(factory: Factory) -> None:
    task = factory.task(concurrentExecLimit=2)
    job = factory.job(step(task))
    for _ in range(4):
        factory.launch(job)
    held = factory.claim(task, limit=10)
    assert len(held) == 2
    refused(factory.poll(task), 404, "nothing_to_do")
    factory.report(held[0])
    assert len(factory.claim(task, limit=10)) == 1


# -- reports


def test_reports_come_in_batches_and_one_does_not_hinder_another(factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task))
    runs = [factory.launch(job, n=n) for n in range(6)]
    held = factory.claim(task, limit=4)
    reports = [
        {"id": held[0]["id"], "status": "COMPLETED", "output": {"n": 0}, "lease": held[0]["lease"]},
        {"id": NO_ID, "status": "COMPLETED"},
        {"id": held[1]["id"], "status": "FAILED", "output": {"message": "no"}},
        {"id": held[2]["id"], "status": "IN_PROGRESS", "progress": {"ratio": 0.5, "message": "half"}},
        {"id": held[3]["id"], "status": "COMPLETED", "lease": "another"},
    ]
    claim = {"taskIds": [task["id"]], "limit": 1}
    answer = factory.api.post("/task_executions/report", json={"reports": reports, "claim": claim})
    reported = decoded(answer, Reported)
    assert [verdict.id for verdict in reported.results] == [report["id"] for report in reports]
    assert [verdict.accepted for verdict in reported.results] == [True, False, True, True, False]
    assert [verdict.code for verdict in reported.results] == [None, "not_found", None, None, "lease_lost"]
    assert [verdict.status for verdict in reported.results] == ["COMPLETED", None, "FAILED", "IN_PROGRESS", None]
    assert [one.job_execution_id for one in reported.claimed] == [runs[4]["id"]]
    assert [factory.run(run)["status"] for run in runs] == ["COMPLETED", "FAILED", *["RUNNING"] * 4]
    again = told(factory.api.post("/task_executions/report", json={"reports": reports[:3]}))
    assert [verdict["accepted"] for verdict in again["results"]] == [True, False, True]


def test_no_reports_are_fine(factory: Factory) -> None:
    nothing = {"object": "report", "results": [], "claimed": []}
    assert told(factory.api.post("/task_executions/report", json={"reports": []})) == nothing


def test_one_execution_reported_twice_in_a_batch(factory: Factory) -> None:
    _, run, held = factory.held()
    reports = [{"id": held["id"], "status": "COMPLETED", "output": {"n": n}} for n in (1, 1, 2)]
    results = told(factory.api.post("/task_executions/report", json={"reports": reports}))["results"]
    assert [verdict["accepted"] for verdict in results] == [True, True, False]
    assert results[2]["code"] == "task_execution_ended"
    assert factory.run(run)["output"] == {"n": 1}


def test_a_heartbeat_extends_the_lease_and_tells_how_far_it_is(factory: Factory) -> None:
    _, _, held = factory.held(timeoutSeconds=600)
    progress = {"ratio": 0.25, "message": "a quarter"}
    beat = told(factory.report(held, "IN_PROGRESS", progress=progress, output={"so": "far"}))
    assert (beat["status"], beat["progress"], beat["output"]) == ("IN_PROGRESS", progress, {"so": "far"})
    assert beat["leaseExpiresAt"] >= held["leaseExpiresAt"]
    assert (beat["timeoutAt"], beat["startedAt"]) == (held["timeoutAt"], held["startedAt"])
    silent = told(factory.report(held, "IN_PROGRESS"))
    assert (silent["progress"], silent["output"]) == (progress, {"so": "far"})
    done = told(factory.report(held, "COMPLETED"))
    assert done["output"] == {"so": "far"}


def test_what_is_handed_back_is_the_same_attempt_for_another(factory: Factory) -> None:
    task, run, held = factory.held()
    back = told(factory.report(held, "SCHEDULED", lease=held["lease"]))
    assert (back["status"], back["leaseExpiresAt"], back["startedAt"], back["workerId"]) == (
        "SCHEDULED",
        None,
        None,
        None,
    )
    refused(factory.report(held, "COMPLETED"), 409, "not_claimed")
    refused(factory.report(held, "COMPLETED", lease=held["lease"]), 409, "lease_lost")
    assert told(factory.report(held, "SCHEDULED"))["status"] == "SCHEDULED"
    [again] = factory.claim(task)
    assert (again["id"], again["attempt"]) == (held["id"], 1)
    assert again["lease"] != held["lease"]
    refused(factory.report(held, "COMPLETED", lease=held["lease"]), 409, "lease_lost")
    factory.report(again, lease=again["lease"])
    assert factory.run(run)["status"] == "COMPLETED"


def test_what_is_handed_back_for_later_keeps_what_there_is_and_is_the_same_attempt(factory: Factory) -> None:
    task, run, held = factory.held()
    report = {"lease": held["lease"], "output": {"page": 1}, "delaySeconds": 1}
    back = told(factory.report(held, "SCHEDULED", **report))
    assert (back["status"], back["output"], back["attempt"]) == ("SCHEDULED", {"page": 1}, 1)
    assert back["availableAt"] > back["updatedAt"]
    assert told(factory.report(held, "SCHEDULED", **report))["availableAt"] == back["availableAt"]
    assert factory.claim(task) == []
    [again] = factory.claim(task, wait=10)
    assert (again["id"], again["attempt"], again["output"]) == (held["id"], 1, {"page": 1})
    factory.report(again, lease=again["lease"])
    assert factory.run(run)["status"] == "COMPLETED"


def test_a_users_mistake_is_told_apart(factory: Factory) -> None:
    for status, ends in (("FAILED_WITH_TERMINAL_ERROR", "USER_ERROR"), ("FAILED", "FAILED")):
        _, run, held = factory.held(key=status)
        factory.report(held, status, output={"errorType": "USER_ERROR", "message": "no such shop"})
        assert factory.run(run)["status"] == ends


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR"])
def test_the_same_report_twice_is_the_same_answer(factory: Factory, status: str) -> None:
    _, _, held = factory.held()
    first = told(factory.report(held, status, output={"a": 1}, lease=held["lease"]))
    assert told(factory.report(held, status, output={"a": 1}, lease=held["lease"])) == first
    assert told(factory.report(held, status, output={"a": 1})) == first
    refused(factory.report(held, status, output={"a": 2}), 409, "task_execution_ended")
    refused(factory.report(held, "IN_PROGRESS"), 409, "task_execution_ended")
    refused(factory.report(held, "SCHEDULED"), 409, "task_execution_ended")


def test_before_it_is_claimed_there_is_nothing_to_report(factory: Factory) -> None:
    _, run = factory.waiting()
    [waiting] = factory.steps(run)
    refused(factory.report(waiting, "COMPLETED"), 409, "not_claimed")
    refused(factory.report(waiting, "IN_PROGRESS"), 409, "not_claimed")


def test_a_lease_that_ran_out_is_told_and_the_task_is_tried_again(factory: Factory) -> None:
    task, run = factory.waiting(retryCount=1, retryDelaySeconds=0, responseTimeoutSeconds=1)
    [late] = factory.claim(task)
    [again] = factory.claim(task, wait=20)
    assert (again["attempt"], again["input"]) == (2, late["input"])
    assert again["id"] != late["id"]
    for status in ("COMPLETED", "IN_PROGRESS"):
        refused(factory.report(late, status, lease=late["lease"]), 409, "task_execution_timed_out")
    factory.report(again, output={"x": 1})
    over = factory.run(run)
    assert (over["status"], over["output"]) == ("COMPLETED", {"x": 1})


def test_a_failure_ends_the_job_and_says_why(factory: Factory) -> None:
    _, run, held = factory.held()
    factory.report(held, "FAILED", output={"message": "no disk"})
    failure = {"code": "task_failed", "message": "no disk", "taskReferenceName": "first", "taskExecutionId": held["id"]}
    over = factory.run(run)
    assert (over["status"], over["failure"], over["output"]) == ("FAILED", failure, {"message": "no disk"})


def test_a_report_may_send_back_what_it_was_given(factory: Factory) -> None:
    """As a client does that changes the status of what it polled and sends all of it."""
    _, _, held = factory.held()
    sent = {**held, "status": "COMPLETED", "output": {"a": 1}, "somethingElse": [1]}
    answer = factory.api.patch(f"/task_executions/{held['id']}", json=sent)
    assert told(answer)["output"] == {"a": 1}


def test_an_id_of_another_in_the_body_is_told(factory: Factory) -> None:
    _, _, held = factory.held()
    assert paths_of(refused(factory.report(held, id=NO_ID), 400, "invalid")) == {"id"}
    refused(factory.api.patch(f"/task_executions/{NO_ID}", json={"status": "COMPLETED"}), 404, "not_found")
    refused(factory.api.get(f"/task_executions/{NO_ID}"), 404, "not_found")


# -- idempotency


def test_a_launch_that_is_repeated_is_made_once(factory: Factory) -> None:
    job = factory.job(step(factory.task()))
    headers = {"Idempotency-Key": new_key()}
    body = {"jobId": job["id"], "input": {"a": 1}}
    first = made(factory.api.post("/job_executions", json=body, headers=headers))
    assert made(factory.api.post("/job_executions", json=body, headers=headers))["id"] == first["id"]
    other = {"jobId": job["id"], "input": {"a": 2}}
    refused(factory.api.post("/job_executions", json=other, headers=headers), 409, "idempotency_key_reused")
    listed = told(factory.api.get("/job_executions", params={"jobId": job["id"]}))["data"]
    assert [run["id"] for run in listed] == [first["id"]]
    told(factory.api.post(f"/job_executions/{first['id']}/cancel"))
    assert made(factory.api.post("/job_executions", json=body, headers=headers))["status"] == "TERMINATED"


@pytest.mark.parametrize("path", ["/tasks", "/jobs", "/pipelines"])
def test_a_creation_that_is_repeated_is_made_once(factory: Factory, path: str) -> None:
    bodies: dict[str, Json] = {
        "/tasks": {"key": new_key()},
        "/jobs": {"key": new_key(), "tasks": [step(factory.task())]},
        "/pipelines": {"title": "once"},
    }
    headers = {"Idempotency-Key": new_key()}
    first = made(factory.api.post(path, json=bodies[path], headers=headers))
    assert made(factory.api.post(path, json=bodies[path], headers=headers)) == first
    other = {**bodies[path], "key" if "key" in bodies[path] else "title": new_key()}
    refused(factory.api.post(path, json=other, headers=headers), 409, "idempotency_key_reused")
    assert told(factory.api.get(f"{path}?size=1"))["data"] == [first]


def test_a_refused_request_does_not_use_up_its_key(factory: Factory) -> None:
    headers = {"Idempotency-Key": new_key()}
    refused(factory.api.post("/tasks", json={"key": "no spaces"}, headers=headers), 400, "invalid")
    task = made(factory.api.post("/tasks", json={"key": new_key()}, headers=headers))
    job = factory.job(step(task), status="INACTIVE")
    again = {"Idempotency-Key": new_key()}
    refused(factory.api.post("/job_executions", json={"jobId": job["id"]}, headers=again), 409, "job_inactive")
    made(factory.api.put(f"/jobs/{job['id']}", json={**job, "status": "ACTIVE"}))
    made(factory.api.post("/job_executions", json={"jobId": job["id"]}, headers=again))


def test_an_idempotency_key_has_a_length(factory: Factory) -> None:
    long = {"Idempotency-Key": "k" * 256}
    assert paths_of(refused(factory.api.post("/tasks", json={"key": new_key()}, headers=long), 400, "invalid")) == {
        "Idempotency-Key"
    }
    made(factory.api.post("/tasks", json={"key": new_key()}, headers={"Idempotency-Key": "k" * 243 + new_key()[-12:]}))


def test_a_page_ends_before_it_is_too_large_and_the_cursor_goes_on(factory: Factory) -> None:
    job = factory.job(step(factory.task()))
    runs = [factory.launch(job, text="x" * 6_000_000)["id"] for _ in range(4)]
    shown: list[list[str]] = []
    query = {"jobId": job["id"], "size": "3"}
    while True:
        page = told(factory.api.get("/job_executions", params=query))
        shown.append([one["id"] for one in page["data"]])
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
    assert shown == [runs[:1:-1], runs[1::-1]]
