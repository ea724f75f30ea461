"""The worker against our real server, with the faults that networks, servers and tasks have."""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data_factory import TaskContext, task
from data_factory.client import Client
from data_factory.model.requests import ReportBody
from data_factory.worker.errors import KeyRefused, UsageError
from tests.standin.faults import Answer, Cut, Fault, FaultProxy, Hold
from tests.worker.clock import ManualClock
from tests.worker.conftest import Desk, make_worker, running

pytestmark = pytest.mark.anyio


@dataclass
class PowerInput:
    power: int


@dataclass
class PowerOutput:
    result: int


def power(key: str) -> Callable[..., Any]:
    """The example's task, for the task of a test."""

    @task(key)
    def power(input: PowerInput) -> PowerOutput:
        return PowerOutput(2**input.power)

    return power


class Gate:
    """A handler in a thread that waits for the test, or for its cancellation."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()
        self.contexts: list[TaskContext] = []

    def __call__(self, input: dict[str, Any], ctx: TaskContext) -> dict[str, Any]:
        self.contexts.append(ctx)
        self.begun.set()
        assert self.open.wait(60)
        return {"cancelled": ctx.cancelled}

    def as_task(self, key: str) -> Callable[..., Any]:
        def gate(input: dict[str, Any], ctx: TaskContext) -> dict[str, Any]:
            return self(input, ctx)

        return task(key)(gate)


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 20)


@dataclass
class Slow:
    """An `async` handler that waits for the test; a cancellation is noted."""

    begun: asyncio.Event
    open: asyncio.Event
    cancelled: asyncio.Event

    @classmethod
    def make(cls) -> Slow:
        return cls(asyncio.Event(), asyncio.Event(), asyncio.Event())

    def as_task(self, key: str) -> Callable[..., Any]:
        @task(key)
        async def slow(input: dict[str, Any]) -> dict[str, Any]:
            self.begun.set()
            try:
                await self.open.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            return {"done": True}

        return slow


# What it is for


async def test_a_job_runs_to_its_end(server: str, desk: Desk, clock: ManualClock) -> None:
    async with running(make_worker(server, power(desk.key), clock=clock)):
        done = await desk.ended(desk.launch(power=10))
    assert (done.status, done.output) == ("COMPLETED", {"result": 1024})


async def test_integers_of_any_size_pass_exactly(server: str, desk: Desk, clock: ManualClock) -> None:
    async with running(make_worker(server, power(desk.key), clock=clock)):
        done = await desk.ended(desk.launch(power=10_000))
    assert done.output == {"result": 2**10_000}


async def test_wrong_input_and_wrong_output_fail_with_what_is_wrong(
    server: str, api: Client, desk: Desk, clock: ManualClock
) -> None:
    other = Desk(api)

    @task(other.key)
    def promises_more(input: dict[str, Any]) -> PowerOutput:
        return input["give"]

    async with running(make_worker(server, power(desk.key), promises_more, clock=clock)):
        wrong_input = await desk.ended(desk.launch(power="10"))
        wrong_output = await other.ended(other.launch(give={"result": "x"}))
        no_object = await other.ended(other.launch(give=[1]))
    assert wrong_input.output == {
        "message": 'Input validation failed: "power: Expected `int`, got `str`"',
        "errors": [{"path": "power", "message": "Expected `int`, got `str`"}],
    }
    assert wrong_input.status == "FAILED"
    assert wrong_output.output["message"] == 'Output validation failed: "result: Expected `int`, got `str`"'
    assert no_object.output["message"] == 'Output validation failed: "Expected an object, got `list`"'


async def test_a_task_that_raises_fails_with_the_message(server: str, desk: Desk, clock: ManualClock) -> None:
    raised: list[BaseException] = [ValueError("no luck"), KeyError(), SystemExit(3), asyncio.CancelledError()]

    @task(desk.key)
    def unlucky(input: dict[str, Any]) -> None:
        raise raised[input["at"]]

    async with running(make_worker(server, unlucky, clock=clock)):
        outputs = [(await desk.ended(desk.launch(at=at))).output["message"] for at in range(len(raised))]
    assert outputs == [
        'Task failed "no luck"', 'Task failed "KeyError"', 'Task failed "3"', 'Task failed "CancelledError"',
    ]  # fmt: skip


async def test_an_async_task_cannot_take_the_worker_with_it(server: str, desk: Desk, clock: ManualClock) -> None:
    @task(desk.key)
    async def unlucky(input: dict[str, Any]) -> None:
        if input["how"] == "exit":
            raise SystemExit(3)
        raise asyncio.CancelledError

    async with running(make_worker(server, unlucky, clock=clock)):
        outputs = [(await desk.ended(desk.launch(how=how))).output["message"] for how in ("exit", "cancel")]
    assert outputs == ['Task failed "SystemExit: 3"', 'Task failed "CancelledError"']


async def test_a_set_is_no_output_and_the_worker_goes_on(server: str, desk: Desk, clock: ManualClock) -> None:
    @task(desk.key)
    def gives_a_set(input: dict[str, Any]) -> Any:
        return {1, 2} if input["set"] else {"fine": True}

    async with running(make_worker(server, gives_a_set, clock=clock)):
        wrong = await desk.ended(desk.launch(set=True))
        right = await desk.ended(desk.launch(set=False))
    assert wrong.output["message"] == 'Output validation failed: "Expected an object, got `set`"'
    assert right.output == {"fine": True}


async def test_each_run_has_a_folder_of_its_own_that_goes_with_all_in_it(
    server: str, desk: Desk, clock: ManualClock
) -> None:
    folders: list[Path] = []

    @task(desk.key)
    def leaves_files(input: dict[str, Any], ctx: TaskContext) -> None:
        folders.append(ctx.workdir)
        (ctx.workdir / "deep" / "deeper").mkdir(parents=True)
        (ctx.workdir / "deep" / "deeper" / "file").write_bytes(b"x" * 10_000)
        (ctx.workdir / "link").symlink_to("/")
        (ctx.workdir / "deep").chmod(0o500)
        if input["fail"]:
            raise RuntimeError("left a mess")

    async with running(make_worker(server, leaves_files, clock=clock)):
        await desk.ended(desk.launch(fail=False))
        await desk.ended(desk.launch(fail=True))
        assert len(set(folders)) == 2
        assert [folder.exists() for folder in folders] == [False, False]
    assert not folders[0].parent.exists()


async def test_what_a_task_is_told(server: str, api: Client, clock: ManualClock) -> None:
    desk = Desk(api, timeoutSeconds=100)
    told: list[tuple[dict[str, Any], TaskContext]] = []

    @task(desk.key)
    async def listens(input: dict[str, Any], ctx: TaskContext) -> None:
        told.append((input, ctx))

    async with running(make_worker(server, listens, clock=clock)):
        execution_id = desk.launch(power=10)
        await desk.ended(execution_id)
    (input, context), execution = told[0], desk.task_execution(execution_id)
    assert input == {"power": 10}
    assert (context.id, context.job_execution_id, context.task_key) == (execution.id, execution_id, desk.key)
    assert (context.attempt, context.task_id, context.cancelled) == (1, desk.task_id, False)
    assert context.event_correlation_id
    assert context.deadline is not None


async def test_as_many_at_a_time_as_there_is_room_for(server: str, desk: Desk, clock: ManualClock) -> None:
    gate = Gate()
    executions = [desk.launch(n=n) for n in range(5)]
    async with running(make_worker(server, gate.as_task(desk.key), clock=clock, concurrency=3)):
        while len(gate.contexts) < 3:
            gate.begun.clear()
            await until(gate.begun)
        statuses = [desk.task_execution(one).status for one in executions]
        assert statuses.count("IN_PROGRESS") == 3
        gate.open.set()
        assert {(await desk.ended(one)).status for one in executions} == {"COMPLETED"}


async def test_results_go_in_batches_and_bring_the_next_work(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock
) -> None:
    address, proxy = faults
    executions = [desk.launch(power=n) for n in range(200)]
    async with running(make_worker(address, power(desk.key), clock=clock, concurrency=50)):
        outputs = [(await desk.ended(one)).output for one in executions]
    assert outputs == [{"result": 2**n} for n in range(200)]
    reports = [json.loads(body) for body in proxy.requests("POST .*/report")]
    assert sum(len(report["reports"]) for report in reports) == 200
    assert len(reports) < 100
    assert any(report.get("claim") for report in reports)
    assert all(json.loads(body)["limit"] <= 50 for body in proxy.requests("POST .*/claim"))


# Networks and servers


@pytest.mark.parametrize("after", [True, False])
async def test_a_claim_whose_answer_was_lost_is_repeated_as_the_same_claim(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock, after: bool
) -> None:
    address, proxy = faults
    execution_id = desk.launch(power=10)
    proxy.plan("POST .*/claim", Cut(after), Cut(after))
    async with running(make_worker(address, power(desk.key), clock=clock)):
        assert (await desk.ended(execution_id)).output == {"result": 1024}
    requests = [json.loads(body)["requestId"] for body in proxy.requests("POST .*/claim")]
    assert requests[0] == requests[1] == requests[2]
    assert desk.task_execution(execution_id).attempt == 1


STORM: list[Fault] = [
    Cut(after=True),
    Answer(503),
    Answer(502),
    Cut(after=False),
    Answer(500),
    Answer(429, {"Retry-After": "0"}),
]


async def test_a_result_is_repeated_until_the_server_has_it(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "data_factory.worker")
    address, proxy = faults
    proxy.plan("POST .*/report", *STORM)
    runs: list[int] = []

    @task(desk.key)
    def counted(input: dict[str, Any]) -> dict[str, Any]:
        runs.append(1)
        return {"done": True}

    async with running(make_worker(address, counted, clock=clock)):
        done = await desk.ended(desk.launch())
        assert (done.status, done.output) == ("COMPLETED", {"done": True})
        again = await desk.ended(desk.launch())
        assert again.status == "COMPLETED"
    assert proxy.done
    assert len(runs) == 2
    said = [record.message for record in caplog.records if "again" in record.message]
    assert len(said) == 2, "it says once that the server does not answer, and once that it does"


async def test_a_storm_over_everything_loses_nothing(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock
) -> None:
    address, proxy = faults
    proxy.plan("", *STORM * 3)
    executions = [desk.launch(power=n) for n in range(20)]
    async with running(make_worker(address, power(desk.key), clock=clock, concurrency=4)):
        outputs = [(await desk.ended(one)).output for one in executions]
    assert outputs == [{"result": 2**n} for n in range(20)]
    assert proxy.done


async def test_a_lost_answer_to_report_and_claim_loses_neither(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock
) -> None:
    address, proxy = faults
    executions = [desk.launch(power=n) for n in range(6)]
    proxy.plan("POST .*/report", *[Cut(after=True), None] * 3)
    async with running(make_worker(address, power(desk.key), clock=clock)):
        for n, one in enumerate(executions):
            assert (await desk.ended(one)).output == {"result": 2**n}
    assert [desk.task_execution(one).attempt for one in executions] == [1] * 6


async def test_a_server_that_is_not_there_yet_is_waited_for(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    address, proxy = faults
    proxy.plan("", *[Cut(after=False)] * 20)
    async with running(make_worker(address, power(desk.key), clock=clock)):
        assert (await desk.ended(desk.launch(power=3))).output == {"result": 8}
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert f"no answer from {address}" in warnings[0]


async def test_a_refused_key_stops_it_at_once(server: str, desk: Desk, clock: ManualClock) -> None:
    worker = make_worker(server, power(desk.key), clock=clock)
    worker._settings = worker._settings and type(worker._settings)(server, "wrong")
    with pytest.raises(KeyRefused, match="refuses the API key"):
        await asyncio.wait_for(worker.run_async(), 60)


async def test_a_key_that_is_revoked_while_it_works_stops_it(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock
) -> None:
    address, proxy = faults
    slow = Slow.make()
    proxy.plan("POST .*/report", Answer(401))
    desk.launch()
    worker = make_worker(address, slow.as_task(desk.key), clock=clock, concurrency=2)
    working = asyncio.create_task(worker.run_async())
    await asyncio.wait_for(slow.begun.wait(), 60)
    await clock.someone_sleeps(20, 20)
    await clock.advance(20)
    with pytest.raises(KeyRefused):
        await asyncio.wait_for(working, 60)
    assert slow.cancelled.is_set()


async def test_an_unknown_task_is_named_with_those_that_exist(server: str, desk: Desk, clock: ManualClock) -> None:
    with pytest.raises(UsageError, match=f"no task has the key {desk.key}-x.*its tasks are {desk.key}"):
        await make_worker(server, power(f"{desk.key}-x"), clock=clock).run_async()
    with pytest.raises(UsageError, match=f"no task has the id 0{{24}}.*{desk.key}"):
        await make_worker(server, task(id="0" * 24)(lambda: None), clock=clock).run_async()


async def test_a_deleted_task_does_not_hold_up_the_others(
    server: str, api: Client, desk: Desk, clock: ManualClock
) -> None:
    gone = api.tasks.create({"key": f"gone-with-{desk.key}"})

    @task(id=gone.id)
    def other(input: dict[str, Any]) -> None: ...

    async with running(make_worker(server, power(desk.key), other, clock=clock)):
        await desk.ended(desk.launch(power=0))
        api.tasks.delete(gone.id)
        assert (await desk.ended(desk.launch(power=1))).output == {"result": 2}


# Results that the server does not take


async def test_an_output_that_is_too_large_fails_and_says_so(server: str, desk: Desk, clock: ManualClock) -> None:
    @task(desk.key)
    def large(input: dict[str, Any]) -> dict[str, Any]:
        return {"text": "x" * input["size"]}

    executions = [desk.launch(size=size) for size in (1, 11_000_000, 2, 6_000_000, 6_000_000)]
    async with running(make_worker(server, large, clock=clock, concurrency=5)):
        done = [await desk.ended(one) for one in executions]
    assert [one.status for one in done] == ["COMPLETED", "FAILED", "COMPLETED", "COMPLETED", "COMPLETED"]
    assert "its output is too large" in done[1].output["message"]


async def test_an_output_that_the_server_refuses_fails_and_says_so(server: str, desk: Desk, clock: ManualClock) -> None:
    @task(desk.key)
    def deep(input: dict[str, Any]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for _ in range(input["depth"]):
            value = {"in": value}
        return value

    executions = [desk.launch(depth=depth) for depth in (1, 400, 2)]
    async with running(make_worker(server, deep, clock=clock, concurrency=3)):
        done = [await desk.ended(one) for one in executions]
    assert [one.status for one in done] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert "its output was refused by the server" in done[1].output["message"]


# Heartbeats: cancel, lost lease


async def test_one_heartbeat_keeps_all_leases(faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock) -> None:
    address, proxy = faults
    gate = Gate()
    executions = [desk.launch(n=n) for n in range(2)]
    async with running(make_worker(address, gate.as_task(desk.key), clock=clock, concurrency=2)):
        while len(gate.contexts) < 2:
            gate.begun.clear()
            await until(gate.begun)
        before = desk.task_execution(executions[0]).lease_expires_at
        await clock.someone_sleeps(20, 20)
        hold = Hold()
        proxy.plan("POST .*/report", hold, None)
        await clock.advance(20)
        await until(hold.reached)
        hold.release.set()
        await clock.someone_sleeps(20, 20)
        assert desk.task_execution(executions[0]).lease_expires_at > before
        gate.open.set()
        assert {(await desk.ended(one)).status for one in executions} == {"COMPLETED"}
    beats = next(json.loads(body)["reports"] for body in proxy.requests("POST .*/report"))
    assert [beat["status"] for beat in beats] == ["IN_PROGRESS"] * 2


async def test_a_short_response_timeout_makes_for_more_heartbeats(server: str, api: Client, clock: ManualClock) -> None:
    desk = Desk(api, responseTimeoutSeconds=9)
    gate = Gate()
    async with running(make_worker(server, gate.as_task(desk.key), clock=clock)):
        execution_id = desk.launch()
        await until(gate.begun)
        await clock.someone_sleeps(3, 3)
        gate.open.set()
        assert (await desk.ended(execution_id)).status == "COMPLETED"


async def test_a_canceled_async_task_is_cancelled(
    server: str, desk: Desk, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow.make()
    async with running(make_worker(server, slow.as_task(desk.key), clock=clock)):
        execution_id = desk.launch()
        await asyncio.wait_for(slow.begun.wait(), 60)
        desk.api.job_executions.cancel(execution_id)
        await clock.someone_sleeps(20, 20)
        await clock.advance(20)
        await asyncio.wait_for(slow.cancelled.wait(), 60)
        slow.open.set()
        assert (await desk.ended(desk.launch())).status == "COMPLETED"
    assert desk.task_execution(execution_id).status == "CANCELED"
    dropped = [record for record in caplog.records if "dropped" in record.message]
    assert len(dropped) == 1
    assert "task_execution_canceled" in dropped[0].message


async def test_a_canceled_thread_is_told_and_its_slot_comes_back(
    server: str, desk: Desk, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    async with running(make_worker(server, gate.as_task(desk.key), clock=clock)):
        execution_id = desk.launch()
        await until(gate.begun)
        desk.api.job_executions.cancel(execution_id)
        await clock.someone_sleeps(20, 20)
        await clock.advance(20)
        await until(gate.contexts[0].cancellation)
        gate.open.set()
        assert (await desk.ended(desk.launch())).output == {"cancelled": False}
    assert desk.task_execution(execution_id).output == {}
    assert caplog.text.count("will be dropped") == 1


async def test_a_lost_lease_stops_the_run_and_the_other_worker_has_its_way(
    server: str, desk: Desk, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow.make()
    async with running(make_worker(server, slow.as_task(desk.key), clock=clock)):
        execution_id = desk.launch()
        await asyncio.wait_for(slow.begun.wait(), 60)
        held = desk.task_execution(execution_id)
        desk.api.task_executions.report([ReportBody(id=held.id, status="SCHEDULED")])
        (other,) = desk.api.task_executions.claim([desk.task_id]).data
        await clock.someone_sleeps(20, 20)
        await clock.advance(20)
        await asyncio.wait_for(slow.cancelled.wait(), 60)
        desk.api.task_executions.patch(other.id, {"status": "COMPLETED", "output": {"by": "other"}})
    assert (await desk.ended(execution_id)).output == {"by": "other"}
    assert "lease_lost" in caplog.text


async def test_a_result_that_came_too_late_is_dropped(
    server: str, desk: Desk, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    async with running(make_worker(server, gate.as_task(desk.key), clock=clock)):
        execution_id = desk.launch()
        await until(gate.begun)
        desk.api.job_executions.cancel(execution_id)
        gate.open.set()
        assert (await desk.ended(desk.launch())).status == "COMPLETED"
    assert (await desk.ended(execution_id)).status == "TERMINATED"
    assert "its result is dropped, the server says task_execution_canceled" in caplog.text


# The end


async def test_it_drains_before_it_stops(server: str, desk: Desk, clock: ManualClock) -> None:
    gate = Gate()
    worker = make_worker(server, gate.as_task(desk.key), clock=clock)
    async with running(worker) as working:
        first = desk.launch()
        await until(gate.begun)
        worker.stop()
        await clock.someone_sleeps(30, 30)
        second = desk.launch()
        gate.open.set()
        await asyncio.wait_for(working, 60)
    assert (await desk.ended(first)).status == "COMPLETED"
    assert desk.task_execution(second).status == "SCHEDULED"


async def test_what_does_not_end_within_the_grace_is_handed_back(
    server: str, api: Client, desk: Desk, clock: ManualClock
) -> None:
    other = Desk(api)
    gate, slow = Gate(), Slow.make()
    worker = make_worker(server, gate.as_task(desk.key), slow.as_task(other.key), clock=clock, concurrency=2, grace=5)
    async with running(worker) as working:
        in_thread, in_loop = desk.launch(), other.launch()
        await until(gate.begun)
        await asyncio.wait_for(slow.begun.wait(), 60)
        worker.stop()
        await clock.someone_sleeps(5, 5)
        await clock.advance(5)
        await asyncio.wait_for(slow.cancelled.wait(), 60)
        assert gate.contexts[0].cancelled
        await clock.someone_sleeps(1, 1)
        await clock.advance(1)
        await asyncio.wait_for(working, 60)
        gate.open.set()
    for one, execution_id in ((desk, in_thread), (other, in_loop)):
        handed_back = one.task_execution(execution_id)
        assert (handed_back.status, handed_back.attempt) == ("SCHEDULED", 1)


async def test_what_a_task_gives_once_it_knows_that_it_has_to_stop_is_not_taken_for_the_whole(
    server: str, api: Client, desk: Desk, clock: ManualClock
) -> None:
    others = [Desk(api) for _ in range(2)]
    begun: queue.SimpleQueue[str] = queue.SimpleQueue()
    told = threading.Event()

    @task(desk.key)
    def looks(ctx: TaskContext) -> dict[str, str]:
        begun.put("looks")
        with ctx.cancellation.heard_by(told.set):
            told.wait()
        return {"done": "a part" if ctx.cancelled else "all"}

    @task(others[0].key)
    def does_not_look() -> dict[str, str]:
        begun.put("does not look")
        told.wait()
        return {"done": "all"}

    @task(others[1].key)
    async def catches() -> dict[str, str]:
        begun.put("catches")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return {"done": "a part"}
        return {"done": "all"}

    worker = make_worker(server, looks, does_not_look, catches, clock=clock, concurrency=3, grace=5)
    async with running(worker) as working:
        runs = [one.launch() for one in (desk, *others)]
        for _ in runs:
            await asyncio.to_thread(begun.get, timeout=60)
        worker.stop()
        await clock.someone_sleeps(5, 5)
        await clock.advance(5)
        await asyncio.wait_for(working, 60)
    ends = [one.task_execution(run) for one, run in zip((desk, *others), runs, strict=True)]
    assert [one.status for one in ends] == ["SCHEDULED", "COMPLETED", "SCHEDULED"]
    assert [one.output for one in ends] == [{}, {"done": "all"}, {}]


async def test_work_that_was_claimed_while_it_stopped_is_handed_back(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock
) -> None:
    address, proxy = faults
    on_its_way = Hold(after=True)
    proxy.plan("POST .*/claim", None, on_its_way)
    worker = make_worker(address, power(desk.key), clock=clock)
    async with running(worker) as working:
        await until(on_its_way.arrived)
        execution_id = desk.launch(power=1)
        await until(on_its_way.reached)
        assert desk.task_execution(execution_id).status == "IN_PROGRESS"
        worker.stop()
        await asyncio.wait_for(working, 60)
        on_its_way.release.set()
    claims = [json.loads(body)["requestId"] for body in proxy.requests("POST .*/claim")]
    assert claims[1] == claims[2]
    assert (desk.task_execution(execution_id).status, desk.task_execution(execution_id).attempt) == ("SCHEDULED", 1)


async def test_it_can_be_stopped_while_it_cannot_reach_the_server(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock
) -> None:
    address, proxy = faults
    hold = Hold()
    proxy.plan("", *[Cut(after=False)] * 5, hold)
    worker = make_worker(address, power(desk.key), clock=clock)
    async with running(worker):
        await until(hold.reached)
    hold.release.set()


async def test_it_never_logs_inputs_outputs_or_the_key(
    server: str, desk: Desk, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(make_worker(server, power(desk.key), clock=clock)):
        await desk.ended(desk.launch(power=10, password="hunter2"))
        await desk.ended(desk.launch(power="hunter3"))
    ours = [record for record in caplog.records if record.name.startswith("data_factory.worker")]
    text = "\n".join(str(vars(record)) for record in ours)
    assert ours
    assert not any(secret in text for secret in ("hunter2", "hunter3", "1024", "the-key-of-these-tests"))
    completed = next(vars(record) for record in ours if vars(record).get("event") == "task_execution.completed")
    assert completed["task_execution_id"]
    assert completed["duration_ms"] >= 0


# What must not happen to a worker


async def test_a_report_that_the_server_fails_over_does_not_hold_up_the_others(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    address, proxy = faults
    poison = desk.launch(power=0)
    async with running(make_worker(address, power(desk.key), clock=clock)):
        proxy.plan("POST .*/report", *[Answer(500)] * 12)
        others = [desk.launch(power=n) for n in range(5)]
        for one in others:
            assert (await desk.ended(one)).status == "COMPLETED"
        assert (await desk.ended(poison)).status == "COMPLETED"
    assert "is set aside for now" in caplog.text


async def test_work_whose_claim_was_repeated_is_kept_alive_at_once(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock
) -> None:
    address, proxy = faults
    empty, beat = Hold(after=True), Hold()
    proxy.plan("POST .*/claim", empty, Cut(after=True))
    proxy.plan("POST .*/report", beat)
    slow = Slow.make()
    async with running(make_worker(address, slow.as_task(desk.key), clock=clock)):
        await until(empty.reached)
        execution_id = desk.launch()
        empty.release.set()
        await until(beat.arrived)
        beat.release.set()
        slow.open.set()
        assert (await desk.ended(execution_id)).status == "COMPLETED"
    assert json.loads(proxy.requests("POST .*/report")[0])["reports"][0]["status"] == "IN_PROGRESS"
