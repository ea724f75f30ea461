"""A project that was just made: it passes its own tests, and runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data_factory.client import Client
from tests.standin.ours import KEY
from tests.worker.test_process import end, read_line


def command(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    own = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "PATH": os.environ["PATH"], **settings}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        check=False,
        cwd=folder,
        env=own,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_a_new_project_passes_its_tests_and_runs(tmp_path: Path, server: str, api: Client) -> None:
    made = command(tmp_path, "data_factory.cli", "init", "my-task")
    assert (made.returncode, "Made my-task" in made.stderr + made.stdout) == (0, True), made
    project = tmp_path / "my-task"
    tested = command(project, "pytest", "-q", "-W", "error", "-p", "no:schemathesis", "-p", "no:cacheprovider")
    assert "2 passed" in tested.stdout, tested.stdout
    settings = {"API_BASE_PATH": server, "API_ACCESS_TOKEN": KEY}
    worker = subprocess.Popen(
        [sys.executable, "-m", "data_factory.cli", "worker", "my_task", "--register"],
        cwd=project, env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with worker:
        try:
            read_line(worker.stderr, "running my-task")
            pushed = command(project, "data_factory.cli", "job", "push", "job", **settings)
            assert pushed.returncode == 0, pushed.stderr
            run = ("data_factory.cli", "run", "run-my-task", "--input", "power=10", "--wait")
            ran = command(project, *run, **settings)
            worker.send_signal(signal.SIGTERM)
            code, said = end(worker)
        finally:
            worker.kill()
    assert (ran.returncode, '"result": 1024' in ran.stdout) == (0, True), ran
    assert code == 0, said


@pytest.mark.parametrize(("name", "message"), [("2fast", "is no key of a task"), ("taken", "is not empty")])
def test_what_cannot_be_made_is_told(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    done = command(tmp_path, "data_factory.cli", "init", name)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_key_that_is_no_module_gets_one(tmp_path: Path) -> None:
    assert command(tmp_path, "data_factory.cli", "init", "import").returncode == 0
    assert (tmp_path / "import" / "import_task.py").exists()
