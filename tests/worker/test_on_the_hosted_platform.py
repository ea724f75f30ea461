"""The worker against the stand-in of the hosted platform: no claims, 404 when idle, PATCH, 50 requests a minute."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from data_factory import TaskContext, task
from data_factory.worker.errors import KeyRefused
from data_factory.worker.worker import Worker
from tests.standin.faults import Answer, Cut, FaultProxy, Hold
from tests.standin.hosted import TOKEN, HostedPlatform
from tests.worker.clock import ManualClock
from tests.worker.conftest import QUICK, running

pytestmark = pytest.mark.anyio

RESTLESS = 1_000_000
"""A rate limit that is not in the way of a test about something else."""


def make_worker(address: str, *tasks: Callable[..., Any], clock: ManualClock, **settings: Any) -> Worker:
    return Worker(tasks, base_url=address, token=TOKEN, clock=clock, backoff=QUICK, **settings)


@task("power")
def power(input: dict[str, Any]) -> dict[str, Any]:
    return {"result": 2 ** input["power"]}


async def ended(platform: HostedPlatform, *executions: str) -> list[dict[str, Any]]:
    return await asyncio.to_thread(platform.wait_until_ended, *executions)


async def let_time_pass(clock: ManualClock, until: asyncio.Task[Any]) -> None:
    """Move the clock whenever somebody sleeps, until the task is done."""
    while not until.done():
        sleeping = asyncio.create_task(clock.someone_sleeps(0))
        await asyncio.wait({sleeping, until}, return_when=asyncio.FIRST_COMPLETED)
        sleeping.cancel()
        await clock.advance(0.5)


async def test_it_polls_and_patches_exactly_as_the_official_worker(
    hosted: HostedPlatform, address: str, clock: ManualClock
) -> None:
    execution_id = hosted.enqueue(hosted.add_task("power"), {"power": 10})
    async with running(make_worker(address, power, clock=clock)):
        (done,) = await ended(hosted, execution_id)
    assert done["output"] == {"result": 1024}
    assert hosted.bodies("PATCH") == [{"id": execution_id, "status": "COMPLETED", "output": {"result": 1024}}]


async def test_failures_are_patched_in_the_official_shape(
    hosted: HostedPlatform, address: str, clock: ManualClock
) -> None:
    task_id = hosted.add_task("power")

    @task(id=task_id)
    def unlucky(input: dict[str, Any]) -> None:
        raise RuntimeError("no luck")

    execution_id = hosted.enqueue(task_id, {})
    async with running(make_worker(address, unlucky, clock=clock)):
        await ended(hosted, execution_id)
    patch = {"id": execution_id, "status": "FAILED", "output": {"message": 'Task failed "no luck"'}}
    assert hosted.bodies("PATCH") == [patch]


async def test_what_the_platform_does_not_tell_is_unknown(
    hosted: HostedPlatform, address: str, clock: ManualClock
) -> None:
    told: list[tuple[dict[str, Any], TaskContext]] = []

    @task("power")
    async def listens(input: dict[str, Any], ctx: TaskContext) -> None:
        told.append((input, ctx))

    execution_id = hosted.enqueue(hosted.add_task("power"), {"power": 10})
    async with running(make_worker(address, listens, clock=clock)):
        await ended(hosted, execution_id)
    input, context = told[0]
    assert input == {"power": 10}
    assert context.event_correlation_id == f"cid-{execution_id}"
    assert (context.id, context.attempt, context.deadline) == (execution_id, 0, None)


async def test_task_definition_id_names_the_task(
    hosted: HostedPlatform, address: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = hosted.add_task("some-key")
    monkeypatch.setenv("TASK_DEFINITION_ID", task_id)

    @task()
    def power(input: dict[str, Any]) -> dict[str, Any]:
        return {"result": 1}

    execution_id = hosted.enqueue(task_id, {})
    async with running(make_worker(address, power, clock=clock)):
        await ended(hosted, execution_id)


async def test_an_idle_worker_asks_less_and_less_often(
    hosted: HostedPlatform, address: str, clock: ManualClock
) -> None:
    hosted.add_task("power")
    async with running(make_worker(address, power, clock=clock)):
        began = clock.time
        while clock.time - began < 300:
            await clock.someone_sleeps(0, 5)
            await clock.advance(0.5)
    polls = len([path for _, path, _ in hosted.requests if path.endswith("/poll")])
    assert 300 / 5 <= polls <= 300 / 2.5 + 10
    assert hosted.refused == 0


async def test_many_idle_tasks_keep_within_the_limit(hosted: HostedPlatform, address: str, clock: ManualClock) -> None:
    for number in range(12):
        hosted.add_task(f"task-{number}")

    def make(number: int) -> Callable[..., Any]:
        @task(f"task-{number}")
        def nothing(input: dict[str, Any]) -> None: ...

        return nothing

    tasks = [make(number) for number in range(12)]
    async with running(make_worker(address, *tasks, clock=clock)):
        began = clock.time
        while clock.time - began < 300:
            await clock.someone_sleeps(0, 60)
            await clock.advance(0.5)
    polled = [path for _, path, _ in hosted.requests if path.endswith("/poll")]
    assert hosted.refused == 0
    assert len(set(polled)) == 12, "each task has its turn"


async def test_a_backlog_is_worked_off_within_the_limit(
    hosted: HostedPlatform, address: str, clock: ManualClock
) -> None:
    task_id = hosted.add_task("power")
    executions = [hosted.enqueue(task_id, {"power": n}) for n in range(60)]
    async with running(make_worker(address, power, clock=clock, concurrency=8)):
        waiting = asyncio.create_task(ended(hosted, *executions))
        await asyncio.wait_for(let_time_pass(clock, waiting), 30)
        outputs = [done["output"] for done in await waiting]
    assert outputs == [{"result": 2**n} for n in range(60)]
    assert hosted.refused == 0, "nothing is asked beyond the limit"


async def test_a_result_does_not_wait_behind_polls(hosted: HostedPlatform, address: str, clock: ManualClock) -> None:
    gate = asyncio.Event()

    @task("slow")
    async def slow(input: dict[str, Any]) -> dict[str, Any]:
        await gate.wait()
        return {"done": True}

    slow_id, power_id = hosted.add_task("slow"), hosted.add_task("power")
    first = hosted.enqueue(slow_id, {})
    backlog = [hosted.enqueue(power_id, {"power": n}) for n in range(40)]
    async with running(make_worker(address, slow, power, clock=clock, concurrency=2)):
        # The budget of this minute is used up by the other task's polls and results.
        await clock.someone_sleeps(30, 60)
        before = clock.time
        gate.set()
        await ended(hosted, first)
        assert clock.time == before
        waiting = asyncio.create_task(ended(hosted, *backlog))
        await asyncio.wait_for(let_time_pass(clock, waiting), 30)
    assert hosted.refused == 0


async def test_429_is_waited_out(hosted: HostedPlatform, proxy: tuple[str, FaultProxy], clock: ManualClock) -> None:
    address, faults = proxy
    execution_id = hosted.enqueue(hosted.add_task("power"), {"power": 3})
    faults.plan("GET .*/poll", Answer(429, {"Retry-After": "37"}))
    async with running(make_worker(address, power, clock=clock)):
        await clock.someone_sleeps(37, 37)
        asked = len(hosted.requests)
        await clock.advance(30)
        assert len(hosted.requests) == asked
        await clock.advance(7)
        await ended(hosted, execution_id)


async def test_a_lost_patch_is_repeated_and_never_becomes_a_failure(
    hosted: HostedPlatform, proxy: tuple[str, FaultProxy], clock: ManualClock
) -> None:
    hosted.limit = RESTLESS
    address, faults = proxy
    task_id = hosted.add_task("power")
    faults.plan("PATCH", Cut(after=True), Answer(500), Answer(502), Cut(after=False))
    faults.plan("GET .*/poll", Answer(500), Cut(after=False))
    executions = [hosted.enqueue(task_id, {"power": n}) for n in range(3)]
    async with running(make_worker(address, power, clock=clock)):
        waiting = asyncio.create_task(ended(hosted, *executions))
        await asyncio.wait_for(let_time_pass(clock, waiting), 60)
    assert "FAILED" not in {patch["status"] for patch in hosted.bodies("PATCH")}
    assert faults.done


async def test_a_result_that_is_refused_is_dropped_and_the_slot_is_free(
    hosted: HostedPlatform, proxy: tuple[str, FaultProxy], clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    address, faults = proxy
    task_id = hosted.add_task("power")
    faults.plan("PATCH", Answer(400), Answer(413))
    executions = [hosted.enqueue(task_id, {"power": n}) for n in range(3)]
    async with running(make_worker(address, power, clock=clock)):
        last = (await ended(hosted, *executions[1:]))[-1]
    assert last["status"] == "COMPLETED"
    assert "its result is dropped" in caplog.text
    assert "too large" in hosted.task_executions[executions[1]]["output"]["message"]
    assert hosted.task_executions[executions[0]]["status"] == "IN_PROGRESS"


async def test_most_tasks_need_no_heartbeat_and_long_ones_send_some(
    hosted: HostedPlatform, address: str, clock: ManualClock
) -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    @task("power")
    async def slow(input: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        await gate.wait()
        return {"done": True}

    execution_id = hosted.enqueue(hosted.add_task("power", responseTimeoutSeconds=600), {})
    async with running(make_worker(address, slow, clock=clock)):
        await asyncio.wait_for(begun.wait(), 60)
        for _ in range(2):
            await clock.someone_sleeps(100, 100)
            await clock.advance(100)
        assert hosted.bodies("PATCH") == []
        await clock.someone_sleeps(100, 100)
        await clock.advance(100)
        assert await asyncio.to_thread(hosted.heartbeats.wait, 20)
        gate.set()
        await ended(hosted, execution_id)
    assert [patch["status"] for patch in hosted.bodies("PATCH")] == ["IN_PROGRESS", "COMPLETED"]


async def test_a_heartbeat_that_finds_it_gone_cancels(
    hosted: HostedPlatform, address: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    cancelled, begun = asyncio.Event(), asyncio.Event()

    @task("power")
    async def slow(input: dict[str, Any]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    execution_id = hosted.enqueue(hosted.add_task("power", responseTimeoutSeconds=60), {})
    async with running(make_worker(address, slow, clock=clock)):
        await asyncio.wait_for(begun.wait(), 60)
        del hosted.task_executions[execution_id]
        for _ in range(3):
            await clock.someone_sleeps(10, 10)
            await clock.advance(10)
        await asyncio.wait_for(cancelled.wait(), 60)
    assert "told to stop" in caplog.text


async def test_what_does_not_end_in_time_is_left_to_the_platform(
    hosted: HostedPlatform, address: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    begun = asyncio.Event()

    @task("power")
    async def endless(input: dict[str, Any]) -> None:
        begun.set()
        await asyncio.Event().wait()

    hosted.enqueue(hosted.add_task("power"), {})
    worker = make_worker(address, endless, clock=clock, grace=2)
    async with running(worker) as working:
        await asyncio.wait_for(begun.wait(), 60)
        worker.stop()
        await clock.someone_sleeps(2, 2)
        await clock.advance(2)
        await asyncio.wait_for(working, 60)
    assert hosted.bodies("PATCH") == []
    assert "hand it out again after its response timeout of 3600 s" in caplog.text


async def test_it_says_how_it_works_there(
    hosted: HostedPlatform, address: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "data_factory.worker")
    execution_id = hosted.enqueue(hosted.add_task("power"), {"power": 1})
    async with running(make_worker(address, power, clock=clock)):
        await ended(hosted, execution_id)
    assert "knows no claims: polling, up to 50 requests a minute" in caplog.text
    assert f"running power (power) at {address}, 1 at a time" in caplog.text
    claims = [path for _, path, _ in hosted.requests if path.endswith("/claim")]
    assert len(claims) == 1, "it asks once whether claims are known"


async def test_a_poll_that_was_under_way_when_it_stopped_is_not_lost(
    hosted: HostedPlatform, proxy: tuple[str, FaultProxy], clock: ManualClock
) -> None:
    address, faults = proxy
    on_its_way = Hold(after=True)
    faults.plan("GET .*/poll", on_its_way)
    execution_id = hosted.enqueue(hosted.add_task("power"), {"power": 2})
    worker = make_worker(address, power, clock=clock)
    async with running(worker) as working:
        assert await asyncio.to_thread(on_its_way.reached.wait, 20)
        worker.stop()
        await clock.someone_sleeps(5, 5)
        on_its_way.release.set()
        await asyncio.wait_for(working, 60)
    assert hosted.task_executions[execution_id]["output"] == {"result": 4}


async def test_no_poll_is_sent_once_it_stops(hosted: HostedPlatform, address: str, clock: ManualClock) -> None:
    hosted.limit = 50
    task_id = hosted.add_task("power")
    executions = [hosted.enqueue(task_id, {"power": n}) for n in range(40)]
    worker = make_worker(address, power, clock=clock)
    async with running(worker) as working:
        await ended(hosted, *executions[:20])
        await clock.someone_sleeps(30, 61)
        asked = len(hosted.requests)
        worker.stop()
        await asyncio.wait_for(working, 60)
    assert len(hosted.requests) == asked


async def test_a_gateway_that_forbids_unknown_paths_is_no_refused_key(
    hosted: HostedPlatform, proxy: tuple[str, FaultProxy], clock: ManualClock
) -> None:
    address, faults = proxy
    faults.plan("POST .*/claim", Answer(403))
    execution_id = hosted.enqueue(hosted.add_task("power"), {"power": 2})
    async with running(make_worker(address, power, clock=clock)):
        (done,) = await ended(hosted, execution_id)
    assert done["status"] == "COMPLETED"


@pytest.mark.parametrize("refused", ["PATCH", "GET .*/poll"])
async def test_a_key_that_is_refused_at_any_time_stops_it(
    hosted: HostedPlatform, proxy: tuple[str, FaultProxy], clock: ManualClock, refused: str
) -> None:
    address, faults = proxy
    faults.plan(refused, Answer(401))
    hosted.enqueue(hosted.add_task("power"), {"power": 2})
    with pytest.raises(KeyRefused, match="refuses the API key"):
        await asyncio.wait_for(make_worker(address, power, clock=clock).run_async(), 60)


async def test_there_is_no_pause_there(hosted: HostedPlatform, address: str, clock: ManualClock) -> None:
    """A task that minds pauses runs there as if there were none, also after a heartbeat."""
    paused: list[bool] = []

    @task("considerate")
    async def considerate(ctx: TaskContext) -> dict[str, str]:
        await ctx.resumed()
        paused.append(ctx.paused)
        assert await asyncio.to_thread(hosted.heartbeats.wait, 20)
        await ctx.resumed()
        paused.append(ctx.paused or not ctx.wait_until_resumed())
        return {"trace": ctx.traceparent}

    task_id = hosted.add_task("considerate", responseTimeoutSeconds=60)
    execution_id = hosted.enqueue(task_id, {})
    async with running(make_worker(address, considerate, clock=clock)):
        ending = asyncio.create_task(ended(hosted, execution_id))
        await let_time_pass(clock, ending)
    assert paused == [False, False]
    assert ending.result()[0]["output"] == {"trace": ""}
