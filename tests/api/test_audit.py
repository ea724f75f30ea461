"""The audit: each thing that somebody did, once, by whom and from where, never a value; and for admins only."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from data_factory.model.events import KINDS
from tests.api.contract import Contract
from tests.api.factory import Factory, made, new_key, refused, step, told


def audit(api: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = told(api.get("/audit", params={"size": 100, **query, **cursor}))
        found += page["data"]
        if page["nextCursor"] is None:
            return found
        cursor = {"cursor": page["nextCursor"]}


def actions(api: httpx.Client, id: str) -> list[str]:
    return [deed["action"] for deed in reversed(audit(api, object=id))]


def test_what_is_declared_changed_and_deleted_is_there_once_and_what_is_refused_is_not(api: httpx.Client) -> None:
    factory = Factory(api)
    task = factory.task()
    job = factory.job(step(task))
    refused(api.delete(f"/tasks/{task['id']}"), 409, "task_in_use")
    made(api.put(f"/jobs/{job['id']}", json={"key": job["key"], "tasks": [step(task)]}))
    for _ in range(2):
        made(api.put(f"/jobs/{job['id']}/schedule", json={"periodicity": [{"cronExpression": "0 3 * * *"}]}))
        told(api.post(f"/jobs/{job['id']}/schedule/pause"))
    told(api.post(f"/jobs/{job['id']}/schedule/resume"))
    assert actions(api, task["id"]) == ["task.created"]
    assert actions(api, job["id"]) == ["job.created", "job.published", "job.scheduled", "job.paused", "job.resumed"]
    other = factory.task()
    made(api.put(f"/tasks/{other['id']}", json={"key": other["key"]}))
    made(api.delete(f"/tasks/{other['id']}"))
    assert actions(api, other["id"]) == ["task.created", "task.updated", "task.deleted"]


def test_the_same_request_twice_is_there_once(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": new_key("once")}
    ids = {made(api.post("/pipelines", json={"title": "line"}, headers=headers))["id"] for _ in range(2)}
    (id,) = ids
    made(api.put(f"/pipelines/{id}", json={"title": "line", "slots": 3}))
    assert actions(api, id) == ["pipeline.created", "pipeline.updated"]


def test_a_value_is_never_in_it(api: httpx.Client) -> None:
    body = {"key": new_key("token"), "value": "s3cr3t-value", "isSecret": True}
    id = made(api.post("/variables", json=body))["id"]
    made(api.put(f"/variables/{id}", json={**body, "value": "other-s3cr3t"}))
    made(api.delete(f"/variables/{id}"))
    deeds = audit(api, object=id)
    assert [deed["action"] for deed in deeds] == ["variable.deleted", "variable.updated", "variable.created"]
    assert all(deed["detail"] == {"key": body["key"], "isSecret": True} for deed in deeds)


def test_who_did_it_from_where_and_by_which_way(api: httpx.Client) -> None:
    key = made(api.post("/api_keys", json={"title": "laptop"}))
    headers = {"X-Api-Key": key["key"], "Data-Factory-Origin": "CLI"}
    task = made(api.post("/tasks", json={"key": new_key("task")}, headers=headers))
    made(api.delete(f"/api_keys/{key['id']}"))
    (deed,) = audit(api, actor=key["id"])
    assert (deed["action"], deed["objectId"], deed["detail"]) == ("task.created", task["id"], {"key": task["key"]})
    assert deed["by"] == {"origin": "CLI", "keyId": key["id"], "title": "laptop", "address": deed["by"]["address"]}
    assert actions(api, key["id"]) == ["api_key.created", "api_key.revoked"]


DEEDS = {
    "POST /tasks": "task.created",
    "PUT /tasks/{id}": "task.updated",
    "DELETE /tasks/{id}": "task.deleted",
    "POST /jobs": "job.created",
    "POST /jobs/zip": "job.created",
    "PUT /jobs/{id}": "job.published",
    "PUT /jobs/{id}/zip": "job.published",
    "POST /jobs/{id}/versions/{version}/publish": "job.published",
    "PUT /jobs/{id}/schedule": "job.scheduled",
    "POST /jobs/{id}/schedule/pause": "job.paused",
    "POST /jobs/{id}/schedule/resume": "job.resumed",
    "POST /jobs/{id}/shares": "job.shared",
    "DELETE /jobs/{id}/shares/{account}": "job.unshared",
    "POST /pipelines": "pipeline.created",
    "PUT /pipelines/{id}": "pipeline.updated",
    "POST /pipelines/{id}/pause": "pipeline.paused",
    "POST /pipelines/{id}/resume": "pipeline.resumed",
    "POST /projects": "project.created",
    "PUT /projects/{id}": "project.updated",
    "PATCH /projects/{id}": "project.updated",
    "DELETE /projects/{id}": "project.deleted",
    "POST /variables": "variable.created",
    "PUT /variables/{id}": "variable.updated",
    "DELETE /variables/{id}": "variable.deleted",
    "POST /webhooks": "webhook.created",
    "PUT /webhooks/{id}": "webhook.updated",
    "DELETE /webhooks/{id}": "webhook.deleted",
    "POST /webhooks/{id}/rotate": "webhook.rotated",
    "POST /webhooks/{id}/test": "webhook.tested",
    "POST /webhook_deliveries/{id}/resend": "webhook.resent",
    "POST /files": "file.created",
    "DELETE /files/{id}": "file.deleted",
    "POST /api_keys": "api_key.created",
    "DELETE /api_keys/{id}": "api_key.revoked",
    "POST /accounts": "account.created",
    "PUT /accounts/{id}": "account.updated",
    "POST /accounts/{id}/disable": "account.disabled",
    "POST /accounts/{id}/enable": "account.enabled",
    "POST /accounts/{id}/api_keys": "api_key.created",
    "POST /job_executions": "",  # each says itself who launched it
    "POST /job_executions/{id}/cancel": "job_execution.canceled",
    "POST /job_executions/{id}/pause": "job_execution.paused",
    "POST /job_executions/{id}/resume": "job_execution.resumed",
    "POST /job_executions/{id}/rerun": "job_execution.rerun",
    "POST /job_executions/{id}/retry": "job_execution.retried",
    "DELETE /job_executions/{id}": "job_execution.deleted",
    "POST /job_executions/purge": "job_execution.purged",
    "POST /job_executions/bulk": "job_execution.canceled",  # or what else is done to each
    "POST /task_executions/{id}/skip": "task_execution.skipped",
    "PATCH /task_executions/{id}": "task_execution.answered",  # of a HUMAN; the rest is a worker's
}
OF_WORKERS = {"POST /task_executions/claim", "POST /task_executions/report", "POST /logs", "POST /logs/batch"}


def test_every_request_that_changes_something_has_its_action(contract: Contract) -> None:
    changing = {
        f"{method.upper()} {path.removeprefix('/v1/data_factory')}"
        for path, methods in contract.document["paths"].items()
        for method in methods
        if method != "get" and not path.endswith(("/find", "/validate"))
    }
    assert {one for one in changing if "/task/" not in one} - OF_WORKERS == DEEDS.keys()
    assert set(DEEDS.values()) - {""} | {"task_execution.handed_back", "webhook.given_up"} == KINDS.keys()


def test_projects_shares_and_files(api: httpx.Client, factory: Factory, stranger: httpx.Client) -> None:
    project = made(api.post("/projects", json={"displayName": "prices"}))["id"]
    told(api.patch(f"/projects/{project}", json={"displayName": "all prices"}))
    made(api.put(f"/projects/{project}", json={"displayName": "prices"}))
    made(api.delete(f"/projects/{project}"))
    assert actions(api, project) == ["project.created", "project.updated", "project.updated", "project.deleted"]
    job, guest = factory.job(step(factory.task())), told(stranger.get("/accounts"))["data"][0]["id"]
    for _ in range(2):
        made(api.post(f"/jobs/{job['id']}/shares", json={"accountId": guest}))
    for _ in range(2):
        made(api.delete(f"/jobs/{job['id']}/shares/{guest}"))
    assert actions(api, job["id"]) == ["job.created", "job.shared", "job.unshared"]
    headers = {"Idempotency-Key": new_key("once")}
    ids = {made(api.post("/files", files={"file": ("a.txt", b"abc")}, headers=headers))["id"] for _ in range(2)}
    (file,) = ids
    made(api.delete(f"/files/{file}"))
    assert actions(api, file) == ["file.created", "file.deleted"]
    assert audit(api, object=file, action="file.created")[0]["detail"]["filename"] == "a.txt"


def test_webhooks_without_their_secrets_and_paths(api: httpx.Client) -> None:
    body = {"url": "https://hooks.example.com/s3cr3t-path"}
    id = made(api.post("/webhooks", json={**body, "isActive": False}))["id"]
    made(api.put(f"/webhooks/{id}", json={**body, "isActive": False}))
    told(api.post(f"/webhooks/{id}/rotate"))
    made(api.delete(f"/webhooks/{id}"))
    assert actions(api, id) == [f"webhook.{done}" for done in ("created", "updated", "rotated", "deleted")]
    assert all(deed["detail"] == {"host": "hooks.example.com:443"} for deed in audit(api, object=id))


def test_what_the_operator_does_is_in_the_operators_audit_and_a_key_in_both(api: httpx.Client) -> None:
    account = made(api.post("/accounts", json={"title": "theirs"}))
    id, theirs = account["id"], {"X-Api-Key": account["apiKey"]["key"]}
    key = made(api.post(f"/accounts/{id}/api_keys", json={"title": "lost"}))["id"]
    made(api.put(f"/accounts/{id}", json={"title": "still theirs"}))
    seen = told(api.get("/audit", headers=theirs))["data"]
    assert [(deed["action"], deed["objectId"]) for deed in seen] == [("api_key.created", key)]
    for verb in ("disable", "disable", "enable", "enable"):
        told(api.post(f"/accounts/{id}/{verb}"))
    assert actions(api, id) == [f"account.{done}" for done in ("created", "updated", "disabled", "enabled")]
    assert actions(api, key) == ["api_key.created"]


def test_what_was_done_to_a_job_execution_stays_when_it_is_deleted(api: httpx.Client, factory: Factory) -> None:
    _, run = factory.waiting()
    told(api.post(f"/job_executions/{run['id']}/cancel"))
    made(api.delete(f"/job_executions/{run['id']}"))
    assert actions(api, run["id"]) == ["job_execution.canceled", "job_execution.deleted"]


def test_filters_hold_together_and_pages_go_on(api: httpx.Client) -> None:
    ids = [made(api.post("/pipelines", json={"title": "line"}))["id"] for _ in range(3)]
    page = told(api.get("/audit", params={"action": "pipeline", "size": 2}))
    assert [deed["objectId"] for deed in page["data"]] == ids[:0:-1]
    rest = told(api.get("/audit", params={"action": "pipeline", "size": 1, "cursor": page["nextCursor"]}))
    assert rest["data"][0]["objectId"] == ids[0]
    at = rest["data"][0]["createdAt"]
    assert audit(api, object=ids[0], since=at, action="pipeline.created") == rest["data"]
    assert audit(api, object=ids[0], until=at) == []


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-11-28T20:00:00"}, "until"),
        ({"cursor": "x"}, "cursor"),
        ({"action": "pipe"}, "action"),
        ({"action": "pipeline.pausd"}, "action"),
        ({"action": ""}, "action"),
        ({"page": 1}, "page"),
        ({"size": 0}, "size"),
    ],
)
def test_what_cannot_be_is_refused(api: httpx.Client, query: dict[str, Any], path: str) -> None:
    wrong = refused(api.get("/audit", params=query), 400, "invalid")
    assert [error["path"] for error in wrong["errors"]] == [path]


def test_it_is_for_admins(api: httpx.Client) -> None:
    key = made(api.post("/api_keys", json={"title": "looks", "role": "operator"}))
    refused(api.get("/audit", headers={"X-Api-Key": key["key"]}), 403, "role_needed")
