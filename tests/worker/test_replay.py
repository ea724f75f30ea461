"""A failed execution, run again from the command line: its real input, our code, and nothing on the server changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data_factory import task
from tests.standin.ours import KEY
from tests.worker.clock import ManualClock
from tests.worker.conftest import Desk, make_worker, running

pytestmark = pytest.mark.anyio

PROGRAM = """
from data_factory import task

@task({key!r})
def divide(by: int) -> dict:
    return {{"result": {expression}}}

@task("another")
def another() -> None: ...
"""


async def failed_execution(server: str, desk: Desk, clock: ManualClock) -> str:
    @task(desk.key)
    def divide(by: int) -> dict[str, float]:
        return {"result": 1 / by}

    async with running(make_worker(server, divide, clock=clock)):
        execution_id = desk.launch(by=0)
        assert (await desk.ended(execution_id)).status == "FAILED"
    return str(desk.task_execution(execution_id).id)


def replay(folder: Path, server: str, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "data_factory.cli", "task", "replay", *arguments]
    settings = {"API_BASE_PATH": server, "API_ACCESS_TOKEN": KEY, "HOME": str(folder), "PATH": os.environ["PATH"]}
    return subprocess.run(
        command, check=False, cwd=folder, env=settings, input=typed, capture_output=True, text=True, timeout=60
    )


async def test_a_failed_execution_is_run_again_here(
    server: str, desk: Desk, clock: ManualClock, tmp_path: Path
) -> None:
    execution_id = await failed_execution(server, desk, clock)
    before = desk.api.task_executions.get(execution_id)
    (tmp_path / "tasks.py").write_text(PROGRAM.format(key=desk.key, expression="1 / by"))
    done = replay(tmp_path, server, execution_id, "tasks", "--debug", typed="p by\nq\n")
    assert done.returncode == 1
    assert json.JSONDecoder().raw_decode(done.stdout)[0] == {"message": 'Task failed "division by zero"'}
    assert "(Pdb) 0" in done.stdout
    assert "ZeroDivisionError" in done.stderr
    (tmp_path / "tasks.py").write_text(PROGRAM.format(key=desk.key, expression="'mended'"))
    mended = replay(tmp_path, server, execution_id, "./tasks.py")
    assert (mended.returncode, json.loads(mended.stdout)) == (0, {"result": "mended"})
    assert desk.api.task_executions.get(execution_id) == before


async def test_a_module_without_the_task_is_told(server: str, desk: Desk, clock: ManualClock, tmp_path: Path) -> None:
    execution_id = await failed_execution(server, desk, clock)
    (tmp_path / "tasks.py").write_text(PROGRAM.format(key="some-other", expression="1"))
    done = replay(tmp_path, server, execution_id, "tasks")
    assert done.returncode == 2
    assert f"tasks does not have the task {desk.key}" in done.stderr
