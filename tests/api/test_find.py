"""Find: what a criterion holds for, page by page, and what of one that makes no sense is said."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.contract import Contract
from tests.api.factory import NO_ID, Factory, made, new_key, paths_of, refused, step, told

Json = dict[str, Any]


@pytest.fixture(scope="module")
def things(api: httpx.Client) -> list[Json]:
    """Tasks that nobody else has, found by what their keys begin with."""
    word = new_key("find")
    descriptions = ("\u00c9t\u00e9 in Paris", "winter in PARIS", "")
    return [
        made(api.post("/tasks", json={"key": f"{word}-{number}", "description": text, "retryCount": number}))
        for number, text in enumerate(descriptions)
    ]


def of(things: list[Json], criterion: Json) -> Json:
    return {"type": "and", "queries": [starts_like(things), criterion]}


def starts_like(things: list[Json]) -> Json:
    return {"type": "startsWith", "field": "key", "value": things[0]["key"][:-1]}


OPERATORS: list[tuple[Json, list[int]]] = [
    ({"type": "eq", "field": "description", "value": "\u00e9T\u00c9 IN paris"}, [0]),
    ({"type": "eq", "field": "description", "value": "\u00e9T\u00c9 IN paris", "caseSensitive": True}, []),
    ({"type": "neq", "field": "retryCount", "value": 1}, [0, 2]),
    ({"type": "in", "field": "retryCount", "value": [0, 2.0, 7]}, [0, 2]),
    ({"type": "greater", "field": "retryCount", "value": 1}, [2]),
    ({"type": "greaterOrEqual", "field": "retryCount", "value": 1}, [1, 2]),
    ({"type": "lower", "field": "retryCount", "value": 1}, [0]),
    ({"type": "lowerOrEqual", "field": "retryCount", "value": 1}, [0, 1]),
    ({"type": "contains", "field": "description", "value": "in paris"}, [0, 1]),
    ({"type": "contains", "field": "description", "value": "PARIS", "caseSensitive": True}, [1]),
    ({"type": "startsWith", "field": "description", "value": "\u00e9t"}, [0]),
    ({"type": "search", "field": "description", "value": " paris  winter"}, [1]),
    ({"type": "exists", "field": "description"}, [0, 1, 2]),
    ({"type": "exists", "field": "description", "value": False}, []),
    ({"type": "greaterOrEqual", "field": "createdAt", "value": "2001-01-01T00:00:00+02:00"}, [0, 1, 2]),
    ({"type": "lower", "field": "createdAt", "value": "2001-01-01T00:00:00.000Z"}, []),
    ({"type": "eq", "field": "retryLogic", "value": "FIXED"}, [0, 1, 2]),
    ({"type": "or", "queries": [
        {"type": "eq", "field": "retryCount", "value": 0},
        {"type": "and", "queries": [
            {"type": "eq", "field": "retryCount", "value": 2}, {"type": "eq", "field": "description", "value": ""},
        ]},
    ]}, [0, 2]),
]  # fmt: skip


@pytest.mark.parametrize(("criterion", "numbers"), OPERATORS)
def test_an_operator(api: httpx.Client, things: list[Json], criterion: Json, numbers: list[int]) -> None:
    found = told(api.post("/tasks/find?size=100", json=of(things, criterion)))
    assert [one["id"] for one in found["data"]] == [things[number]["id"] for number in reversed(numbers)]
    assert found["nextCursor"] is None and "incomplete" not in found


WRONG: list[tuple[Any, str]] = [
    ({"type": "like", "field": "key", "value": "x"}, "type"),
    ({"type": "eq", "field": "colour", "value": "x"}, "field"),
    ({"type": "eq", "value": "x"}, "field"),
    ({"type": "eq", "field": "key"}, "value"),
    ({"type": "eq", "field": "key", "value": 1}, "value"),
    ({"type": "eq", "field": "retryCount", "value": True}, "value"),
    ({"type": "in", "field": "key", "value": []}, "value"),
    ({"type": "in", "field": "key", "value": ["x", 2]}, "value[1]"),
    ({"type": "contains", "field": "retryCount", "value": 1}, "type"),
    ({"type": "eq", "field": "retryLogic", "value": "fixed"}, "value"),
    ({"type": "greater", "field": "createdAt", "value": "yesterday"}, "value"),
    ({"type": "greater", "field": "createdAt", "value": "2026-01-01T00:00:00"}, "value"),
    ({"type": "exists", "field": "key", "value": 1}, "value"),
    ({"type": "and", "queries": []}, "queries"),
    ({"type": "or", "queries": [{"type": "eq", "field": "x", "value": 1}]}, "queries[0].field"),
    ({"type": "and", "queries": [{}]}, "queries[0].type"),
    ({"type": "and", "field": "key", "queries": [{"type": "exists", "field": "key"}]}, "field"),
    ({"type": "eq", "field": "key", "value": "x", "queries": []}, "queries"),
    ({"field": "key"}, "type"),
    ({"colour": "red"}, "colour"),
    ({"type": "or", "queries": [{"type": "exists", "field": "key"}] * 101}, ""),
]


@pytest.mark.parametrize(("criterion", "path"), WRONG)
def test_what_makes_no_sense_is_refused_with_its_path(api: httpx.Client, criterion: Any, path: str) -> None:
    assert path in paths_of(refused(api.post("/tasks/find", json=criterion), 400, "invalid"))


def test_it_is_sorted_by_any_field_and_read_by_cursor(api: httpx.Client, things: list[Json]) -> None:
    for query, numbers in (
        ("", [2, 1, 0]),
        ("&sortOrder=ASC", [0, 1, 2]),
        ("&sort=retryCount", [0, 1, 2]),
        ("&sort=retryCount&sortOrder=DESC", [2, 1, 0]),
        ("&sort=description&sortOrder=DESC", [0, 1, 2]),
    ):
        seen: list[str] = []
        cursor = ""
        while len(seen) < 4:
            page = told(api.post(f"/tasks/find?size=2{query}{cursor}", json=starts_like(things)))
            seen += [one["id"] for one in page["data"]]
            if page["nextCursor"] is None:
                break
            cursor = f"&cursor={page['nextCursor']}"
        assert seen == [things[number]["id"] for number in numbers], query
    second = told(api.post("/tasks/find?size=2&page=1", json=starts_like(things)))
    assert [one["id"] for one in second["data"]] == [things[0]["id"]]
    assert told(api.post(f"/tasks/find?cursor={NO_ID}&sort=key", json={}))["data"] == []
    assert paths_of(refused(api.get("/tasks?sort=colour"), 400, "invalid")) == {"sort"}
    assert paths_of(refused(api.get("/tasks?sortOrder=UP"), 400, "invalid")) == {"sortOrder"}
    for resource in ("tasks", "jobs", "variables"):
        assert "sort" in paths_of(refused(api.get(f"/{resource}?sort=colour&key=x"), 400, "invalid"))
    assert [one["id"] for one in told(api.get(f"/tasks?sort=key&key={things[1]['key']}"))["data"]] == [things[1]["id"]]
    keys = [one["key"].casefold() for one in told(api.get("/tasks?sort=key&size=100"))["data"]]
    assert keys == sorted(keys)


def test_job_executions_are_found_by_what_is_known_of_them(api: httpx.Client, factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task), slots=1)
    runs = [factory.launch(job) for _ in range(3)]
    told(api.post(f"/job_executions/{runs[1]['id']}/cancel"))
    of_job = {"type": "eq", "field": "jobId", "value": job["id"].upper()}

    def found(criterion: Json, query: str = "") -> list[int]:
        both = {"type": "and", "queries": [of_job, criterion]}
        data = told(api.post(f"/job_executions/find{query}", json=both))["data"]
        assert all(one == told(api.get(f"/job_executions/{one['id']}")) for one in data)
        return [[run["id"] for run in runs].index(one["id"]) for one in data]

    assert found({"type": "eq", "field": "status", "value": "TERMINATED"}) == [1]
    assert found({"type": "in", "field": "status", "value": ["PENDING", "RUNNING"]}) == [2, 0]
    assert found({"type": "neq", "field": "status", "value": "RUNNING"}, "?sortOrder=ASC") == [1, 2]
    assert found({"type": "exists", "field": "failure.code"}) == [1]
    assert found({"type": "contains", "field": "info.title", "value": runs[0]["info"]["title"]}) == [2, 1, 0]
    assert found({"type": "greaterOrEqual", "field": "createdAt", "value": runs[1]["createdAt"]})[:2] == [2, 1]
    assert found({"type": "lower", "field": "createdAt", "value": runs[0]["createdAt"]}) == []
    assert paths_of(refused(api.post("/job_executions/find?sort=status", json={}), 400, "invalid")) == {"sort"}
    listed = told(api.get(f"/job_executions?jobId={job['id']}&status=PENDING,TERMINATED"))["data"]
    assert [one["id"] for one in listed] == [runs[2]["id"], runs[1]["id"]]
    assert paths_of(refused(api.get("/job_executions?status=LOST"), 400, "invalid")) == {"status"}


def test_task_executions_of_many_job_executions_are_found(
    api: httpx.Client, stranger: httpx.Client, factory: Factory
) -> None:
    task, other = factory.task(), factory.task()
    job = factory.job(step(task), step(other, "second"))
    runs = [factory.launch(job) for _ in range(3)]
    done, failed = factory.claim(task, limit=2, workerId="one-of-mine")
    told(factory.report(done, output={"said": "x" * 100}))
    told(factory.report(failed, "FAILED_WITH_TERMINAL_ERROR", output={"message": "no paper"}))
    of_both = {"type": "in", "field": "taskId", "value": [task["id"], other["id"]]}
    path = "/task_executions/find"

    def found(criterion: Json, query: str = "") -> list[tuple[int, str, str]]:
        both = {"type": "and", "queries": [of_both, criterion]}
        data = told(api.post(f"{path}{query}", json=both))["data"]
        assert all(one == told(api.get(f"/task_executions/{one['id']}")) for one in data)
        numbers = {run["id"]: number for number, run in enumerate(runs)}
        return [(numbers[one["jobExecutionId"]], one["taskReferenceName"], one["status"]) for one in data]

    everything = {"type": "exists", "field": "id"}
    expected = [
        (2, "first", "SCHEDULED"),
        (1, "first", "FAILED_WITH_TERMINAL_ERROR"),
        (0, "second", "SCHEDULED"),
        (0, "first", "COMPLETED"),
    ]
    assert found(everything) == expected
    assert found(everything, "?sortOrder=ASC") == expected[::-1]
    assert found({"type": "eq", "field": "status", "value": "SCHEDULED"}) == expected[::2]
    assert found({"type": "eq", "field": "workerId", "value": "ONE-of-mine"}) == [expected[1], expected[3]]
    assert found({"type": "search", "field": "failure.message", "value": "paper"}) == [expected[1]]
    assert found({"type": "eq", "field": "jobExecutionId", "value": runs[0]["id"].upper()}) == expected[2:]
    assert found({"type": "greaterOrEqual", "field": "createdAt", "value": failed["createdAt"]})[:2] == expected[:2]
    for query, criterion in (("?sort=status", {}), ("", {"type": "eq", "field": "output", "value": "x"})):
        assert paths_of(refused(api.post(path + query, json=criterion), 400, "invalid")) <= {"sort", "field"}
    assert told(stranger.post(path, json=of_both))["data"] == []

    first = told(api.post(f"{path}?size=3", json=of_both))
    rest = told(api.post(f"{path}?size=3&cursor={first['nextCursor']}", json=of_both))
    assert [one["id"] for one in (*first["data"], *rest["data"])][-1] == done["id"]
    assert (len(rest["data"]), rest["data"][0]["lease"]) == (1, None)
    assert told(stranger.post(f"{path}?cursor={first['nextCursor']}"))["data"] == []


def test_logs_of_many_job_executions_are_found(api: httpx.Client, stranger: httpx.Client, factory: Factory) -> None:
    job, word = factory.job(step(factory.task())), new_key("word")
    runs = [factory.launch(job) for _ in range(3)]
    for number, (run, severity) in enumerate(((0, "error"), (2, "info"), (0, "info"), (2, "error"))):
        about = {"emitterName": "tests", "eventCorrelationId": runs[run]["id"]}
        made(api.post("/logs", json={**about, "severity": severity, "message": f"{word} {number}"}))
    mine = {"type": "search", "field": "message", "value": word.upper()}

    def found(criterion: Json, query: str = "") -> list[str]:
        answer = told(api.post(f"/logs/find{query}", json={"type": "and", "queries": [mine, criterion]}))
        return [one["message"].removeprefix(f"{word} ") for one in answer["data"]]

    assert found({"type": "exists", "field": "id"}) == ["3", "1", "2", "0"]
    assert found({"type": "eq", "field": "severity", "value": "error"}, "?sortOrder=ASC") == ["0", "3"]
    assert found({"type": "eq", "field": "eventCorrelationId", "value": runs[2]["id"]}) == ["3", "1"]
    assert paths_of(refused(api.post("/logs/find?sort=message", json=mine), 400, "invalid")) == {"sort"}
    assert told(stranger.post("/logs/find", json=mine))["data"] == []
    inside = told(api.post(f"/job_executions/{runs[0]['id']}/logs/find?sort=severity", json=mine))["data"]
    assert [one["severity"] for one in inside] == ["error", "info"]


def test_every_list_has_a_find(contract: Contract) -> None:
    """Save the timeline, of which nothing has an id."""
    paths = contract.document["paths"]
    lists = {
        path
        for path, methods in paths.items()
        if "get" in methods and any(one["name"] == "cursor" for one in methods["get"].get("parameters", ()))
    }
    assert len(lists) >= 19
    assert {path for path in lists if f"{path}/find" not in paths} == {"/v1/data_factory/job_executions/{id}/timeline"}


def test_what_is_of_one_thing_and_what_is_the_admin_s_is_found_too(
    api: httpx.Client, stranger: httpx.Client, factory: Factory
) -> None:
    job = factory.job(step(factory.task()))
    again = {"key": job["key"], "tasks": job["tasks"], "title": "another"}
    changed = made(api.put(f"/jobs/{job['id']}", json=again))
    run = factory.launch(job)
    key = made(api.post("/api_keys", json={"title": new_key("Key"), "role": "viewer"}))
    webhook = made(api.post("/webhooks", json={"url": "https://example.invalid/" + job["id"], "isActive": False}))
    delivery = told(api.post(f"/webhooks/{webhook['id']}/test"))
    guest = told(stranger.get("/accounts"))["data"][0]
    share = made(api.post(f"/jobs/{job['id']}/shares", json={"accountId": guest["id"]}))

    def found(path: str, type: str, field: str, value: Any, client: httpx.Client = api) -> list[Json]:
        criterion = {"type": type, "field": field, "value": value}
        page = told(client.post(f"{path}/find?size=100&sortOrder=DESC", json=criterion))
        assert page["nextCursor"] is None
        data: list[Json] = page["data"]
        return data

    versions = told(api.get(f"/jobs/{job['id']}/versions"))["data"]
    assert found(f"/jobs/{job['id']}/versions", "greater", "version", 1) == versions[:1]
    assert [one["version"] for one in versions] == [changed["version"], job["version"]]
    assert found(f"/jobs/{job['id']}/versions", "exists", "id", True) == versions
    assert found(f"/jobs/{job['id']}/shares", "eq", "accountId", guest["id"]) == [share]
    assert [one["id"] for one in found("/shared_jobs", "eq", "key", job["key"], stranger)] == [job["id"]]
    shown = {name: value for name, value in webhook.items() if name != "secret"}
    assert found("/webhooks", "contains", "url", job["id"]) == [shown]
    assert [one["id"] for one in found(f"/webhooks/{webhook['id']}/deliveries", "neq", "status", "FAILED")] == [
        delivery["id"]
    ]
    assert found(f"/job_executions/{run['id']}/webhooks", "exists", "id", True) == []
    (listed,) = found("/api_keys", "eq", "title", key["title"].upper())
    assert listed == {name: value for name, value in key.items() if name != "key"}
    assert [one["id"] for one in found("/accounts", "eq", "id", guest["id"])] == [guest["id"]]
    (deed,) = found("/audit", "eq", "objectId", job["id"])[:1]
    assert deed["objectId"] == job["id"]
    for path, hidden in (("/api_keys", "key"), ("/webhooks", "secret"), ("/accounts", "apiKey.key")):
        wrong = {"type": "exists", "field": hidden}
        assert paths_of(refused(api.post(f"{path}/find", json=wrong), 400, "invalid")) == {"field"}


def test_what_people_have_done_is_found_page_by_page(api: httpx.Client, factory: Factory) -> None:
    job = factory.job(step(factory.task()))
    for verb in ("pause", "resume", "pause"):
        told(api.post(f"/jobs/{job['id']}/schedule/{verb}"))
    of_job = {"type": "eq", "field": "objectId", "value": job["id"]}
    whole = told(api.post("/audit/find?size=100", json=of_job))["data"]
    assert len(whole) >= 4 and whole[0]["by"]["title"] == "DATA_FACTORY_API_KEY"
    seen: list[Json] = []
    cursor = ""
    while len(seen) < len(whole):
        page = told(api.post(f"/audit/find?size=1{cursor}", json=of_job))
        seen += page["data"]
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == whole == told(api.get(f"/audit?size=100&object={job['id']}"))["data"]
    by_key = {"type": "and", "queries": [of_job, {"type": "eq", "field": "by.origin", "value": "API"}]}
    assert told(api.post("/audit/find?size=100&sortOrder=ASC", json=by_key))["data"] == whole[::-1]


def test_every_list_can_be_searched(api: httpx.Client, stranger: httpx.Client, factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task))
    run = factory.launch(job)
    [claimed] = factory.claim(task)
    log = {"message": "half done", "emitterName": "it", "eventCorrelationId": run["id"]}
    made(api.post("/logs", json=log))
    for path, criterion in (
        ("/jobs", {"type": "eq", "field": "key", "value": job["key"]}),
        ("/pipelines", {"type": "eq", "field": "id", "value": job["pipelineId"]}),
        (f"/job_executions/{run['id']}/task_executions", {"type": "eq", "field": "id", "value": claimed["id"]}),
        (f"/job_executions/{run['id']}/logs", {"type": "search", "field": "message", "value": "HALF"}),
    ):
        assert len(told(api.post(f"{path}/find", json=criterion))["data"]) == 1, path
        theirs = stranger.post(f"{path}/find", json=criterion)
        assert theirs.status_code == 404 if run["id"] in path else told(theirs)["data"] == []
    for path in ("/projects", "/variables", "/files", "/job_executions", "/task_executions", "/logs"):
        told(api.post(f"{path}/find"))
    made(api.post("/variables", json={"key": new_key(), "value": "hush", "isSecret": True}))
    problem = refused(
        api.post("/variables/find", json={"type": "eq", "field": "value", "value": "hush"}), 400, "invalid"
    )
    assert paths_of(problem) == {"field"}
