"""A task learns that its job execution is paused, and goes on later from there; its spans join a trace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import opentelemetry.trace
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from data_factory import RetryLater, TaskContext, task
from data_factory.client import Client
from tests.worker.clock import ManualClock
from tests.worker.conftest import Desk, make_worker, running
from tests.worker.test_elsewhere import Tasks, begun, tasks_of
from tests.worker.test_on_our_server import until

__all__ = ["tasks_of"]

pytestmark = pytest.mark.anyio

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

IN_A_PROCESS = """
from pathlib import Path
from data_factory import RetryLater, TaskContext, task

@task({key!r}, runs_in="process")
def considerate(file: str, ctx: TaskContext) -> dict:
    if ctx.previous:
        return {{"from": ctx.previous["done"], "trace": ctx.traceparent}}
    Path(file).write_text("1")
    assert ctx.pausing.wait(60)
    ctx.save({{"done": 3}})
    raise RetryLater(0, "paused")
"""


async def test_a_thread_is_told_hands_itself_back_and_goes_on(
    server: str, api: Client, desk: Desk, clock: ManualClock
) -> None:
    begun = threading.Event()

    @task(desk.key)
    def considerate(ctx: TaskContext) -> dict[str, int]:
        if ctx.previous:
            return {"from": ctx.previous["done"]}
        begun.set()
        assert ctx.pausing.wait(60) and ctx.paused
        ctx.save({"done": 3})
        raise RetryLater(0, "paused")

    async with running(make_worker(server, considerate, clock=clock)):
        execution_id = desk.launch()
        await until(begun)
        api.job_executions.pause(execution_id)
        await clock.someone_sleeps(20, 20)
        await clock.advance(20)
        while desk.task_execution(execution_id).status != "SCHEDULED":
            await clock.advance(1)
        api.job_executions.resume(execution_id)
        assert (await desk.ended(execution_id)).output == {"from": 3}


async def test_what_is_resumed_in_time_goes_on_as_if_nothing_was(
    server: str, api: Client, desk: Desk, clock: ManualClock
) -> None:
    begun, contexts = threading.Event(), list[TaskContext]()
    go_on = threading.Event()

    @task(desk.key)
    def patient(ctx: TaskContext) -> dict[str, bool]:
        contexts.append(ctx)
        begun.set()
        assert go_on.wait(60)
        return {"paused": ctx.paused}

    async with running(make_worker(server, patient, clock=clock)):
        execution_id = desk.launch()
        await until(begun)
        for verb, expected in ((api.job_executions.pause, True), (api.job_executions.resume, False)):
            verb(execution_id)
            while contexts[0].paused != expected:
                await clock.someone_sleeps(20, 20)
                await clock.advance(20)
        go_on.set()
        assert (await desk.ended(execution_id)).output == {"paused": False}


async def test_a_process_is_told(
    server: str, api: Client, desk: Desk, clock: ManualClock, tasks_of: Callable[[str], Tasks], tmp_path: Path
) -> None:
    tasks = tasks_of(IN_A_PROCESS.format(key=desk.key))
    file = tmp_path / "begun"
    async with running(make_worker(server, *tasks, clock=clock)):
        job = api.job_executions.launch(desk.job_id, {"file": str(file)}, traceparent=TRACE)
        await begun(file)
        api.job_executions.pause(job.id)
        await clock.someone_sleeps(20, 20)
        await clock.advance(20)
        while desk.task_execution(job.id).status != "SCHEDULED":
            await clock.advance(1)
        api.job_executions.resume(job.id)
        assert (await desk.ended(job.id)).output == {"from": 3, "trace": TRACE}


WAITS = """
import asyncio
from pathlib import Path
from data_factory import TaskContext, task

def paused(file: str, ctx: TaskContext) -> None:
    Path(file).write_text("1")
    assert ctx.pausing.wait(60)
    Path(file + ".paused").write_text("1")

@task({key!r}, {how})
def in_a_thread(file: str, ctx: TaskContext) -> dict:
    assert ctx.wait_until_resumed(), "it is not paused yet"
    paused(file, ctx)
    goes_on = ctx.wait_until_resumed()
    Path(file + ".over").write_text("1" if goes_on else "0")
    return {{"goes_on": goes_on, "paused": ctx.paused}}

async def in_the_loop(file: str, ctx: TaskContext) -> dict:
    await ctx.resumed()
    await asyncio.to_thread(paused, file, ctx)
    try:
        await ctx.resumed()
    except asyncio.CancelledError:
        Path(file + ".over").write_text("0")
        raise
    return {{"goes_on": True, "paused": ctx.paused}}

if {in_the_loop}:
    in_a_thread = task({key!r}, {how})(in_the_loop)
"""


@pytest.mark.parametrize("how", ['runs_in="process"', ""])
@pytest.mark.parametrize("in_the_loop", [False, True])
async def test_the_end_of_a_pause_can_be_waited_for_and_a_cancel_is_one(
    how: str, in_the_loop: bool, server: str, api: Client, desk: Desk, clock: ManualClock,
    tasks_of: Callable[[str], Tasks], tmp_path: Path,
) -> None:  # fmt: skip
    async def paused(file: Path) -> str:
        execution_id = desk.launch(file=str(file))
        await begun(file)
        api.job_executions.pause(execution_id)
        await clock.someone_sleeps(20, 20)
        await clock.advance(20)
        await begun(Path(f"{file}.paused"))
        assert desk.task_execution(execution_id).status == "IN_PROGRESS"
        return execution_id

    tasks = tasks_of(WAITS.format(key=desk.key, how=how, in_the_loop=in_the_loop))
    async with running(make_worker(server, *tasks, clock=clock)):
        execution_id = await paused(tmp_path / "resumed")
        api.job_executions.resume(execution_id)
        await clock.someone_sleeps(20, 20)
        await clock.advance(20)
        assert (await desk.ended(execution_id)).output == {"goes_on": True, "paused": False}
        api.job_executions.cancel(await paused(tmp_path / "canceled"))
        await clock.someone_sleeps(20, 20)
        await clock.advance(20)
        assert await begun(tmp_path / "canceled.over") == [0]


TRACED_IN_A_PROCESS = """
import opentelemetry.trace
from data_factory import task

@task({key!r}, runs_in="process")
def traced() -> dict:
    span = opentelemetry.trace.get_current_span().get_span_context()
    return {{"trace": f"{{span.trace_id:032x}}", "span": f"{{span.span_id:016x}}"}}
"""


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(opentelemetry.trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


async def test_what_is_recorded_in_a_process_is_below_the_span_of_its_run(
    server: str, desk: Desk, clock: ManualClock, tasks_of: Callable[[str], Tasks], exported: InMemorySpanExporter
) -> None:
    async with running(make_worker(server, *tasks_of(TRACED_IN_A_PROCESS.format(key=desk.key)), clock=clock)):
        done = await desk.ended(desk.launch())
    (span,) = exported.get_finished_spans()
    assert done.output == {"trace": f"{span.context.trace_id:032x}", "span": f"{span.context.span_id:016x}"}


async def test_spans_join_the_trace_of_the_launch(
    server: str, api: Client, desk: Desk, clock: ManualClock, exported: InMemorySpanExporter
) -> None:
    @task(desk.key)
    def traced() -> None:
        return None

    async with running(make_worker(server, traced, clock=clock)):
        job = api.job_executions.launch(desk.job_id, {}, traceparent=TRACE)
        await desk.ended(job.id)
    (span,) = exported.get_finished_spans()
    assert span.parent is not None
    assert f"00-{span.context.trace_id:032x}-{span.parent.span_id:016x}-01" == TRACE
