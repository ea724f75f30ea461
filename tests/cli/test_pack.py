"""The folder of a job as an archive, and published from one."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from data_factory.client import BadRequest
from tests.cli.conftest import CommandLine, Desk


def folder_with(place: Path, job: Any, **files: str) -> Path:
    folder = place / "job"
    for name, content in {"job.json": json.dumps(job), **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def test_a_folder_is_packed_without_what_is_ignored(tmp_path: Path, stranger: CommandLine) -> None:
    files = {
        "README.md": "# job",
        "assets/a.xml": "<a/>",
        "assets/TESTS/in.json": "{}",
        "assets/TESTS/keep.json": "{}",
        "notes/b.log": "",
        ".git/config": "",
        "old.bundle.zip": "",
        ".jobignore": "assets/TESTS/*\n!assets/TESTS/keep.json\n*.log\n# nothing else\n",
    }
    folder = folder_with(tmp_path, {"key": "j"}, **files)
    said = stranger("job", "pack", str(folder))
    archive = stranger.folder / "job.bundle.zip"
    assert said.out == f"Packed 4 files, {archive.stat().st_size} bytes: job.bundle.zip\n"
    assert names(archive) == ["README.md", "assets/TESTS/keep.json", "assets/a.xml", "job.json"]
    inside = folder / "mine.zip"
    shown = stranger("job", "pack", str(folder), "-o", str(inside), "--json").json
    assert shown == {"file": str(inside), "size": inside.stat().st_size, "entries": names(archive)}
    (folder / "job.json").touch()
    stranger("job", "pack", str(folder), "-o", str(inside))
    assert inside.read_bytes() == archive.read_bytes(), "the same content is the same archive"


def test_what_cannot_be_packed(tmp_path: Path, stranger: CommandLine) -> None:
    folder = folder_with(tmp_path, {"key": "j"})
    (folder / "link").symlink_to("/etc/passwd")
    assert "link is a link" in stranger("job", "pack", str(folder), code=2).err
    (folder / ".jobignore").write_text("link")
    assert "cannot be written" in stranger("job", "pack", str(folder), "-o", "no/such/place.zip", code=2).err
    (folder / "job.json").write_text("{,}")
    assert "is not JSON: line 1" in stranger("job", "pack", str(folder), code=2).err
    (folder / "job.json").unlink()
    assert "There is no job.json" in stranger("job", "pack", str(folder), code=2).err
    assert not list(stranger.folder.glob("*.zip*"))


def test_a_folder_with_assets_is_published_with_them(tmp_path: Path, cli: CommandLine, desk: Desk) -> None:
    job: Any = {**desk.definition, "key": f"{desk.job}-assets"}
    job["tasks"][0]["inputParameters"] = {"a": "file://assets/a.xml"}
    folder = folder_with(tmp_path, job, **{"assets/a.xml": "<a/>", "assets/b.xml": "<b/>"})
    assert cli("job", "validate", str(folder)).out == f"{folder}/job.json is valid.\n"
    assert cli("job", "push", str(folder)).out.startswith(f"Created the job {job['key']}, version 1: ")
    cli("job", "pack", str(folder))
    pushed = cli("job", "push", "job.bundle.zip", "--pipeline", desk.pipeline_id, "--json").json
    assert (pushed["version"], pushed["pipelineId"]) == (2, desk.pipeline_id)
    assert desk.api.files.read(pushed["tasks"][0]["input"]["a"]) == b"<a/>"
    (folder / "assets/a.xml").unlink()
    for command in ("validate", "push"):
        refused = cli("job", command, str(folder), code=2)
        assert "tasks[0].inputParameters.a: there is no assets/a.xml" in refused.err
    (tmp_path / "bad.zip").write_bytes(b"no")
    assert "not a ZIP archive" in cli("job", "push", str(tmp_path / "bad.zip"), code=2).err
    assert "cannot be read" in cli("job", "push", str(tmp_path / "nothing.zip"), code=2).err


def test_missing_tasks_are_created_for_an_archive_too(tmp_path: Path, cli: CommandLine, desk: Desk) -> None:
    new = f"{desk.task}-new"
    job = {"key": f"{desk.job}-new", "tasks": [{"name": f"${{account}}/{new}", "taskReferenceName": "t"}]}
    folder = folder_with(tmp_path, job, **{"assets/a.xml": "<a/>"})
    assert f"Created the task {new}" in cli("job", "push", str(folder), "--create-tasks").err


def test_the_client_publishes_archives(tmp_path: Path, cli: CommandLine, desk: Desk) -> None:
    job = {**desk.definition, "key": f"{desk.job}-client"}
    cli("job", "pack", str(folder_with(tmp_path, job)))
    archive = cli.folder / "job.bundle.zip"
    made = desk.api.jobs.create_from_zip(archive, pipeline_id=desk.pipeline_id)
    assert (made.version, made.pipeline_id) == (1, desk.pipeline_id)
    assert desk.api.jobs.update_from_zip(made.id, archive.read_bytes()).version == 2
    with pytest.raises(BadRequest):
        desk.api.jobs.update_from_zip(made.id, b"no")
