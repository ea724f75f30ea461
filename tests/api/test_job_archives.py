"""Jobs published from ZIP archives."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import httpx
import pytest

from tests.api.factory import Factory, made, new_key, paths_of, refused, step, told


def zipped(job: Any, **assets: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("job.json", job if isinstance(job, str) else json.dumps(job))
        for name, content in assets.items():
            archive.writestr(f"assets/{name.replace('__', '.')}", content)
    return file.getvalue()


def send(factory: Factory, content: bytes, job: Any = None, **more: Any) -> httpx.Response:
    files = {"file": ("job.bundle.zip", content, "application/zip")}
    if job is None:
        return factory.api.post("/jobs/zip", files=files, **more)
    return factory.api.put(f"/jobs/{job['id']}/zip", files=files, **more)


def definition(factory: Factory, **input: Any) -> dict[str, Any]:
    return {"key": new_key("job"), "schema": "1.0", "tasks": [step(factory.task(), inputParameters=input)]}


def kept(factory: Factory) -> set[str]:
    return {file["id"] for file in told(factory.api.get("/files?size=100"))["data"]}


def test_what_a_job_names_is_kept_for_good(factory: Factory) -> None:
    given = definition(factory, style="file://assets/style.xslt", more=["@note.txt", "@nobody"])
    before = kept(factory)
    job = made(send(factory, zipped(given, style__xslt=b"<xslt/>", note__txt=b"note", unused=b"!")))
    input = job["tasks"][0]["input"]
    assert input["style"]["filename"] == "style.xslt"
    assert input["more"][1] == "@nobody"
    assert len(kept(factory) - before) == 2, "what nothing names is not kept"
    id = input["style"]["url"].split("/")[-2]
    file = told(factory.api.get(f"/files/{id}"))
    assert (file["expiresAt"], file["size"], file["filename"]) == (None, 7, "style.xslt")
    assert factory.api.get(f"/files/{id}/content").content == b"<xslt/>"
    refused(factory.api.delete(f"/files/{id}"), 409, "file_in_use")
    assert made(factory.api.put(f"/jobs/{job['id']}", json=job))["tasks"] == job["tasks"]


def test_the_next_version_keeps_what_has_not_changed(factory: Factory) -> None:
    pipeline, other = factory.pipeline(), factory.pipeline()
    given = definition(factory, a="@a.txt", b="@b.txt")
    job = made(send(factory, zipped(given, a__txt=b"a", b__txt=b"b"), params={"pipelineId": pipeline["id"]}))
    made(factory.api.put(f"/jobs/{job['id']}", json={**job, "status": "ACTIVE"}))
    before = kept(factory)
    next_one = made(send(factory, zipped(given, a__txt=b"a", b__txt=b"B"), job))
    assert (next_one["version"], next_one["pipelineId"], next_one["status"]) == (3, pipeline["id"], "ACTIVE")
    first, second = job["tasks"][0]["input"], next_one["tasks"][0]["input"]
    assert first["a"] == second["a"]
    assert first["b"]["url"] != second["b"]["url"]
    assert len(kept(factory) - before) == 1
    moved = made(send(factory, zipped({**given, "status": "INACTIVE"}), job, params={"pipelineId": other["id"]}))
    assert (moved["pipelineId"], moved["status"]) == (other["id"], "INACTIVE")


def test_of_a_job_that_is_wrong_nothing_is_kept(factory: Factory) -> None:
    given = definition(factory, a="@a.txt", b="file://assets/b.txt", c="${nobody.output}")
    given["colour"] = "red"
    before = kept(factory)
    problem = refused(send(factory, zipped(given, a__txt=b"a")), 400, "invalid")
    where = "tasks[0].inputParameters"
    assert paths_of(problem) == {"colour", f"{where}.b", f"{where}.c"}
    taken = {**definition(factory, a="@a.txt"), "key": factory.job(step(factory.task()))["key"]}
    refused(send(factory, zipped(taken, a__txt=b"a")), 409, "key_taken")
    hostile = io.BytesIO()
    with zipfile.ZipFile(hostile, "w") as archive:
        archive.writestr("job.json", json.dumps(definition(factory, a="@a.txt")))
        archive.writestr("assets/a.txt", b"a")
        archive.writestr("../../evil", b"!")
    assert paths_of(refused(send(factory, hostile.getvalue()), 400, "invalid")) == {"../../evil"}
    for nonsense in ("not JSON", "[]", '{"key": 1}'):
        refused(send(factory, zipped(nonsense)), 400, "invalid")
    refused(send(factory, b"not a zip"), 400, "invalid")
    refused(factory.api.post("/jobs/zip", json={}), 400, "invalid")
    refused(send(factory, zipped(given), {"id": "0" * 24}), 404, "not_found")
    assert kept(factory) == before


def test_an_asset_that_is_not_there_is_told_without_an_archive_too(factory: Factory) -> None:
    given = definition(factory, a="file://assets/a.txt", b="@b.txt")
    problem = refused(factory.api.post("/jobs", json=given), 400, "invalid")
    assert paths_of(problem) == {"tasks[0].inputParameters.a"}


def test_the_same_archive_twice_makes_one_job(factory: Factory) -> None:
    content = zipped(definition(factory, a="@a.txt"), a__txt=b"a")
    key = {"Idempotency-Key": new_key()}
    job = made(send(factory, content, headers=key))
    before = kept(factory)
    assert made(send(factory, content, headers=key)) == job
    assert kept(factory) == before
    refused(send(factory, zipped(definition(factory)), headers=key), 409, "idempotency_key_reused")


def test_a_worker_is_given_the_file(factory: Factory) -> None:
    task = factory.task()
    given = {"key": new_key(), "tasks": [step(task, inputParameters={"file": "@a.txt"})]}
    made_of_it = made(send(factory, zipped(given, a__txt=b"a"), params={"pipelineId": factory.pipeline()["id"]}))
    factory.launch(made_of_it)
    [held] = factory.claim(task)
    assert httpx.get(held["input"]["file"]["url"], headers=factory.api.headers).content == b"a"


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 300 + b"]" * 300])
def test_what_is_no_json_is_called_by_its_name(factory: Factory, content: bytes) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("job.json", content)
    problem = refused(send(factory, file.getvalue()), 400, "invalid")
    assert problem["message"].startswith("job.json ")
