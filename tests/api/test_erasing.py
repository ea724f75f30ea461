"""Job executions deleted over HTTP: one, and all that are old."""

from __future__ import annotations

from tests.api.factory import Factory, made, refused, told


def test_only_what_has_ended_is_deleted_and_then_nothing_of_it_is_seen(factory: Factory) -> None:
    _, run, held = factory.held()
    path = f"/job_executions/{run['id']}"
    assert "cancel it first" in refused(factory.api.delete(path), 409, "job_execution_not_ended")["detail"]
    told(factory.report(held))
    assert made(factory.api.delete(path))["status"] == "COMPLETED"
    for gone in (path, f"{path}/task_executions", f"{path}/why", f"/task_executions/{held['id']}"):
        refused(factory.api.get(gone), 404, "not_found")
    refused(factory.api.delete(path), 404, "not_found")
    refused(factory.api.post(f"{path}/rerun"), 404, "not_found")


def test_a_key_of_what_was_deleted_is_free_again(factory: Factory) -> None:
    task = factory.task()
    job = factory.job({"name": f"${{account}}/{task['key']}", "taskReferenceName": "first"})
    headers = {"Idempotency-Key": f"once-{job['id']}"}
    first = made(factory.api.post("/job_executions", json={"jobId": job["id"]}, headers=headers))
    told(factory.api.post(f"/job_executions/{first['id']}/cancel"))
    made(factory.api.delete(f"/job_executions/{first['id']}"))
    again = made(factory.api.post("/job_executions", json={"jobId": job["id"]}, headers=headers))
    assert again["id"] != first["id"]


def test_what_is_old_is_purged_and_reported(factory: Factory) -> None:
    _, run, held = factory.held()
    told(factory.report(held))
    young = told(factory.api.post("/job_executions/purge", json={"olderThan": "1d", "dryRun": True}))
    assert (young["count"], young["byStatus"], young["next"]) == (0, {}, None)
    request = {"olderThan": "0m", "statuses": ["COMPLETED"], "dryRun": True}
    plan = told(factory.api.post("/job_executions/purge", json=request))
    assert plan["count"] == plan["byStatus"]["COMPLETED"] >= 1
    assert factory.run(run)["status"] == "COMPLETED"
    done = told(factory.api.post("/job_executions/purge", json={**request, "dryRun": False}))
    assert (done["count"], done["dryRun"]) == (plan["count"], False)
    refused(factory.api.get(f"/job_executions/{run['id']}"), 404, "not_found")
    for wrong in ({"olderThan": "soon"}, {"olderThan": "1d", "statuses": ["RUNNING"]}, {}):
        refused(factory.api.post("/job_executions/purge", json=wrong), 400, "invalid")
