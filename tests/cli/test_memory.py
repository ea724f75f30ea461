"""The factory in memory, and the plugin that gives it to tests of users."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_factory import Fail, RetryLater, TaskContext, UserError, WorkerError, task
from data_factory.cli.memory import MemoryFactory
from data_factory.model.errors import DataFactoryError


@pytest.fixture
def memory() -> Iterator[MemoryFactory]:
    with MemoryFactory() as made:
        yield made


def job(*keys: str, **fields: Any) -> dict[str, Any]:
    tasks = [{"name": f"${{account}}/{key}", "taskReferenceName": key, **fields} for key in keys]
    return {"key": "a-job", "title": "A job", "tasks": tasks}


@task("power")
def power(power: int) -> dict[str, int]:
    return {"power": 2**power}


def test_a_job_runs_through_the_real_engine(memory: MemoryFactory) -> None:
    memory.use(power)
    definition = job("power")
    again = {
        **definition["tasks"][0],
        "taskReferenceName": "again",
        "inputParameters": {"power": "${power.output.power}"},
    }
    definition["tasks"].append(again)
    run = memory.run_job(definition, power=3)
    assert (run.status, run.output, run.failure) == ("COMPLETED", {"power": 256}, None)
    assert run.attempts == ["power 1 COMPLETED", "again 1 COMPLETED"]
    assert memory.run_job(definition, power=1).output == {"power": 4}


def test_time_passes_when_the_test_says_so(memory: MemoryFactory) -> None:
    seen: list[tuple[int, Any]] = []

    @task("flaky")
    def flaky(ctx: TaskContext) -> dict[str, Any]:
        seen.append((ctx.attempt, dict(ctx.previous)))
        ctx.save({"tries": len(seen)})
        if len(seen) == 1:
            raise RetryLater(3600)
        if len(seen) == 2:
            raise Fail("not yet")
        return {"done": True}

    memory.use(flaky, retry_count=1, retry_delay_seconds=300)
    run = memory.run_job(job("flaky"))
    memory.advance(minutes=59)
    assert (run.status, len(seen)) == ("RUNNING", 1)
    memory.advance(minutes=1)
    assert (run.status, len(seen)) == ("RUNNING", 2)
    memory.advance(299)
    assert len(seen) == 2
    memory.advance(1)
    assert (run.status, run.output) == ("COMPLETED", {"done": True})
    assert seen == [(1, {}), (1, {"tries": 1}), (2, {"tries": 2})]


def test_a_failure_is_told(memory: MemoryFactory) -> None:
    @task("refuses")
    def refuses() -> None:
        raise UserError("no such shop")

    memory.use(refuses)
    run = memory.run_job(job("refuses"))
    assert run.status == "USER_ERROR"
    assert run.failure is not None
    assert run.failure["message"] == "no such shop"


def test_what_is_wrong_is_said(memory: MemoryFactory) -> None:
    with pytest.raises(WorkerError, match="in a factory in memory a task has a key"):
        memory.use(task(lambda: None))
    with pytest.raises(DataFactoryError, match="unknown"):
        memory.run_job(job("unknown"))


TEST = """
from data_factory import task

@task("power")
def power(power: int) -> dict[str, int]:
    return {"result": 2**power}

def test_the_job(factory):
    factory.use(power)
    run = factory.run_job("job/", power=10)
    assert (run.status, run.output) == ("COMPLETED", {"result": 1024})

def test_another_factory_knows_nothing_of_it(factory):
    factory.use(power)
    assert factory.run_job("job/", power=1).attempts == ["power 1 COMPLETED"]
"""


def test_pytest_has_the_factory_by_itself(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "job.json").write_text(json.dumps(job("power")))
    (tmp_path / "test_power.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:schemathesis", "-p", "no:cacheprovider"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
