"""The types of the SDK, from a user's side, in both type checkers: what has to pass passes, what is wrong does not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

USES = Path(__file__).with_name("uses.py")
WRONG = {number for number, line in enumerate(USES.read_text().splitlines(), 1) if line.endswith("  # wrong")}


def mypy(folder: Path) -> set[int]:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(folder), USES.name]
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=200)
    found = {int(number) for number in re.findall(r"^uses\.py:(\d+): error:", done.stdout, re.MULTILINE)}
    assert done.stderr == ""
    return found


def pyright(folder: Path) -> set[int]:
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11", "include": [USES.name]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=200)
    told = json.loads(done.stdout)["generalDiagnostics"]
    return {one["range"]["start"]["line"] + 1 for one in told if one["severity"] == "error"}


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_what_users_write_is_checked_as_they_expect(tmp_path: Path, checker: object) -> None:
    """In a folder of its own, so that the settings of this project are not in the way."""
    (tmp_path / USES.name).write_text(USES.read_text())
    assert callable(checker)
    assert checker(tmp_path) == WRONG
