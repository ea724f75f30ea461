"""Files, over HTTP: as the platform has them, in any size, in parts, and each account's own."""

from __future__ import annotations

import hashlib
import os
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from data_factory.model.resources import File
from tests.api.contract import decoded
from tests.api.factory import SECRET, Factory, Json, made, new_key, paths_of, refused, step, told
from tests.running import KEY, Server, until

CONTENT = f"<prices>{SECRET}</prices>".encode()
NO_FILE = "0f" * 32


def upload(api: httpx.Client, content: bytes = CONTENT, name: str = "prices.xml", key: str | None = None) -> Json:
    headers = {"Idempotency-Key": key} if key else {}
    return made(api.post("/files", files={"file": (name, content, "text/xml")}, headers=headers))


def content_of(api: httpx.Client, file: Json, **headers: str) -> httpx.Response:
    return api.get(f"/files/{file['id']}/content", headers=headers)


def form(*parts: tuple[str, bytes], boundary: str = "b", end: str = "--\r\n") -> dict[str, Any]:
    """A form as it is written by hand."""
    body = b"".join(b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary.encode(), head.encode(), body) for head, body in parts)
    content_type = f"multipart/form-data; boundary={boundary}"
    return {"content": body + f"--{boundary}{end}".encode(), "headers": {"Content-Type": content_type}}


def part(name: str = "file", more: str = '; filename="a"') -> str:
    return f'Content-Disposition: form-data; name="{name}"{more}'


def test_a_file_is_uploaded_looked_up_and_downloaded(api: httpx.Client, server: Server) -> None:
    answer = api.post("/files", files={"file": ("prices.xml", CONTENT, "text/xml")})
    assert answer.status_code == 201
    file = decoded(answer, File)
    assert len(file.id) == 64
    assert (file.filename, file.content_type, file.size) == ("prices.xml", "text/xml", len(CONTENT))
    assert file.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert file.url == f"{server.address}/v1/data_factory/files/{file.id}/content"
    assert file.expires_at is not None
    assert (file.expires_at - file.created_at).days == 90
    assert told(api.get(f"/files/{file.id}")) == answer.json()
    downloaded = api.get(file.url)
    assert downloaded.content == CONTENT
    assert downloaded.headers["content-type"] == "text/xml"
    assert downloaded.headers["etag"] == f'"{file.sha256}"'


def test_what_was_uploaded_is_never_shown_as_a_page_of_ours(api: httpx.Client) -> None:
    file = made(api.post("/files", files={"file": ('é "1".html', b"<script>", "text/html")}))
    assert file["filename"] == 'é "1".html'
    headers = content_of(api, file).headers
    assert headers["content-disposition"].startswith('attachment; filename="_ _1_.html"; filename*=UTF-8')
    assert headers["content-disposition"].endswith("%C3%A9%20%221%22.html")
    assert (headers["x-content-type-options"], headers["content-security-policy"]) == ("nosniff", "sandbox")


@pytest.mark.parametrize(
    ("wanted", "begin", "end"),
    [("bytes=0-0", 0, 1), ("bytes=2-4", 2, 5), ("bytes=5-", 5, 10), ("bytes=-3", 7, 10), ("bytes=8-100", 8, 10)]
    + [
        (f"bytes=5-{10**20}", 5, 10),
        ("bytes=-100", 0, 10),
        ("Bytes = 1-2", None, None),
        ("bytes=1-2,4-5", None, None),
        ("rows=1-2", None, None),
    ]
    + [("bytes=4-2", None, None), ("bytes=-", None, None), ("bytes=a-b", None, None)],
)
def test_a_part_of_it(api: httpx.Client, wanted: str, begin: int | None, end: int | None) -> None:
    file = upload(api, b"0123456789")
    answer = content_of(api, file, Range=wanted)
    assert answer.content == b"0123456789"[begin:end]
    if begin is None:
        assert (answer.status_code, "content-range" in answer.headers) == (200, False)
    else:
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {begin}-{(end or 0) - 1}/10"


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=10-20", "bytes=-0", f"bytes={10**20}-"])
def test_a_part_that_it_does_not_have(api: httpx.Client, wanted: str) -> None:
    answer = content_of(api, upload(api, b"0123456789"), Range=wanted)
    refused(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == "bytes */10"


def test_the_rest_of_it_only_if_it_is_the_rest_of_the_same(api: httpx.Client) -> None:
    file = upload(api, b"0123456789")
    tag = content_of(api, file).headers["etag"]
    assert content_of(api, file, Range="bytes=5-", **{"If-Range": tag}).content == b"56789"
    assert content_of(api, file, Range="bytes=5-", **{"If-Range": '"another"'}).content == b"0123456789"


def test_nothing_is_sent_that_one_has_already(server: Server, api: httpx.Client) -> None:
    file = upload(api)
    path = f"/files/{file['id']}/content"
    with server.client() as plain:
        tag = plain.head(path).headers["etag"]
        for held, status in ((tag, 304), (f'"x", W/{tag}', 304), ("*", 304), ('"x"', 200)):
            answer = plain.get(path, headers={"If-None-Match": held})
            assert (answer.status_code, answer.content) == (status, b"" if status == 304 else CONTENT)
            assert answer.headers["etag"] == tag


def test_head_says_how_much_there_is(server: Server, api: httpx.Client) -> None:
    file = upload(api)
    with server.client() as plain:
        answer = plain.head(f"/files/{file['id']}/content")
        assert (answer.headers["content-length"], answer.content) == (str(len(CONTENT)), b"")


def test_a_file_may_be_empty(api: httpx.Client) -> None:
    file = upload(api, b"")
    assert (file["size"], content_of(api, file).content) == (0, b"")


def test_they_are_listed_newest_first(api: httpx.Client) -> None:
    files = [upload(api, name=f"{n}") for n in range(3)]
    page = told(api.get("/files", params={"size": 2}))
    assert page["data"] == [files[2], files[1]]
    assert told(api.get("/files", params={"size": 1, "cursor": page["nextCursor"]}))["data"] == [files[0]]


def test_a_file_is_deleted(api: httpx.Client) -> None:
    file = upload(api)
    assert made(api.delete(f"/files/{file['id']}")) == file
    for answer in (api.get(f"/files/{file['id']}"), content_of(api, file), api.delete(f"/files/{file['id']}")):
        refused(answer, 404, "not_found")


def test_a_request_that_is_repeated_brings_one_file(api: httpx.Client) -> None:
    key = new_key()
    first = upload(api, key=key)
    assert upload(api, key=key) == first
    again = api.post("/files", files={"file": ("prices.xml", b"other")}, headers={"Idempotency-Key": key})
    refused(again, 409, "idempotency_key_reused")


def test_another_account_neither_sees_nor_takes_anything(api: httpx.Client, stranger: httpx.Client) -> None:
    file = upload(api)
    path = f"/files/{file['id']}"
    for answer in (stranger.get(path), content_of(stranger, file), stranger.delete(path)):
        refused(answer, 404, "not_found")
    assert file["id"] not in {one["id"] for one in told(stranger.get("/files", params={"size": 100}))["data"]}
    theirs = upload(stranger)
    assert theirs["id"] != file["id"]
    assert theirs["sha256"] == file["sha256"]
    made(stranger.delete(f"/files/{theirs['id']}"))
    assert content_of(api, file).content == CONTENT


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        ({"json": {"file": "x"}}, None),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, None),
        ({"content": b"", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, None),
        ({"content": b"no form at all", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, None),
        (form((part("document"), b"x")), "file"),
        (form((part(), b"x"), (part(), b"y")), "file"),
        (form((part(), b"x"), end="\r\n"), None),
        (form((part(more=f'; filename="{"x" * 256}"'), b"")), "file.filename"),
        (form((part(more='; filename="a\tb"'), b"")), "file.filename"),
        (form((part("other", ""), b"x" * 1_100_000), (part(), b"")), None),
    ],
)
def test_what_is_wrong_is_told(api: httpx.Client, request_: Any, path: str | None) -> None:
    problem = refused(api.post("/files", **request_), 400, "invalid")
    assert paths_of(problem) == ({path} if path else set())


def test_a_form_may_have_other_parts_and_a_file_no_name_nor_type(api: httpx.Client) -> None:
    answer = api.post("/files", **form((part("note", ""), b"hello"), (part(more=""), b"content"), (part("z", ""), b"")))
    file = made(answer)
    assert (file["filename"], file["contentType"], file["size"]) == ("file", "application/octet-stream", 7)
    assert content_of(api, file).content == b"content"


@pytest.mark.parametrize(
    ("given", "name"), [(r"C:\reports\may.xlsx", "may.xlsx"), ("../../etc/passwd", "passwd"), ("..", "file")]
)
def test_a_name_has_no_folders(api: httpx.Client, given: str, name: str) -> None:
    escaped = given.replace("\\", "\\\\")
    file = made(api.post("/files", **form((part(more=f'; filename="{escaped}"'), b"x"))))
    assert file["filename"] == name


def test_who_calls_is_asked_before_anything_is_read(server: Server) -> None:
    address = urlsplit(server.address)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
        head = "POST /v1/data_factory/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        connection.sendall(f"{head}Content-Length: 1000000\r\nX-Api-Key: nobody's\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


def test_other_bodies_stay_as_small_as_they_were(api: httpx.Client) -> None:
    refused(api.post("/tasks", content=b" " * (10 * 1024 * 1024 + 1)), 413, "too_large")


def test_an_upload_that_is_cut_leaves_nothing(server: Server, api: httpx.Client) -> None:
    before, listed = on_the_disk(server), told(api.get("/files"))
    address = urlsplit(server.address)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
        head = "POST /v1/data_factory/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        connection.sendall(f"{head}Content-Length: 9000000\r\nX-Api-Key: {KEY}\r\n\r\n".encode())
        connection.sendall(f"--b\r\n{part()}\r\n\r\n".encode() + os.urandom(3_000_000))
        until(lambda: any(name.endswith(".part") for name in on_the_disk(server) - before), "some of it has come")
    until(lambda: on_the_disk(server) == before, "nothing of it is left")
    assert told(api.get("/files")) == listed


def on_the_disk(server: Server) -> set[str]:
    return {path.name for path in (server.directory / "files").rglob("*") if path.is_file()}


def test_a_file_that_a_job_uses_stays_and_is_not_deleted(api: httpx.Client, factory: Factory) -> None:
    file, task = upload(api), factory.task()
    value = {"url": file["url"], "filename": "x.xml"}
    job = factory.job(step(task, input={"rules": [{"file": value}]}))
    assert told(api.get(f"/files/{file['id']}"))["expiresAt"] is None
    problem = refused(api.delete(f"/files/{file['id']}"), 409, "file_in_use")
    assert job["key"] in problem["detail"]
    without = {"key": job["key"], "tasks": [step(task)], "pipelineId": job["pipelineId"]}
    made(api.put(f"/jobs/{job['id']}", json=without))
    assert told(api.get(f"/files/{file['id']}"))["expiresAt"] is None
    made(api.delete(f"/files/{file['id']}"))


def test_a_job_takes_hold_of_no_file_of_another_account(
    api: httpx.Client, stranger: httpx.Client, factory: Factory
) -> None:
    theirs = upload(stranger)
    job = {"key": new_key(), "tasks": [step(factory.task(), input={"file": {"url": theirs["url"]}})]}
    assert paths_of(refused(api.post("/jobs", json=job), 400, "invalid")) == {"tasks[0].input.file"}
    assert told(stranger.get(f"/files/{theirs['id']}")) == theirs
    made(stranger.delete(f"/files/{theirs['id']}"))


def test_a_job_names_no_file_that_is_not_there(api: httpx.Client, factory: Factory) -> None:
    file, task, gone = upload(api), factory.task(), {"url": f"/v1/data_factory/files/{'0' * 64}/content"}
    inner = {"name": "x", "taskReferenceName": "x", "type": "WAIT", "inputParameters": {"duration": 0, "a.b": [gone]}}
    loop = {"name": "l", "taskReferenceName": "l", "type": "DO_WHILE", "loopCondition": "false", "loopOver": [inner]}
    asks = [{"key": "f", "type": "FILE", "default": gone}]
    job: Json = {
        "key": new_key(),
        "userInputs": asks,
        "tasks": [step(task, input={"f": file}), loop],
        "output": {"f": gone},
    }
    paths = {"userInputs[0].default", 'tasks[1].loopOver[0].inputParameters["a.b"][0]', "output.f"}
    assert paths_of(refused(api.post("/jobs", json=job), 400, "invalid")) == paths
    job["title"] = 5
    assert paths_of(refused(api.post("/jobs", json=job), 400, "invalid")) == {"title", *paths}


def test_a_version_whose_file_is_gone_is_not_published_again(api: httpx.Client, factory: Factory) -> None:
    file, task = upload(api), factory.task()
    job = factory.job(step(task, input={"f": {"url": file["url"]}}))
    made(api.put(f"/jobs/{job['id']}", json={"key": job["key"], "tasks": [step(task)]}))
    made(api.delete(f"/files/{file['id']}"))
    problem = refused(api.post(f"/jobs/{job['id']}/versions/1/publish"), 400, "invalid")
    assert paths_of(problem) == {"tasks[0].input.f"}
    assert told(api.get(f"/jobs/{job['id']}"))["version"] == 2


def test_files_in_an_input_are_presented(api: httpx.Client, stranger: httpx.Client, factory: Factory) -> None:
    file, theirs = upload(api), upload(stranger)
    task = factory.task()
    job = factory.job(step(task))
    given = {"url": file["url"].replace("127.0.0.1", "factory.example"), "filename": "mine.xml"}
    other = {"url": theirs["url"], "filename": "theirs.xml"}
    run = factory.launch(job, prices=given, more=[{"deep": given}], other=other, text=file["url"])
    presented = {**file, **given}
    assert run["input"]["prices"] == presented == run["input"]["more"][0]["deep"]
    assert (run["input"]["other"], run["input"]["text"]) == (other, file["url"])
    [held] = factory.claim(task, wait=20)
    assert held["input"]["prices"] == presented
    assert set(presented) >= {"object", "id", "createdAt", "updatedAt", "url"}
