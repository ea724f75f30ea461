"""The server is killed, in the hardest way there is, while a worker works for it; then it is started again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from data_factory import task
from data_factory.client import Backoff, Client, RetryPolicy
from data_factory.worker.worker import Worker
from tests.standin.faults import Hold, faulty
from tests.standin.listening import listen
from tests.worker.conftest import QUICK, Desk, running

pytestmark = pytest.mark.anyio

KEY = "the-key-of-the-killed"
PATIENT = RetryPolicy(attempts=400, backoff=Backoff(initial=0.05, ceiling=0.1))


@contextmanager
def server_process(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "data_factory.cli", "server", "--port", str(port)]
    environment = os.environ | {"DATA_FACTORY_API_KEY": KEY, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=quiet, stderr=quiet)
    try:
        with Client(f"http://127.0.0.1:{port}", KEY, retries=PATIENT) as client:
            client.health()
        yield process
    finally:
        process.kill()
        process.wait()


async def test_what_was_running_is_reported_to_the_server_that_comes_back(tmp_path: Path) -> None:
    with listen() as listener:
        port = listener.getsockname()[1]
    begun, finish = asyncio.Event(), asyncio.Event()
    runs: list[Any] = []

    with ExitStack() as servers, Client(f"http://127.0.0.1:{port}", KEY, retries=PATIENT) as api:
        first = servers.enter_context(server_process(tmp_path, port))
        desk = Desk(api)

        @task(desk.key)
        async def work(input: dict[str, Any]) -> dict[str, Any]:
            runs.append(input["n"])
            begun.set()
            await finish.wait()
            return {"n": input["n"]}

        worker = Worker([work], base_url=api.base_url, token=KEY, concurrency=2, backoff=QUICK)
        async with running(worker):
            executions = [desk.launch(n=n) for n in range(4)]
            await asyncio.wait_for(begun.wait(), 20)
            first.kill()
            first.wait()
            finish.set()
            servers.enter_context(server_process(tmp_path, port))
            done = [await desk.ended(one) for one in executions]
    assert [(one.status, one.output) for one in done] == [("COMPLETED", {"n": n}) for n in range(4)]
    assert sorted(runs) == [0, 1, 2, 3], "nothing runs twice"


@pytest.mark.parametrize("request_", ["claim", "report"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_server_that_dies_in_the_middle_of_a_request_loses_nothing(
    tmp_path: Path, request_: str, after: bool
) -> None:
    """Killed when the request has come, before it is carried out or after, and no answer ever arrives."""
    with listen() as listener:
        port = listener.getsockname()[1]
    runs: list[int] = []
    with (
        ExitStack() as servers,
        Client(f"http://127.0.0.1:{port}", KEY, retries=PATIENT) as api,
        faulty(api.base_url) as (through, proxy),
    ):
        first = servers.enter_context(server_process(tmp_path, port))
        desk = Desk(api)

        @task(desk.key)
        def work(n: int) -> dict[str, int]:
            runs.append(n)
            return {"n": n}

        executions = [desk.launch(n=n) for n in range(4)]
        held = Hold(after=after, cut=True)
        proxy.plan(f"POST .*/{request_}", held)
        async with running(Worker([work], base_url=through, token=KEY, concurrency=2, backoff=QUICK)):
            assert await asyncio.to_thread(held.reached.wait, 20)
            first.kill()
            first.wait()
            held.release.set()
            servers.enter_context(server_process(tmp_path, port))
            done = [await desk.ended(one) for one in executions]
        attempts = [desk.task_execution(one).attempt for one in executions]
    assert [(one.status, one.output) for one in done] == [("COMPLETED", {"n": n}) for n in range(4)]
    assert sorted(runs) == [0, 1, 2, 3], "nothing runs twice"
    assert attempts == [1] * 4
