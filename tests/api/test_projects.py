"""Projects: folders for jobs, inside each other."""

from __future__ import annotations

from typing import Any

import httpx

from tests.api.factory import NO_ID, Factory, made, new_key, paths_of, refused, step, told


def project(api: httpx.Client, name: str, parent: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return made(api.post("/projects", json={"displayName": name, "parentId": parent and parent["id"], **more}))


def test_a_project_is_made_read_changed_and_deleted(api: httpx.Client) -> None:
    sales = project(api, "Sales")
    imports = project(api, "Imports", sales)
    assert imports == told(api.get(f"/projects/{imports['id']}"))
    assert (sales["depth"], imports["depth"], imports["parentId"]) == (0, 1, sales["id"])
    assert [one["id"] for one in told(api.get("/projects?size=2"))["data"]] == [imports["id"], sales["id"]]
    renamed = told(api.patch(f"/projects/{imports['id']}", json={"displayName": "Supplies", "status": "INACTIVE"}))
    assert renamed | {"updatedAt": ""} == imports | {"displayName": "Supplies", "status": "INACTIVE", "updatedAt": ""}
    replaced = made(api.put(f"/projects/{imports['id']}", json=renamed | {"parentId": None}))
    assert (replaced["depth"], replaced["parentId"], replaced["status"]) == (0, None, "INACTIVE")
    assert made(api.put(f"/projects/{imports['id']}", json={"displayName": "Again"}))["status"] == "ACTIVE"
    assert made(api.delete(f"/projects/{imports['id']}"))["displayName"] == "Again"
    refused(api.delete(f"/projects/{imports['id']}"), 404, "not_found")


def test_what_is_not_empty_is_not_deleted_and_it_says_why(api: httpx.Client, factory: Factory) -> None:
    outer = project(api, "outer")
    inner = project(api, "the inner one", outer)
    job = factory.job(step(factory.task()), projectId=outer["id"])
    assert job["projectId"] == outer["id"]
    problem = refused(api.delete(f"/projects/{outer['id']}"), 409, "project_not_empty")
    assert repr(job["key"]) in problem["message"] and "'the inner one'" in problem["message"]
    assert made(api.put(f"/jobs/{job['id']}", json=job | {"projectId": inner["id"]}))["projectId"] == inner["id"]
    silent = {name: value for name, value in job.items() if name != "projectId"}
    assert made(api.put(f"/jobs/{job['id']}", json=silent))["projectId"] == inner["id"]
    again = made(api.post(f"/jobs/{job['id']}/versions/1/publish"))
    assert again["projectId"] == inner["id"] and again["version"] == 4
    refused(api.delete(f"/projects/{inner['id']}"), 409, "project_not_empty")
    assert made(api.put(f"/jobs/{job['id']}", json=job | {"projectId": None}))["projectId"] is None
    made(api.delete(f"/projects/{inner['id']}"))
    made(api.delete(f"/projects/{outer['id']}"))


def test_a_project_moves_with_all_that_is_in_it_but_not_into_itself(api: httpx.Client) -> None:
    a, other = project(api, "a"), project(api, "other")
    b = project(api, "b", a)
    c = project(api, "c", b)
    told(api.patch(f"/projects/{a['id']}", json={"parentId": other["id"]}))
    assert [told(api.get(f"/projects/{one['id']}"))["depth"] for one in (a, b, c)] == [1, 2, 3]
    for inside in (a, b, c):
        refused(api.patch(f"/projects/{a['id']}", json={"parentId": inside["id"]}), 409, "project_misplaced")
    told(api.patch(f"/projects/{b['id']}", json={"parentId": None}))
    assert [told(api.get(f"/projects/{one['id']}"))["depth"] for one in (a, b, c)] == [1, 0, 1]


def test_how_deep_they_may_be_is_bounded(api: httpx.Client) -> None:
    line = [project(api, "0")]
    for depth in range(1, 10):
        line.append(project(api, str(depth), line[-1]))
    refused(api.post("/projects", json={"displayName": "10", "parentId": line[-1]["id"]}), 409, "project_misplaced")
    top = project(api, "top")
    refused(api.patch(f"/projects/{line[0]['id']}", json={"parentId": top["id"]}), 409, "project_misplaced")
    assert told(api.patch(f"/projects/{line[1]['id']}", json={"parentId": top["id"]}))["depth"] == 1


def test_what_is_wrong_is_refused_with_its_path(api: httpx.Client, stranger: httpx.Client, factory: Factory) -> None:
    theirs = project(stranger, "theirs")
    for parent in (NO_ID, "\0", theirs["id"]):
        assert paths_of(refused(api.post("/projects", json={"displayName": "x", "parentId": parent}), 400, "invalid"))
    for wrong in ({}, {"displayName": ""}, {"displayName": 1}, {"displayName": "x", "colour": "red"}):
        refused(api.post("/projects", json=wrong), 400, "invalid")
    mine = project(api, "mine")
    problem = refused(api.patch(f"/projects/{mine['id']}", json={"parentId": theirs["id"]}), 400, "invalid")
    assert paths_of(problem) == {"parentId"}
    definition = {"key": new_key(), "tasks": [step(factory.task())], "projectId": theirs["id"], "pipelineId": NO_ID}
    assert paths_of(refused(api.post("/jobs", json=definition), 400, "invalid")) == {"projectId", "pipelineId"}


def test_it_is_made_once_however_often_it_is_asked_for(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": new_key()}
    one, other = (made(api.post("/projects", json={"displayName": "once"}, headers=headers)) for _ in range(2))
    assert one == other
    refused(api.post("/projects", json={"displayName": "x"}, headers=headers), 409, "idempotency_key_reused")
