"""The versions of a job: listed, compared, and published again."""

from __future__ import annotations

from tests.api.factory import NO_ID, Factory, made, new_key, refused, step, told


def test_each_publication_is_a_version(factory: Factory) -> None:
    one, other = factory.task(), factory.task()
    job = factory.job(step(one), title="One")
    run = factory.launch(job)
    for title in ("Two", "Three"):
        made(factory.api.put(f"/jobs/{job['id']}", json={**job, "title": title, "tasks": [step(other)]}))
    versions = f"/jobs/{job['id']}/versions"
    page = told(factory.api.get(f"{versions}?size=2"))
    assert [(item["version"], item["isCurrent"], item["definition"]) for item in page["data"]] == [
        (3, True, None),
        (2, False, None),
    ]
    [first] = told(factory.api.get(versions, params={"cursor": page["nextCursor"]}))["data"]
    assert (first["version"], first["createdAt"], first["id"]) == (1, job["createdAt"], job["id"])
    assert [item["version"] for item in told(factory.api.get(f"{versions}?page=1&size=1"))["data"]] == [2]
    definition = told(factory.api.get(f"{versions}/1"))["definition"]
    assert (definition["title"], definition["tasks"]) == ("One", job["tasks"])

    again = made(factory.api.post(f"{versions}/1/publish"))
    assert (again["version"], again["title"], again["tasks"]) == (4, "One", job["tasks"])
    assert again["pipelineId"] == job["pipelineId"]
    assert told(factory.api.get(f"/job_executions/{run['id']}"))["jobVersion"] == 1
    assert len(factory.claim(one)) == 1
    assert factory.run(factory.launch(again))["jobVersion"] == 4


def test_what_has_changed(factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task, "a"), step(task, "b", input={"x": 1}))
    made(factory.api.put(f"/jobs/{job['id']}", json={**job, "tasks": [step(task, "b", input={"x": 2})]}))
    diff = told(factory.api.get(f"/jobs/{job['id']}/diff"))
    assert (diff["jobId"], diff["fromVersion"], diff["toVersion"], diff["more"]) == (job["id"], 1, 2, False)
    removed = {"kind": "removed", "path": "tasks[0]", "before": job["tasks"][0], "after": None}
    assert diff["changes"] == [removed, {"kind": "changed", "path": "tasks[0].input.x", "before": 1, "after": 2}]
    assert told(factory.api.get(f"/jobs/{job['id']}/diff?from=2&to=2"))["changes"] == []
    assert told(factory.api.get(f"/jobs/{job['id']}/diff?from=2&to=1"))["changes"][0]["kind"] == "added"
    steps = [step(task, f"t{n}") for n in range(1_001)]
    made(factory.api.put(f"/jobs/{job['id']}", json={**job, "tasks": steps}))
    diff = told(factory.api.get(f"/jobs/{job['id']}/diff"))
    assert (len(diff["changes"]), diff["more"]) == (1_000, True)


def test_a_version_that_is_not_valid_any_more_is_not_published_again(factory: Factory) -> None:
    gone, task = factory.task(), factory.task()
    job = factory.job(step(gone), status="ACTIVE")
    made(factory.api.put(f"/jobs/{job['id']}", json={**job, "status": "INACTIVE", "tasks": [step(task)]}))
    assert made(factory.api.post(f"/jobs/{job['id']}/versions/1/publish"))["status"] == "INACTIVE", "the status stays"
    made(factory.api.put(f"/jobs/{job['id']}", json={**job, "tasks": [step(task)]}))
    assert factory.api.delete(f"/tasks/{gone['id']}").status_code == 201
    problem = refused(factory.api.post(f"/jobs/{job['id']}/versions/1/publish"), 400, "invalid")
    assert problem["errors"][0]["path"] == "tasks[0].name"
    assert told(factory.api.get(f"/jobs/{job['id']}"))["version"] == 4


def test_what_is_not_there(factory: Factory) -> None:
    job = factory.job(step(factory.task()), key=new_key())
    for version in ("2", "0", "x", "-1", "999999999", "9999999999"):
        refused(factory.api.get(f"/jobs/{job['id']}/versions/{version}"), 404, "not_found")
        refused(factory.api.post(f"/jobs/{job['id']}/versions/{version}/publish"), 404, "not_found")
    for path in ("versions", "versions/1", "diff"):
        refused(factory.api.get(f"/jobs/{NO_ID}/{path}"), 404, "not_found")
    refused(factory.api.get(f"/jobs/{job['id']}/diff?from=7"), 404, "not_found")
    refused(factory.api.get(f"/jobs/{job['id']}/diff?to=x"), 400, "invalid")
