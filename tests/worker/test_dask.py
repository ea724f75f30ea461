"""Tasks on a real Dask cluster: a scheduler and two worker processes, which the tests start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.running import until
from tests.standin.listening import listen
from tests.standin.ours import KEY
from tests.worker.conftest import Desk
from tests.worker.test_process import end, read_line, worker_process

PROGRAM = """
import logging, os, time
from pathlib import Path
from data_factory import Fail, task

@task({key!r})
def heavy(name: str, other: str, folder: str) -> dict:
    begun = Path(folder, name)
    begun.with_suffix(".part").write_text(str(os.getpid()))
    begun.with_suffix(".part").rename(begun)
    logging.getLogger("heavy").info("%s has begun", name)
    while not Path(folder, other).exists():
        time.sleep(0.01)
    if name == "fails":
        raise Fail("as it was told")
    return {{"pid": os.getpid()}}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers of one thread each, in processes of their own."""
    folder = tmp_path_factory.mktemp("dask")
    with listen() as free:
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = ["worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny", "--host", "127.0.0.1"]
    with ExitStack() as stack:
        for command in (scheduler, worker, worker):
            process = stack.enter_context(subprocess.Popen([*dask, *command], cwd=folder, stderr=subprocess.DEVNULL))
            stack.callback(process.kill)
        yield address


def settings(server: str, home: Path) -> dict[str, str]:
    return {"API_BASE_PATH": server, "API_ACCESS_TOKEN": KEY}


def test_tasks_run_on_the_processes_of_a_cluster_and_outlive_one_of_them(
    tmp_path: Path, server: str, desk: Desk, cluster: str
) -> None:
    options = ("--dask", cluster, "--concurrency", "2")
    with worker_process(tmp_path, PROGRAM.format(key=desk.key), *options, **settings(server, tmp_path)) as process:
        read_line(process.stderr, "running")
        # Each waits for the other: they run at the same time.
        runs = [desk.launch(name=a, other=b, folder=str(tmp_path)) for a, b in (("one", "two"), ("two", "one"))]
        pids = {desk.api.job_executions.get(run, wait=20).output["pid"] for run in runs}
        assert len(pids) == 2
        assert process.pid not in pids
        failed = desk.launch(name="fails", other="one", folder=str(tmp_path))
        assert desk.api.job_executions.get(failed, wait=20).output == {"message": "as it was told"}
        lost = desk.launch(name="lost", other="go", folder=str(tmp_path))
        until((tmp_path / "lost").exists, "it has begun")
        os.kill(int((tmp_path / "lost").read_text()), signal.SIGKILL)
        (tmp_path / "lost").unlink()
        until((tmp_path / "lost").exists, "it has begun again, on the other")
        (tmp_path / "go").touch()
        done = desk.api.job_executions.get(lost, wait=20)
        process.send_signal(signal.SIGTERM)
        code, said = end(process)
    assert (done.status, {done.output["pid"]} < pids) == ("COMPLETED", True)
    assert code == 0, said
    assert said.count("has begun") == 4


def test_a_cluster_that_is_not_there_is_said(tmp_path: Path, server: str, desk: Desk) -> None:
    with listen() as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with worker_process(
        tmp_path, PROGRAM.format(key=desk.key), "--dask", address, **settings(server, tmp_path)
    ) as process:
        code, said = end(process)
    assert code == 2
    assert f"no Dask scheduler answers at {address}" in said
