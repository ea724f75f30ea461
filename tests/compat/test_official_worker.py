"""The official TypeScript worker, as published, runs against this server.

Against another server: set API_BASE_PATH and API_ACCESS_TOKEN, and `make test-compat`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

HERE = Path(__file__).parent
KEY = "a-key-for-the-compatibility-test"

pytestmark = [
    pytest.mark.compat,
    pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="needs node and npm"),
]


def until(holds: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait for other processes, whose clock is not ours."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@contextmanager
def running(*command: str | Path, log: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program with these settings and no others, in a folder without a `.env`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env={"PATH": os.environ["PATH"], "NO_COLOR": "1", **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The base path and the key of a server: the one that the environment names, or one of our own."""
    if "API_BASE_PATH" in os.environ:
        yield os.environ["API_BASE_PATH"], os.environ["API_ACCESS_TOKEN"]
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    command: list[str | Path] = [Path(sys.executable).with_name("data-factory"), "server", "--port", str(port)]
    with running(*command, log=folder / "log", DATA_FACTORY_API_KEY=KEY, DATA_FACTORY_DATA_DIR=str(folder)) as process:

        def is_ready() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            try:
                return httpx.get(f"http://127.0.0.1:{port}/health/ready").is_success
            except httpx.TransportError:
                return False

        until(is_ready, "the server is ready")
        yield f"http://127.0.0.1:{port}", KEY


@pytest.fixture(scope="session")
def api(server: tuple[str, str]) -> Iterator[httpx.Client]:
    base, key = server
    with httpx.Client(base_url=f"{base}/v1/data_factory", headers={"X-Api-Key": key}, timeout=90) as client:
        yield client


@pytest.fixture(scope="session")
def task_and_job(api: httpx.Client) -> tuple[str, str]:
    """The founding document's task and job, under keys of their own."""
    key = f"compat-{uuid4().hex[:12]}"
    task = {"key": key, "description": "2 to the power", "retryCount": 0, "inputKeys": [], "outputKeys": []}
    wired = {
        "name": f"${{account}}/{key}",
        "taskReferenceName": "task",
        "description": "Process my data",
        "optional": False,
        "type": "SUB_WORKFLOW",
        "inputParameters": {},
    }
    job = {"schema": "1.0", "key": key, "title": "Run my task", "tasks": [wired]}
    return created(api, "/tasks", task)["id"], created(api, "/jobs", job)["id"]


@pytest.fixture(scope="session")
def start_worker(
    server: tuple[str, str], task_and_job: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Any]:
    """Starts the official worker and gives its own address, when it listens."""
    installed = HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        subprocess.run(["npm", "ci"], cwd=HERE, check=True)

    @contextmanager
    def start(key: str = server[1]) -> Iterator[tuple[str, Path]]:
        log = tmp_path_factory.mktemp("worker") / "log"
        settings = {
            "API_BASE_PATH": server[0],
            "API_ACCESS_TOKEN": key,
            "TASK_DEFINITION_ID": task_and_job[0],
            "POLL_INTERVAL": "* * * * * *",
            "PORT": "0",
        }
        with running("node", HERE / "worker.js", log=log, **settings) as process:

            def listens() -> bool:
                assert process.poll() is None, log.read_text()
                return "listening on " in log.read_text()

            until(listens, "the worker listens")
            yield log.read_text().split("listening on ")[1].split()[0], log
            assert process.poll() is None, log.read_text()

    return start


@pytest.fixture(scope="module")
def worker(start_worker: Callable[..., Any]) -> Iterator[tuple[str, Path]]:
    with start_worker() as address_and_log:
        yield address_and_log


def created(api: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ended(api: httpx.Client, execution: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def has_ended() -> bool:
        seen.update(api.get(f"/job_executions/{execution['id']}", headers={"Prefer": "wait=20"}).json())
        return seen["endedAt"] is not None

    until(has_ended, f"{execution['id']} has ended")
    return seen


def test_the_jobs_run_to_their_end(api: httpx.Client, task_and_job: tuple[str, str], worker: tuple[str, Path]) -> None:
    launched = [created(api, "/job_executions", {"jobId": task_and_job[1], "input": {"power": n}}) for n in (10, 19, 0)]
    done = [ended(api, execution) for execution in launched]
    assert [execution["status"] for execution in done] == ["COMPLETED"] * 3
    assert [execution["output"] for execution in done] == [{"result": 1024}, {"result": 524288}, {"result": 1}]


@pytest.mark.parametrize(
    ("power", "message"),
    [
        (
            "ten",
            "Input validation failed: \"power: ['power must be a number conforming to the specified constraints']\"",
        ),
        (-1, 'Task failed "no negative powers"'),
    ],
)
def test_a_failure_keeps_its_reason(
    api: httpx.Client, task_and_job: tuple[str, str], worker: tuple[str, Path], power: Any, message: str
) -> None:
    execution = created(api, "/job_executions", {"jobId": task_and_job[1], "input": {"power": power}})
    assert ended(api, execution)["status"] == "FAILED"
    [attempt] = api.get(f"/job_executions/{execution['id']}/task_executions").json()["data"]
    assert (attempt["status"], attempt["output"]) == ("FAILED", {"message": message})


def test_nothing_to_do_is_a_404_that_its_client_can_read(worker: tuple[str, Path]) -> None:
    log = worker[1]
    until(lambda: '"code": 404' in log.read_text(), "the worker was told that there is nothing to do")
    assert "is not supported" not in log.read_text()


def test_it_finds_the_server_healthy(worker: tuple[str, Path]) -> None:
    answer = httpx.get(f"{worker[0]}/health")
    assert (answer.status_code, answer.json()["info"]) == (200, {"api": {"status": "up"}})


def test_it_is_told_that_its_key_is_wrong(start_worker: Callable[..., Any]) -> None:
    with start_worker(key="another-key") as (address, log):
        answer = httpx.get(f"{address}/health")
        assert answer.status_code == 503
        assert answer.json()["error"]["STATUS_CODE"] is True
        until(lambda: '"code": 401' in log.read_text(), "the worker was told that its key is wrong")
