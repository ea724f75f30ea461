from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CommandLine, Desk


def write_job(folder: Path, definition: Any) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "job.json").write_text(definition if isinstance(definition, str) else json.dumps(definition))
    return str(folder)


def with_task(key: str, *tasks: str, **more: Any) -> dict[str, Any]:
    steps = [{"name": f"${{account}}/{task}", "taskReferenceName": f"t{n}"} for n, task in enumerate(tasks)]
    return {"key": key, "tasks": steps, **more}


def test_a_job_is_created_then_updated_by_its_key(cli: CommandLine, desk: Desk, tmp_path: Path) -> None:
    folder = write_job(tmp_path / "job", with_task("pushed", desk.task, schema="1.0"))
    created = cli("job", "push", folder)
    id = desk.api.jobs.find("pushed").id  # type: ignore[union-attr]
    assert created.out == f"Created the job pushed, version 1: {id}\n"
    assert "data-factory run pushed" in created.err
    assert cli("job", "push", f"{folder}/job.json").out == f"Updated the job pushed, version 2: {id}\n"
    assert cli("job", "push", folder, "--json").json["version"] == 3
    assert id in cli("job", "list").out
    for name in ("pushed", id):
        assert f"${{account}}/{desk.task}" in cli("job", "get", name).out
    assert cli("job", "get", "pushed", "--json").json["version"] == 3


def test_it_is_said_how_a_job_is_given_what_it_asks_for(cli: CommandLine, desk: Desk, tmp_path: Path) -> None:
    asked = [
        {"key": "source", "type": "FILE", "required": True},
        {"key": "n", "type": "NUMBER", "required": True},
        {"key": "note", "type": "TEXT"},
    ]
    folder = write_job(tmp_path / "job", with_task("asks", desk.task, userInputs=asked))
    assert cli("job", "push", folder).err.endswith("run asks --input source=@file --input n=value --wait\n")
    folder = write_job(tmp_path / "job", with_task("asks", desk.task, userInputs=asked[2:]))
    assert cli("job", "push", folder).err.endswith("run asks --wait\n")
    folder = write_job(tmp_path / "job", with_task("asks", desk.task))
    assert cli("job", "push", folder).err.endswith("run asks --input name=value --wait\n")


def test_pushing_leaves_a_job_where_it_was(cli: CommandLine, desk: Desk, tmp_path: Path) -> None:
    desk.api.jobs.update(desk.job_id, {**desk.definition, "pipelineId": desk.pipeline_id, "status": "INACTIVE"})
    folder = write_job(tmp_path / "job", desk.definition)
    job = cli("job", "push", folder, "--json").json
    assert (job["pipelineId"], job["status"]) == (desk.pipeline_id, "INACTIVE")
    elsewhere = desk.api.pipelines.create("elsewhere").id
    write_job(tmp_path / "job", {**desk.definition, "status": "ACTIVE"})
    job = cli("job", "push", folder, "--pipeline", elsewhere, "--json").json
    assert (job["pipelineId"], job["status"]) == (elsewhere, "ACTIVE")


def test_all_that_is_wrong_is_said_with_its_path(cli: CommandLine, desk: Desk, tmp_path: Path) -> None:
    job = with_task("wrong", desk.task, "not-there", "not-there", outputParameters={"a": "${t9.output}"})
    job["tasks"][0]["inputParameters"] = {"x": {"y": "${t1.output.z}"}}
    folder = write_job(tmp_path / "job", job)
    refused = cli("job", "push", folder, code=2)
    first, *errors = refused.err.splitlines()
    assert first.startswith(f"Error: {folder}/job.json is not valid (--create-tasks creates")
    assert [error.split(":")[0].strip() for error in errors] == [
        "tasks[0].inputParameters.x.y",
        "tasks[1].name",
        "tasks[2].name",
        "outputParameters.a",
    ]
    assert desk.api.jobs.find("wrong") is None


def test_missing_tasks_are_created_when_asked_for(cli: CommandLine, desk: Desk, tmp_path: Path) -> None:
    folder = write_job(tmp_path / "job", with_task("newcomer", desk.task, "new-one", "new-one", "new-two"))
    pushed = cli("job", "push", folder, "--create-tasks")
    assert pushed.out.startswith("Created the job newcomer, version 1: ")
    assert [line.split(":")[0] for line in pushed.err.splitlines()[:2]] == [
        "Created the task new-one",
        "Created the task new-two",
    ]
    assert "Created the task" not in cli("job", "push", folder, "--create-tasks").err


def test_no_task_is_created_for_a_job_that_is_wrong_otherwise(cli: CommandLine, desk: Desk, tmp_path: Path) -> None:
    job = with_task("half-right", "never-made", outputParameters={"a": "${t9.output}"})
    refused = cli("job", "push", write_job(tmp_path / "job", job), "--create-tasks", code=2)
    assert "outputParameters.a: " in refused.err
    assert "--create-tasks" not in refused.err
    assert desk.api.tasks.find("never-made") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n  "key": }', "is not JSON: line 2, column 10: Expecting value."),
        ('{"key": NaN}', "NaN is not a JSON number"),
        ("[]", "does not hold a JSON object"),
        ("\xff", "is not JSON: line 1, column 1"),
        ("{}", "key: is required"),
        ('{"key": 5, "tasks": "none"}', "tasks: expected an array, got a string"),
        ('\ufeff{"key": "bom"}', "tasks: is required"),
    ],
)
def test_a_file_that_is_no_job(cli: CommandLine, tmp_path: Path, text: str, words: str) -> None:
    assert words in cli("job", "push", write_job(tmp_path / "job", text), "--create-tasks", code=2).err


def test_a_folder_without_a_job(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli("job", "push", "empty", code=2).err == "Error: There is no job.json in empty.\n"
    (tmp_path / "empty/job.json").write_bytes(b"\xff")
    assert "is not JSON in UTF-8" in cli("job", "push", "empty", code=2).err


def test_an_id_wins_over_a_key_that_looks_like_one(cli: CommandLine, desk: Desk, tmp_path: Path) -> None:
    key = "0123456789abcdef01234567"
    cli("job", "push", write_job(tmp_path / "job", with_task(key, desk.task)))
    assert cli("job", "get", key, "--json").json["key"] == key
    impostor = with_task(desk.job_id, desk.task)
    cli("job", "push", write_job(tmp_path / "job", impostor))
    assert cli("job", "get", desk.job_id, "--json").json["id"] == desk.job_id
