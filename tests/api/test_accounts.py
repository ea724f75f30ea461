"""Who may do what: keys, and two accounts that see nothing of each other."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from data_factory.model.resources import ApiKey, Page
from tests.api.contract import Contract, decoded
from tests.api.factory import NO_ID, Factory, made, new_key, paths_of, refused, step, told
from tests.running import KEY, NO_TLS, Server

NOBODY: dict[str, dict[str, str]] = {
    "no key": {},
    "an empty key": {"X-Api-Key": ""},
    "a wrong key": {"X-Api-Key": "wrong"},
    "almost the key": {"X-Api-Key": KEY + " x"},
    "half the key": {"X-Api-Key": KEY[:-1]},
    "the key in upper case": {"X-Api-Key": KEY.upper()},
    "a key of a mile": {"X-Api-Key": "k" * 10_000},
    "bytes": {"X-Api-Key": "\xff\xfe"},
    "bearer without a token": {"Authorization": "Bearer"},
    "a wrong bearer": {"Authorization": "Bearer wrong"},
    "basic": {"Authorization": "Basic " + KEY},
    "the key alone": {"Authorization": KEY},
}


@pytest.mark.parametrize("who", NOBODY)
def test_who_has_no_key_gets_nothing(server: Server, who: str) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in NOBODY[who].items()]
    for request in ("GET /tasks", "POST /tasks", f"GET /tasks/{NO_ID}/poll", f"DELETE /api_keys/{NO_ID}"):
        method, path = request.split()
        answer = httpx.request(
            method, f"{server.address}/v1/data_factory{path}", headers=headers, content=b"{", verify=NO_TLS
        )
        problem = refused(answer, 401, "unauthorized")
        assert "X-Api-Key" in answer.headers["www-authenticate"]
        assert KEY not in str(problem)


def test_every_operation_asks_for_a_key(server: Server, contract: Contract) -> None:
    for path, methods in contract.document["paths"].items():
        for method in methods:
            answer = httpx.request(method, server.address + path.replace("{id}", NO_ID), verify=NO_TLS)
            refused(answer, 401, "unauthorized")


def test_the_key_may_come_as_a_bearer_token(server: Server) -> None:
    url = f"{server.address}/v1/data_factory/tasks"
    for authorization in (f"Bearer {KEY}", f"bearer {KEY}", f"BEARER  {KEY}"):
        told(httpx.get(url, headers={"Authorization": authorization}))
    refused(httpx.get(url, headers={"Authorization": f"Bearer {KEY}", "X-Api-Key": "wrong"}), 401, "unauthorized")


@pytest.mark.parametrize(
    "path", ["/health/live", "/health/ready", "/openapi.json", "/docs", "/docs/assets/swagger-ui.css"]
)
def test_these_need_no_key(server: Server, path: str) -> None:
    assert httpx.get(server.address + path).status_code == 200


# -- keys


def test_a_key_is_shown_once_works_and_is_revoked_at_once(server: Server, api: httpx.Client) -> None:
    answer = api.post("/api_keys", json={"title": "laptop"})
    key = made(answer)
    assert decoded(answer, ApiKey).key == key["key"]
    assert key["key"].startswith(key["prefix"]) and len(key["key"]) > 40
    listed = told(api.get("/api_keys?size=1"))
    assert listed["data"] == [{name: value for name, value in key.items() if name != "key"}]
    assert decoded(api.get("/api_keys"), Page[ApiKey]).data[0].key is None
    with server.client(key["key"]) as mine:
        told(mine.get("/tasks"))
        told(mine.get("/tasks"))
        revoked = made(api.delete(f"/api_keys/{key['id']}"))
        assert revoked == listed["data"][0]
        refused(mine.get("/tasks"), 401, "unauthorized")
    refused(api.delete(f"/api_keys/{key['id']}"), 404, "not_found")
    assert key["id"] not in [one["id"] for one in told(api.get("/api_keys?size=100"))["data"]]


def test_a_key_can_end_itself(server: Server, api: httpx.Client) -> None:
    key = made(api.post("/api_keys", json={"title": "short-lived"}))
    with server.client(key["key"]) as mine:
        made(mine.delete(f"/api_keys/{key['id']}"))
        refused(mine.get("/tasks"), 401, "unauthorized")


def test_no_key_can_be_taken_for_that_of_the_environment(api: httpx.Client) -> None:
    problem = refused(api.post("/api_keys", json={"title": "DATA_FACTORY_API_KEY"}), 400, "invalid")
    assert paths_of(problem) == {"title"}


def test_the_environment_may_go_back_to_an_older_key(tmp_path: Any) -> None:
    one, other = "the-first-key-of-all", "the-second-key-of-all"
    server = Server(tmp_path / "data")
    for key, gone in ((one, other), (other, one), (one, other), (one, other)):
        server.key = key
        with server:
            with server.client() as mine:
                told(mine.get("/tasks"))
                assert len(told(mine.get("/api_keys"))["data"]) == 1
            with server.client(gone) as old:
                refused(old.get("/tasks"), 401, "unauthorized")


# -- two accounts


@pytest.fixture(scope="module")
def theirs(api: httpx.Client) -> dict[str, Any]:
    """One of everything, of the first account."""
    factory = Factory(api)
    task = factory.task()
    job = factory.job(step(task))
    held_run, waiting_run = factory.launch(job), factory.launch(job)
    [held] = factory.claim(task)
    [waiting] = factory.steps(waiting_run)
    key = made(api.post("/api_keys", json={"title": "theirs"}))
    file = made(api.post("/files", files={"file": ("theirs.csv", b"1,2")}))
    variable = made(api.post("/variables", json={"key": new_key("theirs"), "value": "theirs"}))
    owner = next(one for one in told(api.get("/accounts?size=100"))["data"] if one["title"] == "default")
    webhook = made(api.post("/webhooks", json={"url": "https://example.invalid/", "isActive": False}))
    delivery = told(api.post(f"/webhooks/{webhook['id']}/test"))
    return {
        "task": task, "job": job, "pipeline": told(api.get(f"/pipelines/{job['pipelineId']}")), "run": held_run,
        "waiting run": waiting_run, "held": held, "waiting": waiting, "key": key,
        "file": file, "variable": variable, "webhook": webhook, "delivery": delivery,
        "project": made(api.post("/projects", json={"displayName": "theirs"})),
        "owner": owner,
    }  # fmt: skip


REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/tasks/{task}", None),
    ("PUT", "/tasks/{task}", {"key": "mine"}),
    ("DELETE", "/tasks/{task}", None),
    ("GET", "/tasks/{task}/poll", None),
    ("GET", "/task/{task}/poll", None),
    ("GET", "/jobs/{job}", None),
    ("PUT", "/jobs/{job}", {"key": "mine", "tasks": [{"name": "${account}/x", "taskReferenceName": "x"}]}),
    ("PUT", "/jobs/{job}/zip", None),
    ("GET", "/jobs/{job}/versions", None),
    ("GET", "/jobs/{job}/versions/1", None),
    ("POST", "/jobs/{job}/versions/1/publish", None),
    ("GET", "/jobs/{job}/diff?from=1", None),
    ("GET", "/jobs/{job}/schedule", None),
    ("PUT", "/jobs/{job}/schedule", {"periodicity": []}),
    ("POST", "/jobs/{job}/schedule/pause", None),
    ("POST", "/jobs/{job}/schedule/resume", None),
    ("GET", "/pipelines/{pipeline}", None),
    ("PUT", "/pipelines/{pipeline}", {"title": "mine", "slots": 1}),
    ("GET", "/job_executions/{run}", None),
    ("GET", "/job_executions/{run}/task_executions", None),
    ("GET", "/job_executions/{run}/why", None),
    ("GET", "/job_executions/{run}/timeline", None),
    ("GET", "/job_executions/{run}/report", None),
    ("GET", "/job_executions/{run}/logs", None),
    ("POST", "/job_executions/{run}/cancel", {"reason": "mine"}),
    ("POST", "/job_executions/{run}/rerun", {}),
    ("DELETE", "/job_executions/{run}", None),
    ("POST", "/job_executions/{run}/task_executions/find", {}),
    ("POST", "/job_executions/{run}/logs/find", {}),
    ("POST", "/job_executions/{run}/webhooks/find", {}),
    ("POST", "/jobs/{job}/versions/find", {}),
    ("POST", "/jobs/{job}/shares/find", {}),
    ("POST", "/webhooks/{webhook}/deliveries/find", {}),
    ("GET", "/job_executions/{run}/retry", None),
    ("POST", "/job_executions/{run}/retry", {}),
    ("POST", "/job_executions/{run}/pause", {"reason": "mine"}),
    ("POST", "/job_executions/{run}/resume", None),
    ("POST", "/pipelines/{pipeline}/pause", None),
    ("POST", "/pipelines/{pipeline}/resume", None),
    ("POST", "/task_executions/{waiting}/skip", {"output": {}}),
    ("GET", "/task_executions/{held}", None),
    ("PATCH", "/task_executions/{held}", {"status": "COMPLETED"}),
    ("PATCH", "/task_executions/{held}", {"status": "IN_PROGRESS"}),
    ("PATCH", "/task_executions/{waiting}", {"status": "SCHEDULED"}),
    ("POST", "/task_executions/claim", {"taskIds": ["{task}"]}),
    ("POST", "/task_executions/report", {"reports": [], "claim": {"taskIds": ["{task}"]}}),
    ("GET", "/files/{file}", None),
    ("GET", "/files/{file}/content", None),
    ("DELETE", "/files/{file}", None),
    ("GET", "/variables/{variable}", None),
    ("PUT", "/variables/{variable}", {"key": "mine"}),
    ("DELETE", "/variables/{variable}", None),
    ("GET", "/projects/{project}", None),
    ("PUT", "/projects/{project}", {"displayName": "mine"}),
    ("PATCH", "/projects/{project}", {"displayName": "mine"}),
    ("DELETE", "/projects/{project}", None),
    ("DELETE", "/api_keys/{key}", None),
    ("GET", "/webhooks/{webhook}", None),
    ("PUT", "/webhooks/{webhook}", {"url": "https://example.com/mine"}),
    ("POST", "/webhooks/{webhook}/rotate", None),
    ("POST", "/webhooks/{webhook}/test", None),
    ("GET", "/webhooks/{webhook}/deliveries", None),
    ("GET", "/job_executions/{run}/webhooks", None),
    ("POST", "/webhook_deliveries/{delivery}/resend", None),
    ("DELETE", "/webhooks/{webhook}", None),
    ("GET", "/jobs/{job}/shares", None),
    ("POST", "/jobs/{job}/shares", {"accountId": NO_ID}),
    ("DELETE", "/jobs/{job}/shares/{owner}", None),
    ("GET", "/accounts/{owner}", None),
    ("PUT", "/accounts/{owner}", {"title": "mine"}),
    ("POST", "/accounts/{owner}/disable", None),
    ("POST", "/accounts/{owner}/enable", None),
    ("POST", "/accounts/{owner}/api_keys", {"title": "mine"}),
]


def filled(text: str, theirs: dict[str, Any]) -> str:
    for name, resource in theirs.items():
        text = text.replace("{%s}" % name, resource["id"])
    return text


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_what_is_another_s_is_not_there(
    stranger: httpx.Client, theirs: dict[str, Any], method: str, path: str, body: Any
) -> None:
    """The answer is the same, letter by letter, as for what nobody has."""
    nobodys = {name: {"id": NO_ID} for name in theirs}
    answers = []
    for world in (theirs, nobodys):
        sent = None if body is None else {name: swap(value, world) for name, value in body.items()}
        answer = stranger.request(method, filled(path, world), json=sent)
        refused(answer, 404, "not_found")
        told_of = re.sub(r'"requestId":"[^"]*"', "", answer.text)
        answers.append(told_of.replace(world["task"]["id"], "").replace(next(iter_ids(path, world)), ""))
    assert answers[0] == answers[1]


def swap(value: Any, world: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return filled(value, world)
    if isinstance(value, list):
        return [swap(item, world) for item in value]
    if isinstance(value, dict):
        return {name: swap(item, world) for name, item in value.items()}
    return value


def iter_ids(path: str, world: dict[str, Any]) -> Any:
    yield from (resource["id"] for name, resource in world.items() if "{%s}" % name in path)
    yield NO_ID


def test_every_operation_with_an_id_was_tried(contract: Contract) -> None:
    tried = {(method, re.sub(r"{\w+}", "{id}", path).partition("?")[0]) for method, path, _ in REQUESTS}
    for path, methods in contract.document["paths"].items():
        for method in methods:
            if "{id}" in path:
                path = path.removeprefix("/v1/data_factory").replace("{version}", "1").replace("{account}", "{id}")
                assert (method.upper(), path) in tried


def test_what_is_another_s_cannot_be_used(stranger: httpx.Client, theirs: dict[str, Any]) -> None:
    run = {"jobId": theirs["job"]["id"]}
    assert paths_of(refused(stranger.post("/job_executions", json=run), 400, "invalid")) == {"jobId"}
    below = {"displayName": "mine", "parentId": theirs["project"]["id"]}
    assert paths_of(refused(stranger.post("/projects", json=below), 400, "invalid")) == {"parentId"}
    for verb in ("cancel", "pause", "rerun", "retry", "delete"):
        assert told(stranger.post("/job_executions/bulk", json={"verb": verb, "filter": {}}))["data"] == []
    mine = Factory(stranger)
    task = mine.task()
    given = {"key": new_key(), "tasks": [step(task)], "pipelineId": theirs["pipeline"]["id"]}
    assert paths_of(refused(stranger.post("/jobs", json=given), 400, "invalid")) == {"pipelineId"}
    given = {"key": new_key(), "tasks": [step(theirs["task"])]}
    assert paths_of(refused(stranger.post("/jobs", json=given), 400, "invalid")) == {"tasks[0].name"}
    results = told(
        stranger.post(
            "/task_executions/report", json={"reports": [{"id": theirs["held"]["id"], "status": "COMPLETED"}]}
        )
    )
    assert [verdict["code"] for verdict in results["results"]] == ["not_found"]


def test_lists_are_of_one_account(stranger: httpx.Client, theirs: dict[str, Any]) -> None:
    ids = {resource["id"] for resource in theirs.values()}
    for path in (
        "/tasks",
        "/jobs",
        "/job_executions",
        "/pipelines",
        "/api_keys",
        "/audit",
        "/accounts",
        "/shared_jobs",
    ):
        for query in (
            "",
            f"&cursor={theirs['task']['id']}",
            f"&jobId={theirs['job']['id']}",
            f"&key={theirs['task']['key']}",
        ):
            answer = stranger.get(f"{path}?size=100{query}")
            if answer.status_code == 400:  # a list that has no such parameter
                assert "is not a parameter that is known here" in answer.text
                continue
            page = told(answer)
            assert ids.isdisjoint(one.get("objectId", one["id"]) for one in page["data"])
            if path == "/tasks" and "cursor" in query:
                assert page["data"] == []


def test_what_is_found_is_of_one_account(stranger: httpx.Client, theirs: dict[str, Any], contract: Contract) -> None:
    """Every find of a whole account, from anywhere: also from where another account's find goes on."""
    ids = {resource["id"] for resource in theirs.values()}
    paths = [path for path in contract.document["paths"] if path.endswith("/find") and "{id}" not in path]
    assert len(paths) >= 14
    mine = Factory(stranger)
    mine.launch(mine.job(step(mine.task())))
    for path in paths:
        short = path.removeprefix("/v1/data_factory")
        for cursor in ("", *(f"&cursor={id}" for id in sorted(ids))):
            for criterion in ({}, *({"type": "eq", "field": "id", "value": id} for id in sorted(ids))):
                page = told(stranger.post(f"{short}?size=100{cursor}", json=criterion))
                assert ids.isdisjoint(one.get("objectId", one["id"]) for one in page["data"])
                if cursor and short != "/shared_jobs/find":  # it goes on after what was shared, and is no more
                    assert (page["data"], page["nextCursor"]) == ([], None)
                assert not criterion or page["data"] == []
    of_run = {"type": "eq", "field": "jobExecutionId", "value": theirs["run"]["id"]}
    for short in ("/task_executions/find", "/logs/find"):
        page = told(stranger.post(short, json=of_run))
        assert (page["data"], page["nextCursor"]) == ([], None)


def test_keys_and_idempotency_keys_of_two_accounts_do_not_meet(api: httpx.Client, stranger: httpx.Client) -> None:
    body, headers = {"key": new_key()}, {"Idempotency-Key": new_key()}
    one = made(api.post("/tasks", json=body, headers=headers))
    other = made(stranger.post("/tasks", json=body, headers=headers))
    assert one["id"] != other["id"]


def test_nothing_happened_to_what_was_tried(api: httpx.Client, theirs: dict[str, Any]) -> None:
    factory = Factory(api)
    assert told(api.get(f"/tasks/{theirs['task']['id']}")) == theirs["task"]
    assert told(api.get(f"/jobs/{theirs['job']['id']}")) == theirs["job"]
    assert told(api.get(f"/pipelines/{theirs['pipeline']['id']}")) == theirs["pipeline"]
    assert factory.run(theirs["run"])["status"] == factory.run(theirs["waiting run"])["status"] == "RUNNING"
    assert told(api.get(f"/task_executions/{theirs['held']['id']}"))["updatedAt"] == theirs["held"]["updatedAt"]
    assert theirs["key"]["id"] in [one["id"] for one in told(api.get("/api_keys?size=100"))["data"]]
