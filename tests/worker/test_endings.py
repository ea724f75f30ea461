"""How tasks end, what they say meanwhile, and what a later try knows of it: on our real server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from data_factory import Fail, FailForGood, Progress, RetryLater, Router, TaskContext, UserError, task
from data_factory.client import Client
from data_factory.model.requests import ReportBody
from tests.standin.faults import FaultProxy
from tests.worker.clock import ManualClock
from tests.worker.conftest import Desk, make_worker, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def retried(api: Client) -> Desk:
    return Desk(api, retryCount=2, retryDelaySeconds=0)


def attempts(desk: Desk, execution_id: str) -> list[str]:
    return [one.status for one in list(desk.api.job_executions.task_executions(execution_id))[::-1]]


ENDINGS: list[tuple[BaseException, str, list[str], dict[str, Any]]] = [
    (Fail("again", {"rows": 0}), "FAILED", ["FAILED"] * 3, {"message": "again", "rows": 0}),
    (FailForGood("never"), "FAILED", ["FAILED_WITH_TERMINAL_ERROR"], {"message": "never"}),
    (UserError("no such shop"), "USER_ERROR", ["FAILED_WITH_TERMINAL_ERROR"],
     {"message": "no such shop", "errorType": "USER_ERROR"}),
]  # fmt: skip


@pytest.mark.parametrize("returned", [True, False])
@pytest.mark.parametrize(("ending", "job_status", "statuses", "output"), ENDINGS)
async def test_an_ending_is_raised_or_returned(
    server: str, retried: Desk, clock: ManualClock, ending: Exception, job_status: str, statuses: list[str],
    output: dict[str, Any], returned: bool,
) -> None:  # fmt: skip
    @task(retried.key)
    def ends() -> Any:
        if returned:
            return ending
        raise ending

    async with running(make_worker(server, ends, clock=clock)):
        execution_id = retried.launch()
        done = await retried.ended(execution_id)
    assert (done.status, done.output) == (job_status, output)
    assert attempts(retried, execution_id) == statuses


async def test_an_input_that_does_not_fit_is_not_tried_again(server: str, retried: Desk, clock: ManualClock) -> None:
    @task(retried.key)
    def typed(power: int) -> None: ...

    async with running(make_worker(server, typed, clock=clock)):
        execution_id = retried.launch(power="x")
        await retried.ended(execution_id)
    assert attempts(retried, execution_id) == ["FAILED_WITH_TERMINAL_ERROR"]


async def test_retry_later_is_the_same_attempt_and_goes_on_from_what_was_saved(
    server: str, retried: Desk, clock: ManualClock
) -> None:
    seen: list[tuple[int, Any]] = []

    @task(retried.key)
    async def exports(ctx: TaskContext) -> dict[str, Any]:
        seen.append((ctx.attempt, dict(ctx.previous)))
        if not ctx.previous:
            ctx.save({"export": "e-1"})
            raise RetryLater(1, "the export is not ready")
        return {"done": ctx.previous["export"]}

    async with running(make_worker(server, exports, clock=clock)):
        execution_id = retried.launch()
        done = await retried.ended(execution_id)
    assert done.output == {"done": "e-1"}
    assert seen == [(1, {}), (1, {"export": "e-1"})]
    held = retried.task_execution(execution_id)
    assert (held.started_at - held.created_at).total_seconds() >= 1


async def test_a_failed_attempt_leaves_what_it_saved_to_the_next(
    server: str, retried: Desk, clock: ManualClock
) -> None:
    seen: list[Any] = []

    @task(retried.key)
    def resumes(ctx: TaskContext) -> dict[str, Any]:
        seen.append(dict(ctx.previous))
        ctx.save({"page": ctx.previous.get("page", 0) + 1})
        if ctx.attempt < 3:
            raise RuntimeError("no luck")
        return {"pages": ctx.previous["page"]}

    async with running(make_worker(server, resumes, clock=clock)):
        done = await retried.ended(retried.launch())
    assert done.output == {"pages": 2}
    assert seen == [{}, {"page": 1}, {"page": 2}]


async def test_an_attempt_that_was_lost_leaves_what_its_heartbeat_saved(
    server: str, retried: Desk, clock: ManualClock
) -> None:
    """As when a worker is killed: nothing but its heartbeats has reached the server."""
    execution_id = retried.launch()
    (held,) = retried.api.task_executions.claim([retried.task_id], lease_seconds=1).data
    retried.api.task_executions.report([ReportBody(id=held.id, status="IN_PROGRESS", output={"page": 7})])

    @task(retried.key)
    def resumes(ctx: TaskContext) -> dict[str, Any]:
        return {"from": dict(ctx.previous), "attempt": ctx.attempt}

    async with running(make_worker(server, resumes, clock=clock)):
        done = await retried.ended(execution_id)
    assert done.output == {"from": {"page": 7}, "attempt": 2}


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_progress_and_parts_go_with_a_heartbeat_at_once(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock, kind: str
) -> None:
    address, proxy = faults
    go_on, async_go_on = threading.Event(), asyncio.Event()

    @task(desk.key)
    def sync(input: dict[str, Any]) -> Iterator[Progress | dict[str, Any]]:
        yield {"rows": 400}
        yield Progress(0.4, "400/1000 rows")
        assert go_on.wait(60)
        yield {"more": True}

    async def asynchronous(input: dict[str, Any], ctx: TaskContext) -> dict[str, Any]:
        ctx.save({"rows": 400})
        ctx.progress(0.4, "400/1000 rows")
        await async_go_on.wait()
        return {"rows": 400, "more": True}

    worker = make_worker(address, sync if kind == "sync" else task(desk.key)(asynchronous), clock=clock)
    async with running(worker):
        execution_id = desk.launch()
        await clock.someone_sleeps(1, 1)
        while (held := desk.task_execution(execution_id)).progress is None:
            await clock.someone_sleeps(1, 1)
            await clock.advance(1)
        assert (held.output, held.progress.ratio, held.progress.message) == ({"rows": 400}, 0.4, "400/1000 rows")
        go_on.set()
        async_go_on.set()
        assert (await desk.ended(execution_id)).output == {"rows": 400, "more": True}
    beats = [
        one for body in proxy.requests("POST .*/report") for one in json.loads(body)["reports"]
        if one["status"] == "IN_PROGRESS"
    ]  # fmt: skip
    assert 1 <= len(beats) <= 3, "many notes, few heartbeats"


async def test_a_task_out_of_time_is_told_to_stop_and_fails(
    server: str, api: Client, desk: Desk, clock: ManualClock
) -> None:
    other = Desk(api)
    cancelled = asyncio.Event()

    @task(desk.key, timeout=5)
    async def in_loop() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    @task(other.key, timeout=7)
    def in_thread(ctx: TaskContext) -> dict[str, Any]:
        assert ctx.cancellation.wait(60)
        return {"too": "late"}

    async with running(make_worker(server, in_loop, in_thread, clock=clock, concurrency=2)):
        first, second = desk.launch(), other.launch()
        await clock.someone_sleeps(5, 5)
        await clock.someone_sleeps(7, 7)
        await clock.advance(7)
        await asyncio.wait_for(cancelled.wait(), 20)
        outputs = [(await one.ended(id)).output["message"] for one, id in ((desk, first), (other, second))]
    assert outputs == [f"The task ran longer than its timeout of {n} seconds" for n in (5, 7)]


async def test_what_the_server_no_longer_waits_for_is_dropped_without_asking_it(
    server: str, api: Client, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(api, timeoutSeconds=100)
    cancelled = asyncio.Event()

    @task(desk.key)
    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with running(make_worker(server, endless, clock=clock)):
        execution_id = desk.launch()
        await clock.someone_sleeps(100, 100)
        await clock.advance(100)
        await asyncio.wait_for(cancelled.wait(), 20)
        desk.api.job_executions.cancel(execution_id)
    assert "the 100 seconds that the server gave it are over" in caplog.text


Proceed = Callable[[], Awaitable[dict[str, Any]]]


async def test_middleware_is_around_each_run_outermost_first(server: str, desk: Desk, clock: ManualClock) -> None:
    order: list[str] = []

    def named(name: str) -> Any:
        async def around(ctx: TaskContext, proceed: Proceed) -> dict[str, Any]:
            assert TaskContext.current() is ctx
            order.append(f"{name} begins")
            try:
                return {**await proceed(), name: True}
            finally:
                order.append(f"{name} ends")

        return around

    router = Router(middleware=[named("router")])

    @router.task(desk.key)
    def works(fail: bool) -> dict[str, Any]:
        order.append(TaskContext.current().task_key)
        if fail:
            raise Fail("as it was told")
        return {}

    async with running(make_worker(server, router, clock=clock, middleware=[named("worker")])):
        assert (await desk.ended(desk.launch(fail=False))).output == {"router": True, "worker": True}
        assert order == ["worker begins", "router begins", desk.key, "router ends", "worker ends"]
        assert (await desk.ended(desk.launch(fail=True))).output == {"message": "as it was told"}
    assert order[5:] == order[:5]


async def test_a_task_with_a_limit_gets_no_more_and_leaves_room_for_others(
    server: str, api: Client, desk: Desk, clock: ManualClock
) -> None:
    other = Desk(api)
    most, now, lock, go_on = 0, 0, threading.Lock(), threading.Event()

    @task(desk.key, concurrency=2)
    def limited() -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        assert go_on.wait(60)
        with lock:
            now -= 1

    @task(other.key)
    def free() -> None: ...

    executions = [desk.launch() for _ in range(5)]
    async with running(make_worker(server, limited, free, clock=clock, concurrency=8)):
        for _ in range(3):
            assert (await other.ended(other.launch())).status == "COMPLETED"
        statuses = [desk.task_execution(one).status for one in executions]
        assert statuses.count("IN_PROGRESS") == 2
        go_on.set()
        assert {(await desk.ended(one)).status for one in executions} == {"COMPLETED"}
    assert most == 2


async def test_room_that_comes_back_is_claimed_for_without_waiting_for_the_long_poll(
    server: str, api: Client, desk: Desk, clock: ManualClock
) -> None:
    other = Desk(api)
    begun, go_on = threading.Event(), threading.Event()

    @task(desk.key, concurrency=1)
    def limited(wait: bool) -> None:
        begun.set()
        assert not wait or go_on.wait(60)

    @task(other.key)
    def free() -> None: ...

    async with running(make_worker(server, limited, free, clock=clock, concurrency=8, wait_seconds=600)):
        first = desk.launch(wait=True)
        assert await asyncio.to_thread(begun.wait, 20)
        await other.ended(other.launch())
        go_on.set()
        await desk.ended(first)
        assert (await desk.ended(desk.launch(wait=False))).status == "COMPLETED"


async def test_a_rate_is_kept(server: str, desk: Desk, clock: ManualClock) -> None:
    @task(desk.key, rate="2/minute")
    def seldom() -> None: ...

    executions = [desk.launch() for _ in range(3)]
    async with running(make_worker(server, seldom, clock=clock, concurrency=8)):
        for one in executions[:2]:
            await desk.ended(one)
        await clock.someone_sleeps(60, 60)
        assert desk.task_execution(executions[2]).status == "SCHEDULED"
        await clock.advance(60)
        await desk.ended(executions[2])
