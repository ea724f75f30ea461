"""The command line as its users have it: a process of its own, against a real server, in a folder of its own."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from data_factory.client import Client
from data_factory.model.requests import ProgressBody, TaskExecutionPatch
from data_factory.model.resources import TaskExecution
from tests.running import COMMAND, KEY, Server, running_server

_numbers = itertools.count(1)


class CommandLine:
    """Runs `data-factory` as a user of whom nothing is known but these variables."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / ".config"),
            "TZ": "UTC",
            **variables,
        }

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Begin to run a command."""
        return subprocess.Popen(
            [COMMAND, *words],
            cwd=self.folder,
            env=self.variables | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, code: int = 0, stdin: str = "", **variables: str) -> Said:
        """Run a command to its end, which has to be this one."""
        with self.start(*words, **variables) as process:
            out, err = process.communicate(stdin, timeout=200)
        assert process.returncode == code, f"{words} ended with {process.returncode}:\n{out}{err}"
        return Said(out, err)


class Said:
    """What a command printed."""

    def __init__(self, out: str, err: str) -> None:
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        """Standard output, which has to be one JSON document."""
        return json.loads(self.out)


class Desk:
    """A task, a job that runs it in a pipeline of its own, and a worker that is told what to do."""

    def __init__(self, api: Client, **definition: Any) -> None:
        number = next(_numbers)
        self.api = api
        self.task = f"task-{number}"
        self.job = f"job-{number}"
        self.task_id = api.tasks.create({"key": self.task, **definition}).id
        self.pipeline_id = api.pipelines.create(f"pipeline {number}", slots=10).id
        step = {"name": f"${{account}}/{self.task}", "taskReferenceName": "task", "inputParameters": {}}
        self.definition = {"schema": "1.0", "key": self.job, "title": "Run my task", "tasks": [step]}
        self.job_id = api.jobs.create({**self.definition, "pipelineId": self.pipeline_id}).id

    def launch(self, **input: Any) -> str:
        return self.api.job_executions.launch(self.job_id, input).id

    def claim(self) -> TaskExecution:
        (execution,) = self.api.task_executions.claim([self.task_id], wait=20, worker_id="the-worker").data
        return execution

    def report(
        self, execution: TaskExecution, status: Any, progress: ProgressBody | None = None, **output: Any
    ) -> None:
        patch = TaskExecutionPatch(status=status, lease=execution.lease, output=output, progress=progress)
        self.api.task_executions.patch(execution.id, patch)

    def complete(self, **output: Any) -> None:
        """Do the work of a worker, once."""
        self.report(self.claim(), "COMPLETED", **output)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


@pytest.fixture(scope="session")
def api(server: Server) -> Iterator[Client]:
    with Client(server.address, KEY) as client:
        yield client


@pytest.fixture
def cli(server: Server, tmp_path: Path) -> CommandLine:
    """The command line of a user of the server."""
    return CommandLine(tmp_path, API_BASE_PATH=server.address, API_ACCESS_TOKEN=KEY)


@pytest.fixture
def stranger(tmp_path: Path) -> CommandLine:
    """The command line of a user who has set nothing."""
    return CommandLine(tmp_path)


@pytest.fixture
def desk(api: Client) -> Desk:
    return Desk(api)


@pytest.fixture
def meanwhile() -> Iterator[Callable[..., Future[Any]]]:
    """Does something while the test goes on."""
    with ThreadPoolExecutor(4) as threads:
        yield threads.submit


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C."""
    process.send_signal(signal.SIGINT)
