from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from data_factory import Router
from data_factory.client import Backoff, Client
from data_factory.model.resources import JobExecution
from data_factory.worker.worker import Worker
from tests.standin.faults import FaultProxy, faulty
from tests.standin.hosted import HostedPlatform, Stage, served
from tests.standin.ours import KEY, factory
from tests.worker.clock import ManualClock

QUICK = Backoff(initial=0.01, ceiling=0.05)

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No test sees the settings of whoever runs it."""
    for name in ("API_BASE_PATH", "API_ACCESS_TOKEN", "TASK_DEFINITION_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of our server; each test has tasks and jobs of its own there."""
    with factory(tmp_path_factory.mktemp("factory")) as address:
        yield address


@pytest.fixture
def api(server: str) -> Iterator[Client]:
    with Client(server, KEY) as client:
        yield client


class Desk:
    """A task and a job that runs it, in a pipeline of its own, and what tests do with them."""

    def __init__(self, api: Client, **definition: Any) -> None:
        number = next(_numbers)
        self.api = api
        self.key = f"task-{number}"
        self.task_id = api.tasks.create({"key": self.key, **definition}).id
        pipeline = api.pipelines.create(f"pipeline {number}", slots=1_000)
        step = {"name": f"${{account}}/{self.key}", "taskReferenceName": "task", "inputParameters": {}}
        self.job_id = api.jobs.create({"key": f"job-{number}", "pipelineId": pipeline.id, "tasks": [step]}).id

    def launch(self, **input: Any) -> str:
        return self.api.job_executions.launch(self.job_id, input).id

    async def ended(self, execution_id: str) -> JobExecution:
        execution = await asyncio.to_thread(self.api.job_executions.get, execution_id, wait=20)
        assert execution.ended_at is not None, execution
        return execution

    def task_execution(self, execution_id: str) -> Any:
        return list(self.api.job_executions.task_executions(execution_id))[-1]


@pytest.fixture
def desk(api: Client) -> Desk:
    return Desk(api)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def faults(server: str) -> Iterator[tuple[str, FaultProxy]]:
    with faulty(server) as proxied:
        yield proxied


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with served(stage := Stage()) as stage.address:
        yield stage


@pytest.fixture
def hosted(clock: ManualClock, stage: Stage) -> HostedPlatform:
    platform = HostedPlatform(now=clock.now)
    stage.app = platform.app()
    return platform


@pytest.fixture
def address(stage: Stage, hosted: HostedPlatform) -> str:
    return stage.address


@pytest.fixture
def proxy(address: str) -> Iterator[tuple[str, FaultProxy]]:
    with faulty(address) as proxied:
        yield proxied


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    """A worker at work; at the end it is stopped, and has to have ended well."""
    work = asyncio.create_task(worker.run_async())
    try:
        yield work
        worker.stop()
        await asyncio.wait_for(work, 60)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def make_worker(address: str, *tasks: Callable[..., Any] | Router, clock: ManualClock, **settings: Any) -> Worker:
    return Worker(tasks, base_url=address, token=KEY, clock=clock, backoff=QUICK, **settings)
