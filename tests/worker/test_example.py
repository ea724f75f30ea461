"""Whoever follows the README of the example gets to 1024."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.docs.page import ROOT, read_page
from tests.docs.reader import Reader

EXAMPLE = ROOT / "examples" / "power"


def test_a_reader_can_follow_the_six_steps(tmp_path: Path) -> None:
    folder = tmp_path / "power"
    shutil.copytree(
        EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".env", ".data-factory", "*.answer.*")
    )
    Reader(read_page(EXAMPLE / "README.md"), folder).read()


def test_the_job_is_the_one_of_the_founding_document() -> None:
    job = json.loads((EXAMPLE / "job" / "job.json").read_text(encoding="utf-8"))
    assert job["tasks"][0]["name"] == "${account}/example-task"
    assert job["tasks"][0]["inputParameters"] == {}


def test_the_settings_are_the_three_of_the_founding_document() -> None:
    lines = (EXAMPLE / ".env.example").read_text(encoding="utf-8").splitlines()
    names = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
    assert names == ["API_BASE_PATH", "API_ACCESS_TOKEN", "TASK_DEFINITION_ID"]
