"""A job is checked without a server, in the words of the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest

from data_factory.cli.positions import line_of, lines_of
from data_factory.cli.validating import findings
from data_factory.model.job_schema import job_schema
from tests.cli.conftest import CommandLine, Desk
from tests.docs.page import ROOT
from tests.running import KEY, Server

WRONG = """{
  "$schema": "http://127.0.0.1:8080/schemas/job.json",
  "schema": "1.0",
  "key": "no spaces",
  "colour": "red",
  "userInputs": [
    {"key": "a", "type": "TEXT"},
    {"key": "a", "type": "SELECT"}
  ],
  "tasks": [
    {
      "name": "${account}/task",
      "taskReferenceName": "one",
      "inputParameters": {
        "a.b": "${two.output}", "c": "${workflow.inputs.c}"
      }
    },
    {"taskReferenceName": "one"}
  ]
}
"""


def test_what_is_wrong_has_its_line(tmp_path: Path, stranger: CommandLine) -> None:
    (tmp_path / "job.json").write_text(WRONG)
    said = stranger("job", "validate", str(tmp_path), code=2)
    first, *errors = said.err.splitlines()
    assert first == f"Error: {tmp_path}/job.json is not valid:"
    assert len(errors) == 8
    assert "  line 5, colour: is not a field that is known here" in errors
    shown = stranger("job", "validate", f"{tmp_path}/job.json", "--json", code=2).json
    assert shown["valid"] is False
    assert {(error["path"], error["line"]) for error in shown["errors"]} == {
        ("colour", 5),
        ("key", 4),
        ("userInputs[1].key", 8),
        ("userInputs[1].options", 8),
        ('tasks[0].inputParameters["a.b"]', 15),
        ("tasks[0].inputParameters.c", 15),
        ("tasks[1].name", 18),
        ("tasks[1].taskReferenceName", 18),
    }


def test_the_server_says_the_same(server: Server) -> None:
    headers = {"X-Api-Key": KEY}
    with httpx.Client(base_url=f"{server.address}/v1/data_factory", headers=headers) as api:
        assert api.post("/tasks", json={"key": "task"}).status_code in (201, 409)
        problem = api.post("/jobs", content=WRONG).json()
    said = [(error.path, error.message) for error in findings(WRONG.encode())]
    assert [(error["path"], error["message"]) for error in problem["errors"]] == said


def test_a_job_that_is_fine(tmp_path: Path, stranger: CommandLine, desk: Desk) -> None:
    (tmp_path / "job.json").write_text("\ufeff" + json.dumps(desk.definition))
    assert stranger("job", "validate", str(tmp_path)).out == f"{tmp_path}/job.json is valid.\n"
    assert stranger("job", "validate", str(tmp_path), "--json").json == {"valid": True, "errors": []}
    assert "cannot be read" in stranger("job", "validate", str(tmp_path / "nothing"), code=2).err


@pytest.mark.parametrize(
    ("text", "line"),
    [(b'{\n"key": 1,\n}', 3), (b"", 1), (b"\xff", None), (b"[" * 5_000 + b"]" * 5_000, None), (b'{"a": NaN}', None)],
)
def test_what_is_not_json(text: bytes, line: int | None) -> None:
    [finding] = findings(text)
    assert (finding.path, finding.line) == ("", line)


def test_a_job_that_is_no_object_at_all() -> None:
    assert [finding.line for finding in findings(b"\n\n[1]")] == [3] * len(findings(b"\n\n[1]")) != []


def test_the_line_of_what_is_not_there_is_that_of_what_holds_it() -> None:
    lines = lines_of('{\n"a": [\n{"b": "}\\"{"},\n[\n1]],\n"c d": null}')
    assert lines == {"": 1, "a": 2, "a[0]": 3, "a[0].b": 3, "a[1]": 4, "a[1][0]": 5, '["c d"]': 6}
    assert [line_of(lines, path) for path in ("a[1][0]", "a[0].x.y", "a[1][7].z", "nobody", '["c d"]')] == [
        5,
        3,
        4,
        1,
        6,
    ]


JOBS = sorted((ROOT / "examples").glob("**/job.json"))


def valid(job: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(job_schema()).is_valid(job))


def test_the_schema_is_served_and_printed(server: Server, stranger: CommandLine) -> None:
    served = httpx.get(f"{server.address}/schemas/job.json")
    assert served.headers["content-type"] == "application/schema+json"
    assert served.headers["access-control-allow-origin"] == "*"
    assert served.json() == stranger("job", "schema").json == json.loads(msgspec.json.encode(job_schema()))


def test_the_schema_tells_right_from_wrong() -> None:
    jsonschema.Draft202012Validator.check_schema(job_schema())
    assert JOBS
    for job in JOBS:
        assert valid(json.loads(job.read_text())), job
    assert not valid(json.loads(WRONG))
    assert not valid({"key": "a", "tasks": []})


def test_an_editor_has_words_for_every_field() -> None:
    schema = job_schema()
    structs = {"job.json": schema, **{name: schema["$defs"][name] for name in ("UserInputBody", "UserInputOptionBody")}}
    for name, struct in structs.items():
        for field, about in struct["properties"].items():
            assert about.get("description"), f"{name}.{field}"


TWICE = (
    '{"key": "a", "tasks": [\n{"name": "x", "name": "y", "description": {"b": [], "b": 1}}], "key": "b", "key": "c"}'
)


def test_a_member_that_is_there_twice_is_told_wherever_a_job_comes_from(
    tmp_path: Path, cli: CommandLine, server: Server
) -> None:
    told = {
        ("key", "is there 3 times"),
        ("tasks[0].name", "is there twice"),
        ("tasks[0].description.b", "is there twice"),
    }
    assert {(one.path, one.message) for one in findings(TWICE.encode())} == told
    assert next(one.line for one in findings(TWICE.encode()) if one.path == "tasks[0].name") == 2
    with httpx.Client(base_url=server.address, headers={"X-Api-Key": KEY}) as api:
        answer = api.post("/v1/data_factory/jobs", content=TWICE)
    assert answer.status_code == 400
    assert {(one["path"], one["message"]) for one in answer.json()["errors"]} == told
    (tmp_path / "job.json").write_text(TWICE)
    for words in (("validate",), ("push",), ("pack", "--output", str(tmp_path / "x.zip"))):
        said = cli("job", words[0], str(tmp_path), *words[1:], code=2).err
        assert "tasks[0].name: is there twice" in said


def test_a_language_is_a_code(tmp_path: Path) -> None:
    job = {"key": "a", "titleLocal": {"eng": "A", "english": "A", "e.n": "A"}, "tasks": []}
    told = {one.path: one.message for one in findings(json.dumps(job).encode())}
    assert told["titleLocal.english"] == "A language is three letters of ISO 639: `eng`, `fra`, `deu`"
    assert told.keys() == {"titleLocal.english", 'titleLocal["e.n"]', "tasks"}
