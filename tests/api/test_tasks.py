"""Tasks: made, found, replaced, deleted; and polled for."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from data_factory.model.resources import Page, Task, TaskExecution
from tests.api.contract import decoded
from tests.api.factory import NO_ID, Factory, made, new_key, paths_of, refused, step, told

DEFAULTS = {
    "description": "",
    "retryCount": 0,
    "retryLogic": "FIXED",
    "retryDelaySeconds": 60,
    "backoffScaleFactor": 1,
    "timeoutSeconds": 0,
    "timeoutPolicy": "TIME_OUT_WF",
    "responseTimeoutSeconds": 3600,
    "pollTimeoutSeconds": 0,
    "concurrentExecLimit": 0,
    "inputKeys": [],
    "outputKeys": [],
}
EVERYTHING = {
    "description": "2 to the power",
    "retryCount": 3,
    "retryLogic": "EXPONENTIAL_BACKOFF",
    "retryDelaySeconds": 5,
    "backoffScaleFactor": 2,
    "timeoutSeconds": 600,
    "timeoutPolicy": "RETRY",
    "responseTimeoutSeconds": 60,
    "pollTimeoutSeconds": 30,
    "concurrentExecLimit": 4,
    "inputKeys": [{"key": "power", "description": "a whole number"}],
    "outputKeys": [{"key": "result", "description": ""}],
}


def test_a_task_is_what_was_said_and_defaults_for_the_rest(api: httpx.Client) -> None:
    answer = api.post("/tasks", json={"key": new_key()})
    task = made(answer)
    assert answer.headers["content-type"] == "application/json"
    assert task.keys() == {"object", "id", "key", "createdAt", "updatedAt", *DEFAULTS}
    assert (task["object"], task["createdAt"]) == ("task", task["updatedAt"])
    assert {name: task[name] for name in DEFAULTS} == DEFAULTS
    assert decoded(answer, Task).id == task["id"]


def test_a_task_with_everything(api: httpx.Client) -> None:
    task = made(api.post("/tasks", json={"key": new_key(), **EVERYTHING}))
    assert {name: task[name] for name in EVERYTHING} == EVERYTHING
    assert told(api.get(f"/tasks/{task['id']}")) == task


def test_a_put_replaces_all_of_it(api: httpx.Client) -> None:
    task = made(api.post("/tasks", json={"key": new_key(), **EVERYTHING}))
    changed = made(api.put(f"/tasks/{task['id']}", json={"key": task["key"], "retryCount": 1}))
    assert {name: changed[name] for name in DEFAULTS} == {**DEFAULTS, "retryCount": 1}
    assert (changed["id"], changed["createdAt"]) == (task["id"], task["createdAt"])
    assert told(api.get(f"/tasks/{task['id']}")) == changed


def test_what_was_got_can_be_put_back(api: httpx.Client) -> None:
    task = made(api.post("/tasks", json={"key": new_key(), **EVERYTHING}))
    again = made(api.put(f"/tasks/{task['id']}", json=task))
    assert {**again, "updatedAt": ""} == {**task, "updatedAt": ""}


def test_the_id_of_another_cannot_be_put(factory: Factory) -> None:
    one, other = factory.task(), factory.task()
    problem = refused(factory.api.put(f"/tasks/{one['id']}", json={"id": other["id"], "key": "k"}), 400, "invalid")
    assert paths_of(problem) == {"id"}
    assert told(factory.api.get(f"/tasks/{one['id']}")) == one


def test_a_deleted_task_is_shown_once_more_and_then_gone(api: httpx.Client) -> None:
    task = made(api.post("/tasks", json={"key": new_key()}))
    assert made(api.delete(f"/tasks/{task['id']}")) == task
    for method in ("GET", "DELETE"):
        refused(api.request(method, f"/tasks/{task['id']}"), 404, "not_found")
    refused(api.put(f"/tasks/{task['id']}", json={"key": task["key"]}), 404, "not_found")
    assert told(api.get(f"/tasks?key={task['key']}"))["data"] == []
    assert made(api.post("/tasks", json={"key": task["key"]}))["id"] != task["id"]


def test_a_key_is_one_of_its_kind(api: httpx.Client) -> None:
    one, other = (made(api.post("/tasks", json={"key": new_key()})) for _ in range(2))
    assert one["id"] in refused(api.post("/tasks", json={"key": one["key"]}), 409, "key_taken")["message"]
    refused(api.put(f"/tasks/{other['id']}", json={"key": one["key"]}), 409, "key_taken")
    assert made(api.put(f"/tasks/{one['id']}", json={"key": one["key"]}))["key"] == one["key"]


def test_a_task_that_a_job_names_stays(factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task))
    assert job["key"] in refused(factory.api.delete(f"/tasks/{task['id']}"), 409, "task_in_use")["message"]
    other = factory.task()
    made(factory.api.put(f"/jobs/{job['id']}", json={"key": job["key"], "tasks": [step(other)]}))
    made(factory.api.delete(f"/tasks/{task['id']}"))


def test_a_task_that_a_job_names_keeps_its_key(factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task))
    renamed = {**task, "key": new_key()}
    assert job["key"] in refused(factory.api.put(f"/tasks/{task['id']}", json=renamed), 409, "task_in_use")["message"]
    changed = made(factory.api.put(f"/tasks/{task['id']}", json={**task, "retryCount": 7}))
    assert (changed["key"], changed["retryCount"]) == (task["key"], 7)
    assert made(factory.api.put(f"/jobs/{job['id']}", json=job))["version"] == 2
    made(factory.api.put(f"/jobs/{job['id']}", json={**job, "tasks": [step(factory.task())]}))
    assert made(factory.api.put(f"/tasks/{task['id']}", json=renamed))["key"] == renamed["key"]


def test_what_runs_keeps_the_task_that_is_deleted(factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task))
    run = factory.launch(job)
    made(factory.api.put(f"/jobs/{job['id']}", json={"key": job["key"], "tasks": [step(factory.task())]}))
    made(factory.api.delete(f"/tasks/{task['id']}"))
    held = told(factory.poll(task))
    factory.report(held)
    assert factory.run(run)["status"] == "COMPLETED"


def test_the_list_is_newest_first_and_goes_on_by_page_or_cursor(factory: Factory) -> None:
    tasks = [factory.task()["id"] for _ in range(5)]
    first = told(factory.api.get("/tasks?size=2"))
    assert first.keys() == {"object", "data", "page", "size", "nextCursor"}
    assert (first["object"], first["page"], first["size"]) == ("list", 0, 2)
    assert [task["id"] for task in first["data"]] == tasks[:2:-1]
    by_page = told(factory.api.get("/tasks?size=2&page=1"))
    by_cursor = told(factory.api.get("/tasks", params={"size": 2, "cursor": first["nextCursor"]}))
    assert by_page["data"] == by_cursor["data"]
    assert [task["id"] for task in by_page["data"]] == tasks[2:0:-1]
    assert decoded(factory.api.get("/tasks"), Page[Task]).size == 10


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
def test_a_list_that_ends_says_so(factory: Factory, size: int) -> None:
    """Also when the last page is full: no page is empty."""
    job = factory.job(step(factory.task()))
    runs = [factory.launch(job)["id"] for _ in range(4)]
    seen: list[str] = []
    params: dict[str, Any] = {"jobId": job["id"], "size": size}
    while len(seen) < 10:
        page = told(factory.api.get("/job_executions", params=params))
        assert page["data"]
        seen += [run["id"] for run in page["data"]]
        if page["nextCursor"] is None:
            break
        params["cursor"] = page["nextCursor"]
    assert seen == runs[::-1]


def test_a_look_up_by_key(factory: Factory) -> None:
    task = factory.task()
    factory.task()
    for size in (1, 10):
        found = told(factory.api.get("/tasks", params={"key": task["key"], "size": size}))
        assert (found["data"], found["nextCursor"]) == ([task], None)
    assert told(factory.api.get("/tasks", params={"key": "no-such-key"}))["data"] == []
    assert told(factory.api.get("/tasks", params={"key": task["key"], "page": 1}))["data"] == []


BAD_PAGES = {
    "size=0": "size",
    "size=101": "size",
    "size=-1": "size",
    "size=ten": "size",
    "size=": "size",
    "size=1e1": "size",
    "size=99999999999999999999": "size",
    "page=-1": "page",
    "page=x": "page",
    "page=101&size=100": "page",
    "page=10001": "page",
    "cursor=": "cursor",
    "cursor=nonsense": "cursor",
    "cursor=%00": "cursor",
    f"cursor={NO_ID}0": "cursor",
    f"cursor={NO_ID}%0A": "cursor",
}
LISTS = ["/tasks", "/jobs", "/job_executions", "/pipelines", "/api_keys"]


@pytest.mark.parametrize("query", BAD_PAGES)
@pytest.mark.parametrize("path", LISTS)
def test_a_bad_page_is_told(api: httpx.Client, path: str, query: str) -> None:
    assert paths_of(refused(api.get(f"{path}?{query}"), 400, "invalid")) == {BAD_PAGES[query]}


@pytest.mark.parametrize("path", LISTS)
def test_nothing_comes_after_a_cursor_that_is_not_there(api: httpx.Client, path: str) -> None:
    page = told(api.get(f"{path}?cursor={NO_ID}"))
    assert (page["data"], page["nextCursor"]) == ([], None)


# -- the poll


@pytest.mark.parametrize("path", ["/tasks/{id}/poll", "/task/{id}/poll"])
def test_a_poll_hands_out_the_oldest_and_then_nothing(factory: Factory, path: str) -> None:
    task = factory.task(responseTimeoutSeconds=120)
    job = factory.job(step(task))
    runs = [factory.launch(job, n=n) for n in range(3)]
    path = path.replace("{id}", task["id"])
    for n, run in enumerate(runs):
        answer = factory.api.get(path)
        polled = told(answer)
        assert (polled["object"], polled["status"], polled["attempt"]) == ("task_execution", "IN_PROGRESS", 1)
        assert (polled["taskId"], polled["jobExecutionId"]) == (task["id"], run["id"])
        assert (polled["input"]["n"], polled["input"]["eventCorrelationId"]) == (n, run["id"])
        assert (polled["output"], polled["progress"], polled["failure"]) == ({}, None, None)
        execution = decoded(answer, TaskExecution)
        assert execution.lease is not None
        assert execution.lease_expires_at is not None and execution.started_at is not None
        assert (execution.lease_expires_at - execution.started_at).total_seconds() == 120
    refused(factory.api.get(path), 404, "nothing_to_do")


def test_only_the_worker_sees_the_lease(factory: Factory) -> None:
    _, run, held = factory.held()
    assert held["lease"] is not None
    assert told(factory.api.get(f"/task_executions/{held['id']}"))["lease"] is None
    assert [one["lease"] for one in factory.steps(run)] == [None]
    assert told(factory.report(held, "IN_PROGRESS"))["lease"] is None


def test_a_poll_of_a_task_that_is_not_there(api: httpx.Client) -> None:
    refused(api.get(f"/tasks/{NO_ID}/poll"), 404, "not_found")


def test_asking_for_the_head_of_a_poll_takes_nothing(factory: Factory) -> None:
    task, _ = factory.waiting()
    answer = factory.api.head(f"/tasks/{task['id']}/poll")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert told(factory.poll(task))["attempt"] == 1
