"""Tasks in processes of their own, and in executors: on our real server, with tasks that hang, leak, and kill."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from data_factory import Router, WorkerError, task
from data_factory.client import Client
from data_factory.worker.handler import Handler
from data_factory.worker.loading import load_tasks
from data_factory.worker.task import declaration_of
from tests.running import until
from tests.standin.ours import KEY
from tests.worker.clock import ManualClock
from tests.worker.conftest import Desk, make_worker, running
from tests.worker.test_process import worker_process

pytestmark = pytest.mark.anyio

_numbers = itertools.count(1)

Tasks = list[Callable[..., Any] | Router]


@pytest.fixture
def tasks_of(tmp_path: Path) -> Callable[[str], Tasks]:
    """Tasks in a module of their own, where another process can find them."""

    def write(text: str) -> Tasks:
        name = f"elsewhere_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(text)
        return load_tasks(name, tmp_path)

    return write


WORKS = """
import logging, os
from data_factory import Fail, Progress, TaskContext, task

@task({key!r}, {how})
def works(input: dict, ctx: TaskContext):
    print("this is not a message")
    (ctx.workdir / "file").write_text("x")
    logging.getLogger("shop").warning("from %s", "elsewhere")
    yield Progress(0.5, "half")
    yield {{"rows": 1}}
    if input.get("fail"):
        raise Fail("as it was told")
    if input.get("wrong"):
        return {{"power": object()}}
    return {{"pid": os.getpid(), "attempt": ctx.attempt, "seen": ctx.current().id == ctx.id}}
"""


@pytest.fixture(params=["process", "processes", "threads"])
def how(request: pytest.FixtureRequest) -> Iterator[tuple[str, Executor | None]]:
    if request.param == "process":
        yield 'runs_in="process"', None
    elif request.param == "processes":
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            yield "", pool
    else:
        with ThreadPoolExecutor(1) as pool:
            yield "", pool


async def test_a_task_runs_elsewhere_as_it_would_here(
    server: str, desk: Desk, clock: ManualClock, tasks_of: Callable[[str], Tasks], how: tuple[str, Executor | None],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    text, executor = how
    tasks = tasks_of(WORKS.format(key=desk.key, how=text))
    async with running(make_worker(server, *tasks, clock=clock, executor=executor)):
        execution_id = desk.launch()
        done = await desk.ended(execution_id)
        failed = await desk.ended(desk.launch(fail=True))
        wrong = await desk.ended(desk.launch(wrong=True))
    assert (done.output["rows"], done.output["attempt"], done.output["seen"]) == (1, 1, True)
    assert (done.output["pid"] == os.getpid()) == isinstance(executor, ThreadPoolExecutor)
    assert failed.output == {"message": "as it was told", "rows": 1}
    assert wrong.output["message"].startswith('Output validation failed: "')
    said = [record for record in caplog.records if record.name == "shop"]
    assert [record.getMessage() for record in said] == ["from elsewhere"] * 3


LASTS = """
import os, signal, subprocess, sys, time
from data_factory import TaskContext, task

@task({key!r}, runs_in="process", memory_limit="300 MB", timeout={timeout})
def lasts(how: str, file: str, ctx: TaskContext) -> dict:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) if how == "deaf" else None
    if how == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(file + ".part", "w") as out:
        out.write(f"{{os.getpid()}} {{other.pid if other else os.getpid()}}")
    os.rename(file + ".part", file)
    if how == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exits":
        os._exit(7)
    if how == "leaks":
        return {{"bytes": len(bytearray(600_000_000))}}
    if how == "writes":
        return {{"text": "x" * 70_000_000}}
    if how == "listens":
        ctx.cancellation.wait(600)
        return {{"heard": True}}
    if how == "returns":
        return {{"fine": True}}
    time.sleep(600)
"""


def gone(pid: int) -> bool:
    """Whether a process has ended, waited for or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def begun(file: Path) -> list[int]:
    await asyncio.to_thread(until, file.exists, "the task has begun")
    return [int(pid) for pid in (await asyncio.to_thread(file.read_text)).split()]


async def test_a_process_that_ends_by_itself_fails_and_the_worker_goes_on(
    server: str, desk: Desk, clock: ManualClock, tasks_of: Callable[[str], Tasks], tmp_path: Path
) -> None:
    tasks = tasks_of(LASTS.format(key=desk.key, timeout=None))
    messages = {}
    async with running(make_worker(server, *tasks, clock=clock)):
        for how in ("dies", "exits", "leaks", "writes"):
            done = await desk.ended(desk.launch(how=how, file=str(tmp_path / how)))
            messages[how] = done.output["message"]
        fine = await desk.ended(desk.launch(how="returns", file=str(tmp_path / "fine")))
    assert messages == {
        "dies": "The task's process was ended by SIGKILL",
        "exits": "The task's process ended with the code 7, without a result",
        "leaks": "The task needs more memory than its limit of 300 MB",
        "writes": "The task gave 70,000,077 bytes, 64,000,000 are the most",
    }
    assert fine.output == {"fine": True}


@pytest.mark.parametrize("how", ["deaf", "listens", "sleeps"])
async def test_a_canceled_process_is_asked_to_end_and_then_ended_with_all_that_it_started(
    server: str, desk: Desk, clock: ManualClock, tasks_of: Callable[[str], Tasks], tmp_path: Path, how: str
) -> None:
    tasks = tasks_of(LASTS.format(key=desk.key, timeout=None))
    async with running(make_worker(server, *tasks, clock=clock)):
        execution_id = desk.launch(how=how, file=str(tmp_path / "pids"))
        pids = await begun(tmp_path / "pids")
        desk.api.job_executions.cancel(execution_id)
        await clock.someone_sleeps(20, 20)
        await clock.advance(20)
        if how != "listens":
            await clock.someone_sleeps(5, 5)
            assert not gone(pids[0])
            await clock.advance(5)
        again = await desk.ended(desk.launch(how="returns", file=str(tmp_path / "again")))
    assert again.output == {"fine": True}
    assert all(map(gone, pids))


async def test_a_process_out_of_time_is_ended(
    server: str, desk: Desk, clock: ManualClock, tasks_of: Callable[[str], Tasks], tmp_path: Path
) -> None:
    tasks = tasks_of(LASTS.format(key=desk.key, timeout=50))
    async with running(make_worker(server, *tasks, clock=clock)):
        execution_id = desk.launch(how="sleeps", file=str(tmp_path / "pids"))
        pids = await begun(tmp_path / "pids")
        await clock.someone_sleeps(50, 50)
        await clock.advance(50)
        await clock.someone_sleeps(5, 5)
        await clock.advance(5)
        done = await desk.ended(execution_id)
    assert done.output["message"] == "The task ran longer than its timeout of 50 seconds"
    assert all(map(gone, pids))


async def test_what_is_handed_back_does_not_run_on(
    server: str, desk: Desk, clock: ManualClock, tasks_of: Callable[[str], Tasks], tmp_path: Path
) -> None:
    tasks = tasks_of(LASTS.format(key=desk.key, timeout=None))
    worker = make_worker(server, *tasks, clock=clock, grace=30)
    async with running(worker) as working:
        execution_id = desk.launch(how="deaf", file=str(tmp_path / "pids"))
        pids = await begun(tmp_path / "pids")
        worker.stop()
        await clock.someone_sleeps(30, 30)
        await clock.advance(30)
        await clock.someone_sleeps(1, 1)
        await clock.advance(1)
        await asyncio.wait_for(working, 60)
        await asyncio.to_thread(until, lambda: all(map(gone, pids)), "the processes have ended")
    assert (desk.task_execution(execution_id).status, desk.task_execution(execution_id).attempt) == ("SCHEDULED", 1)


def test_a_process_ends_when_its_worker_is_killed(tmp_path: Path, server: str, desk: Desk) -> None:
    settings = {"API_BASE_PATH": server, "API_ACCESS_TOKEN": KEY}
    with worker_process(tmp_path, LASTS.format(key=desk.key, timeout=None), **settings) as process:
        desk.launch(how="deaf", file=str(tmp_path / "pids"))
        until((tmp_path / "pids").exists, "the task has begun")
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: all(map(gone, pids)), "the processes have ended")


async def test_what_waits_in_an_executor_is_canceled_and_what_runs_there_keeps_its_room(
    server: str, desk: Desk, clock: ManualClock, tasks_of: Callable[[str], Tasks], tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    text = LASTS.replace('runs_in="process", memory_limit="300 MB", ', "")
    tasks = tasks_of(text.format(key=desk.key, timeout=None).replace("ctx.cancellation.wait(600)",
        "\n        while not os.path.exists(file + '.go'): time.sleep(0.01)"))  # fmt: skip
    with ThreadPoolExecutor(1) as pool:
        async with running(make_worker(server, *tasks, clock=clock, concurrency=2, executor=pool)):
            first = desk.launch(how="listens", file=str(tmp_path / "first"))
            await begun(tmp_path / "first")
            second = desk.launch(how="returns", file=str(tmp_path / "second"))
            claimed = lambda: desk.task_execution(second).status == "IN_PROGRESS"  # noqa: E731
            await asyncio.to_thread(until, claimed, "it is claimed")
            for one in (first, second):
                desk.api.job_executions.cancel(one)
            await clock.someone_sleeps(20, 20)
            await clock.advance(20)
            await asyncio.to_thread(until, lambda: caplog.text.count("told to stop") == 2, "both are told to stop")
            third = desk.launch(how="returns", file=str(tmp_path / "third"))
            (tmp_path / "first.go").touch()
            assert (await desk.ended(third)).output == {"fine": True}
    assert not (tmp_path / "second").exists()


def test_what_another_process_could_not_find_is_refused() -> None:
    def local() -> None: ...

    for wrong in (local, lambda: None):
        declaration = declaration_of(task("key", runs_in="process")(wrong))
        assert declaration is not None
        with pytest.raises(WorkerError, match="cannot run in another process"):
            Handler(declaration)


def test_a_program_that_is_run_itself_has_its_tasks_found(tmp_path: Path, server: str, api: Client, desk: Desk) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"""
from data_factory import Worker, task

@task({desk.key!r}, runs_in="process")
def works() -> dict:
    return {{"module": __name__}}

if __name__ == "__main__":
    Worker([works], base_url={server!r}, token={KEY!r}).run()
""")
    with subprocess.Popen([sys.executable, program], cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        try:
            done = api.job_executions.get(desk.launch(), wait=20)
        finally:
            process.terminate()
    assert done.output == {"module": "program"}
    assert process.returncode == 0
