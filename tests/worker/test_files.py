"""Files of tasks: the documented Files API of the hosted platform, by its stand-in."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data_factory import TaskContext, run_task, task
from data_factory.client import Backoff, Client
from data_factory.worker.files import FileFailed, InEventLoop, NoFiles, RemoteFiles
from data_factory.worker.loading import load_tasks
from tests.standin.faults import Answer, Cut, Fault, FaultProxy, faulty
from tests.standin.hosted import TOKEN, HostedPlatform
from tests.worker.clock import ManualClock
from tests.worker.conftest import make_worker as in_our_factory
from tests.worker.conftest import running
from tests.worker.test_on_the_hosted_platform import ended, make_worker

pytestmark = pytest.mark.anyio

_numbers = itertools.count(1)
CONTENT = bytes(range(256)) * 10_000
STORM: list[Fault] = [Cut(after=True), Answer(503), Cut(after=False), Answer(429, {"Retry-After": "3"})]


def files_at(address: str, folder: Path, slept: list[float] | None = None) -> RemoteFiles:
    pauses: list[float] = [] if slept is None else slept
    return RemoteFiles(
        address, {"X-Api-Key": TOKEN}, lambda: folder, threading.Event(), backoff=Backoff(0.1), sleep=pauses.append
    )


@dataclass
class Report:
    rows: int
    report: Path


@task("reports")
def reports(input: dict[str, Any], ctx: TaskContext) -> Report:
    found = ctx.files.download(input["file"], sha256=hashlib.sha256(CONTENT).hexdigest())
    assert found.parent == ctx.workdir
    report = ctx.workdir / "report.csv"
    report.write_bytes(found.read_bytes()[::-1])
    return Report(rows=found.stat().st_size, report=report)


@task("reports")
async def reports_async(input: dict[str, Any], ctx: TaskContext) -> dict[str, Any]:
    with pytest.raises(InEventLoop, match=r"asyncio\.to_thread"):
        ctx.files.download(input["file"])
    found = await asyncio.to_thread(ctx.files.download, input["file"])
    report = ctx.workdir / "report.csv"
    await asyncio.to_thread(report.write_bytes, (await asyncio.to_thread(found.read_bytes))[::-1])
    return {"rows": len(CONTENT), "report": report}


IN_A_PROCESS = """
from data_factory import TaskContext, task

@task("reports", runs_in="process")
def reports(input: dict, ctx: TaskContext):
    found = ctx.files.download(input["file"])
    report = ctx.workdir / "report.csv"
    report.write_bytes(found.read_bytes()[::-1])
    return {"rows": found.stat().st_size, "report": report}
"""


def in_a_process(folder: Path) -> Callable[..., Any]:
    name = f"files_{next(_numbers)}"
    (folder / f"{name}.py").write_text(IN_A_PROCESS)
    (found,) = load_tasks(name, folder)
    assert callable(found)
    return found


@pytest.mark.parametrize("kind", ["thread", "loop", "process"])
async def test_a_file_comes_and_a_path_in_the_output_goes(
    hosted: HostedPlatform, address: str, clock: ManualClock, tmp_path: Path, kind: str
) -> None:
    function = {"thread": lambda: reports, "loop": lambda: reports_async, "process": lambda: in_a_process(tmp_path)}
    given = await asyncio.to_thread(files_at(address, tmp_path).upload, make(tmp_path / "in.bin", CONTENT))
    execution_id = hosted.enqueue(hosted.add_task("reports"), {"file": given})
    async with running(make_worker(address, function[kind](), clock=clock)):
        (done,) = await ended(hosted, execution_id)
    assert done["status"] == "COMPLETED", done
    assert done["output"]["rows"] == len(CONTENT)
    kept = done["output"]["report"]
    assert (kept["object"], kept["filename"]) == ("data_factory_file", "report.csv")
    assert hosted.contents[kept["id"]] == CONTENT[::-1]


@pytest.mark.parametrize("kind", ["thread", "loop", "process"])
async def test_our_server_keeps_them_too(
    server: str, api: Client, clock: ManualClock, tmp_path: Path, kind: str
) -> None:
    function = {"thread": lambda: reports, "loop": lambda: reports_async, "process": lambda: in_a_process(tmp_path)}
    if not list(api.tasks.list(key="reports")):
        api.tasks.create({"key": "reports"})
    step = {"name": "${account}/reports", "taskReferenceName": "task"}
    job = api.jobs.create({"key": f"reports-{kind}", "tasks": [step]})
    given = await asyncio.to_thread(api.files.upload, make(tmp_path / "in.bin", CONTENT))
    async with running(in_our_factory(server, function[kind](), clock=clock)):
        launched = api.job_executions.launch(job.id, {"file": {"id": given.id, "filename": "in.bin"}})
        done = await asyncio.to_thread(api.job_executions.get, launched.id, wait=20)
    assert done.status == "COMPLETED", done
    kept = done.output["report"]
    assert (done.output["rows"], kept["object"], kept["filename"]) == (
        len(CONTENT), "data_factory_file", "report.csv",
    )  # fmt: skip
    assert api.files.read(kept["id"]) == CONTENT[::-1]
    assert api.files.get(kept["id"]).size == len(CONTENT)


def make(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_both_are_tried_again_until_they_are_whole(
    proxy: tuple[str, FaultProxy], hosted: HostedPlatform, tmp_path: Path
) -> None:
    through, faults = proxy
    slept: list[float] = []
    files = files_at(through, tmp_path, slept)
    faults.plan("POST .*/files", *STORM)
    kept = files.upload(make(tmp_path / "in.bin", CONTENT), filename="other.bin")
    assert (kept["filename"], max(slept)) == ("other.bin", 3.0)
    faults.plan("GET .*/content", *STORM, Answer(200, body=CONTENT[:100]))
    found = files.download(kept["id"], tmp_path / "out.bin", sha256=kept["id"])
    assert found.read_bytes() == CONTENT
    assert faults.done
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([Answer(200, body=b"damaged")] * 6, r"is not what its checksum says \(after 6 tries\)"),
        ([Answer(503)] * 6, r"cannot be fetched: 503 \(after 6 tries\)"),
        ([Answer(404)], "cannot be fetched: 404"),
    ],
)
def test_a_file_is_there_whole_or_not_at_all(
    proxy: tuple[str, FaultProxy], tmp_path: Path, answers: list[Any], message: str
) -> None:
    through, faults = proxy
    faults.plan("GET .*/content", *answers)
    with pytest.raises(FileFailed, match=message):
        files_at(through, tmp_path).download("a" * 64, sha256="b" * 64)
    assert list(tmp_path.iterdir()) == []


def test_what_is_too_large_is_refused(address: str, hosted: HostedPlatform, tmp_path: Path) -> None:
    files = files_at(address, tmp_path)
    large = make(tmp_path / "in.bin", CONTENT)
    with pytest.raises(FileFailed, match=r"in.bin has 2,560,000 bytes, 1,000 are the most"):
        files.upload(large, limit=1_000)
    with pytest.raises(FileFailed, match=r"has more than 1,000 bytes"):
        files.download(files.upload(large), limit=1_000)


def test_the_key_goes_nowhere_else(address: str, hosted: HostedPlatform, tmp_path: Path) -> None:
    with faulty(address) as (elsewhere, there), faulty(address) as (through, here):
        there.plan("GET /secret", Answer(200, body=b"elsewhere"))
        here.plan("GET .*/content", Answer(302, {"Location": f"{elsewhere}/secret/x.csv"}))
        found = files_at(through, tmp_path).download({"id": "a" * 64, "filename": "../x.csv"})
        assert (found, found.read_bytes()) == (tmp_path / "x.csv", b"elsewhere")
        with pytest.raises(FileFailed, match=r"401|404"):
            files_at(through, tmp_path).download({"url": f"{elsewhere}/v1/data_factory/files/a/content"})


@pytest.mark.parametrize("wrong", [{}, {"id": ""}, {"url": "ftp://x/y"}, "", "../tasks"])
def test_what_is_no_file_is_told(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(FileFailed, match="this is no file of the platform"):
        files_at("http://127.0.0.1:9", tmp_path).download(wrong)


def test_a_server_without_files_says_so(server: str, tmp_path: Path) -> None:
    with faulty(server) as (through, faults):
        faults.plan("POST .*/files", Answer(404))
        with pytest.raises(FileFailed, match="keeps no files"):
            files_at(through, tmp_path).upload(make(tmp_path / "x", b"x"))


async def test_a_download_ends_when_the_task_is_told_to_stop(
    address: str, hosted: HostedPlatform, tmp_path: Path
) -> None:
    stopping = threading.Event()
    files = RemoteFiles(address, {"X-Api-Key": TOKEN}, lambda: tmp_path, stopping)
    kept = await asyncio.to_thread(files.upload, make(tmp_path / "in.bin", CONTENT))
    stopping.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.to_thread(files.download, kept)


def test_files_in_a_test_are_those_of_this_machine(tmp_path: Path) -> None:
    source = make(tmp_path / "in.bin", CONTENT)
    trial = run_task(reports, {"file": {"url": source.as_uri()}})
    assert trial.completed, trial
    assert trial.files == {"report.csv": CONTENT[::-1]}
    assert trial.output["report"]["filename"] == "report.csv"
    missing = run_task(reports, {"file": {"url": (tmp_path / "gone").as_uri()}})
    assert "there is no file" in missing.output["message"]
    for use in (lambda: NoFiles().upload(source), lambda: NoFiles().download("x")):
        with pytest.raises(FileFailed, match="no platform here"):
            use()
