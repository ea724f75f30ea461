"""Pause, resume, skip, priority and start time, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.api.factory import Factory, refused, step

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_an_execution_is_paused_and_goes_on(factory: Factory) -> None:
    api = factory.api
    task, run = factory.waiting()
    held = api.post("/task_executions/claim", json={"taskIds": [task["id"]]}).json()["data"][0]
    paused = api.post(f"/job_executions/{run['id']}/pause", json={"reason": "a storm"}).json()
    assert (paused["status"], paused["paused"]["reason"]) == ("RUNNING", "a storm")
    beat = api.patch(f"/task_executions/{held['id']}", json={"status": "IN_PROGRESS"}).json()
    assert beat["pausedAt"] == paused["paused"]["since"]
    report = {"id": held["id"], "status": "IN_PROGRESS", "lease": held["lease"]}
    (verdict,) = api.post("/task_executions/report", json={"reports": [report]}).json()["results"]
    assert verdict["pausedAt"] == paused["paused"]["since"]
    reasons = api.get(f"/job_executions/{run['id']}/why").json()["reasons"]
    assert [reason["code"] for reason in reasons] == ["paused", "running"]
    assert reasons[0]["pausedBy"] == paused["paused"]["by"]
    assert "paused" not in api.post(f"/job_executions/{run['id']}/resume").json()
    assert "pausedAt" not in api.patch(f"/task_executions/{held['id']}", json={"status": "IN_PROGRESS"}).json()
    told = api.get(f"/job_executions/{run['id']}/timeline").json()["data"]
    assert {"job_execution.paused", "job_execution.resumed"} <= {one["kind"] for one in told}
    api.post(f"/job_executions/{run['id']}/cancel")
    refused(api.post(f"/job_executions/{run['id']}/pause"), 409, "job_execution_ended")


def test_a_launch_has_a_priority_a_time_and_a_trace(factory: Factory) -> None:
    api, task = factory.api, factory.task()
    job = factory.job(step(task))
    at = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=123_000)
    body = {"jobId": job["id"], "priority": 7, "startAt": at.isoformat()}
    later = api.post("/job_executions", json=body).json()
    assert (later["status"], later["priority"]) == ("PENDING", 7)
    assert later["startAt"] == at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    (reason,) = api.get(f"/job_executions/{later['id']}/why").json()["reasons"]
    assert (reason["code"], reason["until"]) == ("waiting_for_start", later["startAt"])
    for wrong in ({"priority": 1_001}, {"startAt": "soon"}, {"startAt": "2030-01-01T00:00:00"}, {"priority": True}):
        refused(api.post("/job_executions", json=body | wrong), 400, "invalid")
    api.post("/job_executions", json={"jobId": job["id"]}, headers={"traceparent": TRACE})
    (held,) = api.post("/task_executions/claim", json={"taskIds": [task["id"]]}).json()["data"]
    assert held["traceparent"] == TRACE


def test_a_pipeline_is_paused(factory: Factory) -> None:
    api = factory.api
    job = factory.job(step(factory.task()))
    pipeline = api.get(f"/pipelines/{job['pipelineId']}").json()
    api.post(f"/pipelines/{pipeline['id']}/pause", json={"reason": "at night"})
    run = factory.launch(job)
    assert run["status"] == "PENDING"
    (reason,) = api.get(f"/job_executions/{run['id']}/why").json()["reasons"]
    assert (reason["code"], reason["pipelineId"]) == ("paused", pipeline["id"])
    assert "paused" not in api.post(f"/pipelines/{pipeline['id']}/resume").json()
    assert api.get(f"/job_executions/{run['id']}").json()["status"] == "RUNNING"


def test_a_task_that_waits_is_skipped(factory: Factory) -> None:
    api = factory.api
    _, run = factory.waiting()
    (waiting,) = api.get(f"/job_executions/{run['id']}/task_executions").json()["data"]
    skipped = api.post(f"/task_executions/{waiting['id']}/skip", json={"output": {"v": 1}}).json()
    assert (skipped["status"], skipped["output"]) == ("SKIPPED", {"v": 1})
    assert api.get(f"/job_executions/{run['id']}").json()["status"] == "COMPLETED"
    refused(api.post(f"/task_executions/{waiting['id']}/skip", json={"output": {"v": 2}}), 409, "task_execution_ended")
    lines = api.get(f"/job_executions/{run['id']}/timeline").json()["data"]
    (told,) = (line for line in lines if line["kind"].endswith(".skipped"))
    assert (told["kind"], told["taskExecutionId"]) == ("task_execution.skipped", waiting["id"])
    assert told["message"].endswith(f" was skipped by {told['by']['title']}.")
