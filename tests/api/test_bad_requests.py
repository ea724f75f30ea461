"""What is wrong with a request is told: all of it, each with its path, and nothing of our inside."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from data_factory.api.bodies import MAX_EXPLAINED_BYTES
from tests.api.factory import NO_ID, Factory, new_key, paths_of, refused, step, told
from tests.running import NO_TLS, Server

MANY = {
    "a task": (
        "POST",
        "/tasks",
        {"key": "no spaces", "retryCount": -1, "retryLogic": "ODD", "timeoutSeconds": "5", "inputKeys": [{}], "x": 1},
        {"key", "retryCount", "retryLogic", "timeoutSeconds", "inputKeys[0].key", "x"},
    ),
    "nothing of a task": ("POST", "/tasks", {}, {"key"}),
    "a task that is replaced": (
        "PUT",
        f"/tasks/{NO_ID}",
        {"responseTimeoutSeconds": 0, "y": None},
        {"key", "responseTimeoutSeconds", "y"},
    ),
    "a job": (
        "POST",
        "/jobs",
        {
            "key": "k" * 101,
            "schema": "2.0",
            "title": 5,
            "status": "GONE",
            "pipelineId": "main",
            "projectId": "p",
            "periodicity": [{}],
            "tasks": [{"name": "", "taskReferenceName": "a b", "type": "FANCY", "input": [], "z": 1}, 7],
        },
        {
            "key",
            "schema",
            "title",
            "status",
            "pipelineId",
            "projectId",
            "periodicity[0].cronExpression",
            "tasks[0].name",
            "tasks[0].taskReferenceName",
            "tasks[0].type",
            "tasks[0].input",
            "tasks[0].z",
            "tasks[1]",
        },
    ),
    "a job without tasks": ("POST", "/jobs", {"key": "k", "tasks": []}, {"tasks"}),
    "a launch": (
        "POST",
        "/job_executions",
        {"jobId": 7, "input": [], "info": {"title": 1, "colour": "red"}, "payload": {}},
        {"jobId", "input", "info.title", "info.colour", "payload"},
    ),
    "the time of a launch": (
        "POST",
        "/job_executions",
        {"jobId": "x", "startAt": "tomorrow", "priority": 5000},
        {"jobId", "startAt", "priority"},
    ),
    "a time with no zone": ("POST", "/job_executions", {"jobId": NO_ID, "startAt": "2026-11-30T06:00"}, {"startAt"}),
    "a purge": ("POST", "/job_executions/purge", {"olderThan": "1d\n", "limit": 0}, {"olderThan", "limit"}),
    "a part of a bulk": (
        "POST",
        "/job_executions/bulk",
        {"verb": "pause", "filter": {"type": "ne"}, "cursor": f"{NO_ID}\n"},
        {"filter.type", "cursor"},
    ),
    "a rerun": ("POST", f"/job_executions/{NO_ID}/rerun", {"version": 1, "force": True}, {"version", "force"}),
    "a cancel": ("POST", f"/job_executions/{NO_ID}/cancel", {"reason": 1, "force": True}, {"reason", "force"}),
    "a claim": (
        "POST",
        "/task_executions/claim",
        {"taskIds": ["x", NO_ID, 1], "limit": 0, "leaseSeconds": 86_401, "workerId": "w" * 201, "requestId": ""},
        {"taskIds[0]", "taskIds[2]", "limit", "leaseSeconds", "workerId", "requestId"},
    ),
    "a claim of nothing": ("POST", "/task_executions/claim", {"taskIds": []}, {"taskIds"}),
    "reports": (
        "POST",
        "/task_executions/report",
        {
            "reports": [
                {"id": "x", "status": "DONE"},
                {"status": "COMPLETED", "output": 1},
                {"id": NO_ID, "progress": {"ratio": 2}},
            ],
            "claim": {"limit": 1_001},
        },
        {
            "reports[0].id",
            "reports[0].status",
            "reports[1].id",
            "reports[1].output",
            "reports[2].status",
            "reports[2].progress.ratio",
            "claim.taskIds",
            "claim.limit",
        },
    ),
    "a report": (
        "PATCH",
        f"/task_executions/{NO_ID}",
        {"status": "CANCELED", "output": "x", "lease": 5},
        {"status", "output", "lease"},
    ),
    "a pipeline": ("POST", "/pipelines", {"title": "", "slots": 0, "isDefault": True}, {"title", "slots", "isDefault"}),
    "a key": ("POST", "/api_keys", {"title": None, "scope": "all"}, {"title", "scope"}),
    "a webhook": (
        "POST",
        "/webhooks",
        {"url": "ftp://example.com", "statuses": ["ENDED", 1], "jobIds": ["x", NO_ID], "isActive": 1, "secret": "mine"},
        {"url", "statuses[0]", "statuses[1]", "jobIds[0]", "isActive", "secret"},
    ),
    "nothing of a webhook": ("PUT", f"/webhooks/{NO_ID}", {}, {"url"}),
    "the webhook of a launch": (
        "POST",
        "/job_executions",
        {"jobId": NO_ID, "webhook": {"url": 1, "secret": "", "statuses": []}},
        {"webhook.url", "webhook.secret", "webhook.statuses"},
    ),
    "no object": ("POST", "/tasks", [1], {""}),
    "null": ("POST", "/tasks", ..., {""}),
    "a string": ("POST", "/tasks", "key", {""}),
}  # fmt: skip


@pytest.mark.parametrize("what", MANY)
def test_all_that_is_wrong_is_told_at_once(api: httpx.Client, what: str) -> None:
    method, path, body, paths = MANY[what]
    problem = refused(api.request(method, path, content=json.dumps(None if body is ... else body)), 400, "invalid")
    assert paths_of(problem) == paths
    assert all(error["message"] for error in problem["errors"])


def test_they_are_told_in_the_order_of_their_places(factory: Factory) -> None:
    given = {"key": new_key(), "tasks": [5] * 12}
    problem = refused(factory.api.post("/jobs", json=given), 400, "invalid")
    assert [error["path"] for error in problem["errors"]] == [f"tasks[{index}]" for index in range(12)]


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"key": new_key(), "retryCount": "3"}, "retryCount", "expected an integer, got a string"),
        ({"key": new_key(), "retryCount": -1}, "retryCount", "must be at least 0"),
        ({"key": new_key(), "description": "x" * 10_001}, "description", "its length must be at most 10000"),
    ],
)
def test_of_a_large_body_the_first_error_is_told_in_the_same_words(
    factory: Factory, body: dict[str, Any], path: str, message: str
) -> None:
    for filler in ("", " " * MAX_EXPLAINED_BYTES):
        problem = refused(factory.api.post("/tasks", content=json.dumps(body) + filler), 400, "invalid")
        assert problem["errors"] == [{"path": path, "message": message}]


@pytest.mark.parametrize(
    ("path", "paths"),
    [
        ("/jobs?jobid=5&SIZE=1", {"jobid", "SIZE"}),
        ("/jobs?page=x&size=0&cursor=y", {"page", "size", "cursor"}),
        ("/jobs?page=\u0661", {"page"}),
        ("/jobs?sort=colour&sortOrder=UP", {"sort", "sortOrder"}),
        ("/job_executions?status=FAILED,DONE&sort=status", {"sort"}),
        ("/job_executions?status=FAILED,DONE", {"status"}),
        (f"/jobs/{NO_ID}?size=1", {"size"}),
    ],
)
def test_all_that_is_wrong_with_a_query_is_told_at_once(api: httpx.Client, path: str, paths: set[str]) -> None:
    assert paths_of(refused(api.get(path), 400, "invalid")) == paths


def test_what_an_operator_may_be_is_told(api: httpx.Client) -> None:
    problem = refused(api.post("/jobs/find", json={"type": "ne", "field": "key", "value": "x"}), 400, "invalid")
    assert {"neq", "startsWith", "and", "or"} <= set(problem["message"].replace(",", "").split())


@pytest.mark.parametrize("end", ["\n", "\r\n", " ", "\u2028", "\x1c"])
def test_a_name_ends_where_it_ends(factory: Factory, end: str) -> None:
    refused(factory.api.post("/tasks", json={"key": new_key() + end}), 400, "invalid")
    task = factory.task()
    given = {"key": new_key() + end, "pipelineId": NO_ID + end, "tasks": [step(task, "first" + end)]}
    problem = refused(factory.api.post("/jobs", json=given), 400, "invalid")
    assert paths_of(problem) == {"key", "pipelineId", "tasks[0].taskReferenceName"}
    refused(factory.api.post("/task_executions/claim", json={"taskIds": [task["id"] + end]}), 400, "invalid")


BROKEN = {
    "nothing": b"",
    "space": b" ",
    "half": b'{"key":"a',
    "not JSON": b"key=a",
    "comma": b'{"key":"a",}',
    "twice": b'{"key":"a"}{"key":"b"}',
    "NaN": b'{"key":"a","retryCount":NaN}',
    "Infinity": b'{"key":"a","retryCount":-Infinity}',
    "too large a number": b'{"key":"a","retryCount":1e999}',
    "too long a number": b'{"key":"a","retryCount":' + b"1" * 4_301 + b"}",
    "too long a negative number": b'{"key":"a","retryCount":-' + b"1" * 4_300 + b"}",
    "lone surrogate": b'{"key":"a","description":"\\ud800"}',
    "lone low surrogate": b'{"key":"a","description":"x\\udc00x"}',
    "not UTF-8": b'{"key":"a","description":"\xff\xfe"}',
    "overlong UTF-8": b'{"key":"a","description":"\xc0\x80"}',
    "UTF-16": '{"key":"a"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"key":"a"}',
    "a control character": b'{"key":"a","description":"\x01"}',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "multipart": b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--x--\r\n',
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_not_json_is_told(api: httpx.Client, what: str) -> None:
    problem = refused(api.post("/tasks", content=BROKEN[what]), 400, "invalid")
    assert "JSON" in problem["message"]
    assert problem["errors"] == []


def test_nul_is_told_with_its_paths(factory: Factory) -> None:
    body = {"jobId": NO_ID, "input": {"a": ["x", "y\0"], "b\0": 1, "c": {"d": "\0"}}}
    problem = refused(factory.api.post("/job_executions", json=body), 400, "invalid")
    assert paths_of(problem) == {"input.a[1]", 'input["b\\u0000"]', "input.c.d"}
    fine = {"jobId": NO_ID, "input": {"a": "\\u0000"}}
    assert paths_of(refused(factory.api.post("/job_executions", json=fine), 400, "invalid")) == {"jobId"}


def test_a_million_errors_are_told_in_a_moment_and_in_part(api: httpx.Client) -> None:
    bodies: tuple[dict[str, Any], ...] = (
        {"reports": [1] * 1_000_000},
        {"reports": [{}] * 1_000_000},
        {"reports": ["\0"] * 1_000_000},
        {"reports": [{"id": NO_ID, "status": "COMPLETED"}] * 150_000},
        {f"field-{n}": 1 for n in range(300_000)},
    )
    for body in bodies:
        answer = api.post("/task_executions/report", content=json.dumps(body))
        problem = refused(answer, 400, "invalid")
        assert 1 <= len(problem["errors"]) <= 101  # a hundred, and that there are more
        assert problem["errors"][0]["message"]
        assert answer.elapsed.total_seconds() < 20


def test_depth_has_a_limit(factory: Factory) -> None:
    def nested(levels: int) -> bytes:
        return b'{"jobId":"%s","input":{"a":%s1%s}}' % (NO_ID.encode(), b"[" * levels, b"]" * levels)

    assert paths_of(refused(factory.api.post("/job_executions", content=nested(190)), 400, "invalid")) == {"jobId"}
    for levels in (201, 1_000, 100_000, 2_000_000):
        problem = refused(factory.api.post("/job_executions", content=nested(levels)), 400, "invalid")
        assert "levels" in problem["message"]


def test_size_has_a_limit(factory: Factory) -> None:
    fits = b'{"jobId":"%s","input":{"a":"%s"}}' % (NO_ID.encode(), b"x" * (10 * 1024 * 1024 - 100))
    assert paths_of(refused(factory.api.post("/job_executions", content=fits), 400, "invalid")) == {"jobId"}
    refused(factory.api.post("/job_executions", content=fits + b" " * 200), 413, "too_large")

    def in_chunks() -> Any:
        for _ in range(110):
            yield b" " * 100_000

    refused(factory.api.post("/job_executions", content=in_chunks()), 413, "too_large")


IDS = [
    "x",
    "0",
    "%00",
    "%0A",
    f"{NO_ID}%00",
    f"{NO_ID}%0A",
    "..%2F..%2Fetc",
    "%F0%9F%98%80",
    "%ff%fe",
    "'%20OR%201=1",
    "x" * 10_000,
]
PATHS = [
    ("GET", "/tasks/{id}"),
    ("PUT", "/tasks/{id}"),
    ("DELETE", "/tasks/{id}"),
    ("GET", "/tasks/{id}/poll"),
    ("GET", "/task/{id}/poll"),
    ("GET", "/jobs/{id}"),
    ("PUT", "/jobs/{id}"),
    ("GET", "/job_executions/{id}"),
    ("GET", "/job_executions/{id}/task_executions"),
    ("POST", "/job_executions/{id}/cancel"),
    ("POST", "/job_executions/{id}/rerun"),
    ("DELETE", "/job_executions/{id}"),
    ("GET", "/job_executions/{id}/retry"),
    ("POST", "/job_executions/{id}/retry"),
    ("GET", "/task_executions/{id}"),
    ("PATCH", "/task_executions/{id}"),
    ("GET", "/pipelines/{id}"),
    ("PUT", "/pipelines/{id}"),
    ("DELETE", "/api_keys/{id}"),
]  # fmt: skip


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_an_odd_id_is_of_nothing(server: Server, factory: Factory, method: str, path: str, id: str) -> None:
    bodies = {
        "/tasks/{id}": {"key": "k"},
        "/jobs/{id}": {"key": "k", "tasks": [{"name": "x", "taskReferenceName": "x"}]},
        "/task_executions/{id}": {"status": "COMPLETED"},
        "/pipelines/{id}": {"title": "t"},
    }
    body = bodies.get(path) if method in ("PUT", "PATCH") else None
    url = f"{server.address}/v1/data_factory{path.replace('{id}', id)}"
    answer = httpx.request(method, url, json=body, headers=factory.api.headers, verify=NO_TLS)
    refused(answer, 404, "not_found")


def test_an_id_followed_by_nul_is_not_that_id(server: Server, factory: Factory) -> None:
    task, run, held = factory.held()
    for path in (f"/tasks/{task['id']}", f"/job_executions/{run['id']}", f"/task_executions/{held['id']}"):
        told(factory.api.get(path))
        refused(httpx.get(f"{factory.api.base_url}{path[1:]}%00x", headers=factory.api.headers), 404, "not_found")
    assert told(factory.api.get("/tasks", params={"key": f"{task['key']}\0x"}))["data"] == []


# -- paths and methods


@pytest.mark.parametrize(
    "path", ["/nothing", "/tasks/a/b/c", "/v2", "/tasks//poll", "/jobs/x/nothing", "/Tasks", "/tasks/"]
)
def test_what_is_not_there(api: httpx.Client, path: str) -> None:
    refused(api.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/tasks", {"GET", "HEAD", "POST"}),
        ("PATCH", f"/tasks/{NO_ID}", {"GET", "HEAD", "PUT", "DELETE"}),
        ("POST", f"/tasks/{NO_ID}/poll", {"GET"}),
        ("HEAD", f"/tasks/{NO_ID}/poll", {"GET"}),
        ("DELETE", f"/jobs/{NO_ID}", {"GET", "HEAD", "PUT"}),
        ("OPTIONS", "/jobs", {"GET", "HEAD", "POST"}),
        ("TRACE", "/jobs", {"GET", "HEAD", "POST"}),
        ("GET", f"/job_executions/{NO_ID}/cancel", {"POST"}),
        ("PUT", f"/task_executions/{NO_ID}", {"GET", "HEAD", "PATCH"}),
        ("DELETE", "/task_executions/report", {"POST"}),
    ],
)
def test_a_method_that_is_not_there(api: httpx.Client, method: str, path: str, allowed: set[str]) -> None:
    answer = api.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed
    assert method == "HEAD" or answer.json()["code"] == "method_not_allowed"


def test_head_is_get_without_the_body(factory: Factory) -> None:
    task = factory.task()
    for path in ("/tasks", f"/tasks/{task['id']}", "/job_executions"):
        get, head = factory.api.get(path), factory.api.head(path)
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(get.content)))
    assert factory.api.head(f"/tasks/{NO_ID}").status_code == 404


# -- problem documents


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/problem+json"),
        ("*/*", "application/problem+json"),
        ("application/json", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/problem+json, application/json", "application/problem+json"),
        ("text/html", "application/problem+json"),
    ],
)
def test_the_media_type_of_a_problem(api: httpx.Client, accept: str | None, media_type: str) -> None:
    headers = {} if accept is None else {"Accept": accept}
    for answer in (
        api.get(f"/tasks/{NO_ID}", headers=headers),
        api.get("/nothing", headers=headers),
        api.delete("/tasks", headers=headers),
        api.post("/tasks", json={}, headers=headers),
        api.get("/tasks", headers={**headers, "X-Api-Key": "wrong"}),
    ):
        assert answer.headers["content-type"] == media_type
        problem = answer.json()
        told = {"type", "title", "status", "detail", "code", "message", "statusCode", "errors", "requestId"}
        assert problem.keys() == told
        assert problem["requestId"] == answer.headers["x-request-id"] != ""
        assert problem["status"] == answer.status_code


def test_no_refusal_shows_our_inside(api: httpx.Client) -> None:
    texts = [
        api.post("/tasks", content=b"{").text,
        api.get("/tasks?cursor='").text,
        api.get("/tasks/'").text,
        api.post("/jobs", json={"key": new_key(), "tasks": [{"name": "${", "taskReferenceName": "x"}]}).text,
        api.post("/task_executions/claim", json={"taskIds": [NO_ID]}).text,
    ]
    for text in texts:
        for inside in ("Traceback", "sqlite", "SELECT", ".py", "msgspec", "Struct", "/src/", "site-packages"):
            assert inside not in text
