"""A mistake of ours in what one execution needs: it waits, and costs nobody else anything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from data_factory.engine import decider
from data_factory.engine.run import Outcome, Run
from data_factory.model.ids import NewId
from data_factory.model.records import JobRecord, TaskExecutionRecord
from data_factory.service import batch
from data_factory.service.effects import Effects
from data_factory.service.launches import launch_due
from data_factory.service.paging import Part
from data_factory.service.platform import Platform
from data_factory.service.setbacks import FIRST_MS, Stuck
from data_factory.service.slots import fill_slots
from data_factory.service.waiting_room import Presence
from data_factory.service.world import World
from data_factory.store.disk import DiskBlobs
from data_factory.store.postgresql import PostgresqlStore
from data_factory.store.postgresql.verbs.task_executions import TaskExecutionWrites
from data_factory.store.promises import ImpossibleWrite, Store
from data_factory.store.sqlite.verbs.task_executions import TaskExecutions
from tests.postgresql import Database
from tests.workshop import KEY, START, Orders, declare_job, declare_pipeline, declare_task, step

pytestmark = pytest.mark.anyio

WAIT = {"name": "a pause", "taskReferenceName": "pause", "type": "WAIT", "inputParameters": {"duration": "1m"}}


class Server(Orders):
    """A server whose timers the test runs; `now` is the time."""

    def __init__(self, open_store: Callable[[], Store], files: Path, now: int = START) -> None:
        self.now = now
        self.platform = Platform(open_store(), DiskBlobs(files), clock=lambda: self.now)

    async def start(self) -> None:
        await self.platform.start(KEY)
        await self.platform.timers.stop()
        super().__init__((await self.platform.keys.caller(KEY)).account_id, self.platform.new_id)

    async def stop(self) -> None:
        self.platform.room.close()
        await self.platform.stop()

    async def job(self, *steps: dict[str, Any], slots: int = 20, **fields: Any) -> JobRecord:
        line = await declare_pipeline(self.platform, self.account_id, slots)
        return await declare_job(self.platform, self.account_id, *steps, pipeline=line, **fields)

    async def launches(self, job: JobRecord, count: int) -> list[str]:
        """One after the other, a millisecond apart."""
        ids = []
        for _ in range(count):
            ids.append((await self.platform.executions.launch(self.launch(job))).id)
            self.now += 1
        return ids

    async def rounds(self) -> None:
        """Do what is due, and start what waits."""
        await self.platform.timers.run_once()
        await self.settle()

    async def settle(self) -> None:
        before = -1
        while before != self.platform.dispatcher.batches:
            before = self.platform.dispatcher.batches
            for _ in range(20):
                await self.platform.dispatcher.stop()
                await self.platform.store.write(lambda transaction: transaction.write_nothing_new())

    async def statuses(self) -> list[str]:
        """Of all job executions, in the order of their launch."""
        rows = await self.platform.executions.job_executions(self.account_id, Part(limit=100))
        return [row.status for row in reversed(rows)]

    async def message_of(self, id: str) -> str:
        _, [cause] = await self.platform.executions.why(self.account_id, id)
        return cause.message


@asynccontextmanager
async def server(open_store: Callable[[], Store], files: Path, now: int = START) -> AsyncIterator[Server]:
    here = Server(open_store, files, now)
    await here.start()
    try:
        yield here
    finally:
        await here.stop()


@pytest.fixture
async def here(open_store: Callable[[], Store], tmp_path: Path, anyio_backend: str) -> AsyncIterator[Server]:
    async with server(open_store, tmp_path / "files") as here:
        yield here


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The ids of the job executions of which the platform makes what no store keeps: COMPLETED, without an end."""
    ids: set[str] = set()

    def spoiled(decide: Callable[..., Outcome]) -> Callable[..., Outcome]:
        def spoil(run: Run, *args: Any) -> Outcome:
            outcome = decide(run, *args)
            if outcome.execution.id not in ids:
                return outcome
            return Outcome(replace(outcome.execution, status="COMPLETED", ended_at=None), outcome.task_executions)

        return spoil

    for name in ("start", "expire", "expire_job"):
        monkeypatch.setattr(decider, name, spoiled(getattr(decider, name)))
    return ids


def logged(caplog: pytest.LogCaptureFixture, id: str) -> int:
    """How often it was said of something that it cannot go on."""
    return sum(f"{id} cannot go on" in record.getMessage() for record in caplog.records)


async def test_timers_of_others_fire_in_the_same_round(
    here: Server, faulty: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    ids = await here.launches(await here.job(WAIT), 7)
    faulty.add(ids[2])
    here.now += 60_000
    await here.rounds()
    others = ["COMPLETED" if id != ids[2] else "RUNNING" for id in ids]
    assert await here.statuses() == others
    assert await here.message_of(ids[2]) == (
        "The platform could not go on with 'pause'; its log says why. It tries again in 1 minute."
    )
    [row] = await here.platform.executions.task_executions(here.account_id, ids[2], Part())
    assert [logged(caplog, row.id), "ImpossibleWrite" in caplog.text] == [1, True]
    for minutes in (1, 2):  # each time it is put off for longer, and not told of again
        here.now += minutes * FIRST_MS
        await here.rounds()
        assert (await here.message_of(ids[2])).endswith(f"It tries again in {2 * minutes} minutes.")
    assert [await here.statuses(), logged(caplog, row.id)] == [others, 1]
    faulty.clear()
    here.now += 4 * FIRST_MS
    await here.rounds()
    assert await here.statuses() == ["COMPLETED"] * 7


async def test_what_is_left_fires_in_its_order(here: Server, faulty: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await here.launches(await here.job(WAIT), 9)
    faulty.update([ids[0], ids[4], ids[8]])
    ended: list[str] = []
    tell = here.platform.dispatcher._on_effects

    def listen(effects: Effects) -> None:
        ended.extend(row.id for row in effects.ended)
        tell(effects)

    monkeypatch.setattr(here.platform.dispatcher, "_on_effects", listen)
    here.now += 60_000
    await here.rounds()
    assert ended == [id for id in ids if id not in faulty]


async def test_what_fails_outside_of_any_decision_is_found_too(here: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = [await declare_task(here.platform, here.account_id, key) for key in ("bad", "good")]
    jobs = [await here.job(step("first", task)) for task in (good, bad, good)]
    for job in jobs:
        await here.launches(job, 2)
    held = await here.platform.executions.claim(here.claim(bad, good, limit=10), 0, Presence())
    assert len(held) == 6
    may_make_room = World.may_make_room

    def look_up(self: World, task_id: str) -> bool:
        return {good.id: True}[task_id] and may_make_room(self, task_id)

    monkeypatch.setattr(World, "may_make_room", look_up)
    here.now += 3_600_000
    await here.rounds()
    assert await here.statuses() == ["TIMEDOUT"] * 2 + ["RUNNING"] * 2 + ["TIMEDOUT"] * 2
    monkeypatch.undo()
    here.now += FIRST_MS
    await here.rounds()
    assert await here.statuses() == ["TIMEDOUT"] * 6


async def test_the_timeouts_of_other_jobs_come(here: Server, faulty: set[str]) -> None:
    work = await declare_task(here.platform, here.account_id, "work")
    ids = await here.launches(await here.job(step("first", work), timeoutSeconds=60), 3)
    faulty.add(ids[0])
    here.now += 60_000
    await here.rounds()
    assert await here.statuses() == ["RUNNING", "TIMEDOUT", "TIMEDOUT"]
    faulty.clear()
    here.now += FIRST_MS
    await here.rounds()
    assert await here.statuses() == ["TIMEDOUT"] * 3


async def test_other_jobs_are_launched_at_their_times(here: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [{"cronExpression": "0 0 1 1 *"}]
    jobs = [await here.job(WAIT, periodicity=rules) for _ in range(3)]

    def launch(world: World, job: JobRecord, now: int, new_id: NewId) -> None:
        if job.id == jobs[1].id:
            raise KeyError(job.id)
        launch_due(world, job, now, new_id)

    monkeypatch.setattr(batch, "launch_due", launch)
    here.now = max(job.due_at or 0 for job in jobs)
    await here.rounds()
    found = await here.platform.executions.job_executions(here.account_id, Part(limit=100))
    assert {row.job_id for row in found} == {jobs[0].id, jobs[2].id}
    monkeypatch.undo()
    here.now += FIRST_MS
    await here.rounds()
    found = await here.platform.executions.job_executions(here.account_id, Part(limit=100))
    assert sorted(row.job_id for row in found) == sorted(job.id for job in jobs)


# -- slots


async def test_what_cannot_start_leaves_its_slot_to_the_next(
    here: Server, faulty: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    work = await declare_task(here.platform, here.account_id, "work")
    job = await here.job(step("first", work), slots=1)
    ids = await here.launches(job, 4)
    faulty.add(ids[1])
    [held] = await here.platform.executions.claim(here.claim(work), 0, Presence())
    assert (await here.platform.executions.report(here.report(held))).status == "COMPLETED"
    await here.settle()
    assert await here.statuses() == ["COMPLETED", "PENDING", "RUNNING", "PENDING"]
    assert [await here.message_of(ids[1]), logged(caplog, ids[1])] == ["It is to start in 1 minute.", 1]
    faulty.clear()
    here.now += FIRST_MS
    [held] = await here.platform.executions.claim(here.claim(work), 0, Presence())
    await here.rounds()
    await here.platform.executions.report(here.report(held))
    await here.settle()
    assert await here.statuses() == ["COMPLETED", "RUNNING", "COMPLETED", "PENDING"]


async def test_a_launch_that_cannot_start_is_kept_and_others_are_launched(here: Server, faulty: set[str]) -> None:
    work = await declare_task(here.platform, here.account_id, "work")
    job = await here.job(step("first", work))
    orders = [here.launch(job) for _ in range(5)]
    faulty.add(orders[2].id)
    launched = await asyncio.gather(*(here.platform.executions.launch(one) for one in orders))
    assert [one.id for one in launched] == [one.id for one in orders]
    await here.settle()
    assert sorted(await here.statuses()) == ["PENDING"] + ["RUNNING"] * 4
    assert await here.message_of(orders[2].id) == "It is to start in 1 minute."
    for _ in range(2):
        here.now += 10 * FIRST_MS
        await here.rounds()
        assert sorted(await here.statuses()) == ["PENDING"] + ["RUNNING"] * 4
    faulty.clear()
    here.now += 10 * FIRST_MS
    await here.rounds()
    assert await here.statuses() == ["RUNNING"] * 5


async def nothing(*_: Any) -> tuple[str, ...]:
    return ()


async def test_a_server_starts_with_what_cannot_start(
    open_store: Callable[[], Store], tmp_path: Path, faulty: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server(open_store, tmp_path / "files") as here:
        work = await declare_task(here.platform, here.account_id, "work")
        jobs = [await here.job(step("first", work)) for _ in range(3)]
        monkeypatch.setattr(batch, "fill_slots", nothing)  # it was killed before it could
        ids = [id for job in jobs for id in await here.launches(job, 2)]
    monkeypatch.setattr(batch, "fill_slots", fill_slots)
    faulty.add(ids[2])
    async with server(open_store, tmp_path / "files", now=here.now) as again:
        assert await again.statuses() == ["RUNNING"] * 2 + ["PENDING"] + ["RUNNING"] * 3


async def test_of_what_fails_in_one_pipeline_no_other_is_put_off(here: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with a pipeline itself is not the fault of what waits elsewhere."""
    work = await declare_task(here.platform, here.account_id, "work")
    jobs = [await here.job(step("first", work)) for _ in range(3)]
    monkeypatch.setattr(batch, "fill_slots", nothing)
    for job in jobs:
        await here.launches(job, 2)
    monkeypatch.setattr(batch, "fill_slots", fill_slots)
    free_slots = World.free_slots

    def count(self: World, pipeline_ids: Collection[str]) -> dict[str, int]:
        if jobs[1].pipeline_id in pipeline_ids:
            raise KeyError
        return free_slots(self, pipeline_ids)

    monkeypatch.setattr(World, "free_slots", count)
    await here.platform._filling.fill([job.pipeline_id for job in jobs])
    assert await here.statuses() == ["RUNNING"] * 2 + ["PENDING"] * 2 + ["RUNNING"] * 2
    monkeypatch.undo()
    here.now += FIRST_MS
    await here.rounds()
    assert await here.statuses() == ["RUNNING"] * 6


# -- what cannot even be put off, and several servers


async def test_what_cannot_be_put_off_either_costs_nobody_else_anything(
    here: Server, faulty: set[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    ids = await here.launches(await here.job(WAIT), 5)
    faulty.add(ids[0])

    async def refuse(*_: Any) -> bool:
        raise ImpossibleWrite

    for verbs in (TaskExecutions, TaskExecutionWrites):
        monkeypatch.setattr(verbs, "put_off", refuse)
    here.now += 60_000
    for _ in range(2):
        with pytest.raises(Stuck):  # the loop tries again after a moment
            await here.platform.timers.run_once()
        assert await here.statuses() == ["RUNNING"] + ["COMPLETED"] * 4
    faulty.clear()
    await here.rounds()
    assert await here.statuses() == ["COMPLETED"] * 5


async def test_several_servers_put_off_nothing_but_what_cannot_go_on(
    database: Database, tmp_path: Path, faulty: set[str]
) -> None:
    async with AsyncExitStack() as stack:
        place = partial(server, lambda: PostgresqlStore(database.url), tmp_path / "files")
        servers = [await stack.enter_async_context(place()) for _ in range(3)]
        one = servers[0]
        ids = await one.launches(await one.job(WAIT, slots=40), 30)
        faulty.update(ids[::10])
        for each in servers:
            each.now = one.now + 60_000
        await asyncio.gather(*(each.platform.timers.run_once() for each in servers))
        assert await one.statuses() == ["RUNNING" if id in faulty else "COMPLETED" for id in ids]


# -- what cannot be handed out


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The ids of the job executions whose inputs cannot be made for a worker."""
    ids: set[str] = set()
    handed_out = World.handed_out

    def make(self: World, row: TaskExecutionRecord) -> tuple[str, str]:
        if row.job_execution_id in ids:
            raise KeyError(row.id)
        return handed_out(self, row)

    monkeypatch.setattr(World, "handed_out", make)
    return ids


async def test_what_cannot_be_handed_out_leaves_the_claims_to_others(
    here: Server, unreadable: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    work = await declare_task(here.platform, here.account_id, "work", poll_timeout_seconds=7200)
    ids = await here.launches(await here.job(step("first", work)), 4)
    unreadable.update(ids[:2])
    [held] = await here.platform.executions.claim(here.claim(work, limit=3), 0, Presence())
    assert held.job_execution_id == ids[2]
    assert "cannot be handed out" in caplog.text
    [held] = await here.platform.executions.claim(here.claim(work, limit=3), 0, Presence())
    assert held.job_execution_id == ids[3]
    assert await here.statuses() == ["RUNNING"] * 4
    unreadable.clear()
    here.now += FIRST_MS
    await here.rounds()
    again = await here.platform.executions.claim(here.claim(work, limit=3), 0, Presence())
    assert [row.job_execution_id for row in again] == ids[:2]


async def test_a_claim_that_waits_is_given_another_in_its_stead(here: Server, unreadable: set[str]) -> None:
    work = await declare_task(here.platform, here.account_id, "work")
    ids = await here.launches(await here.job(step("first", work)), 2)
    unreadable.add(ids[0])
    async with asyncio.timeout(10):
        [held] = await here.platform.executions.claim(here.claim(work), 60, Presence())
    assert held.job_execution_id == ids[1]


async def test_who_waits_already_goes_on_waiting_for_another(here: Server, unreadable: set[str]) -> None:
    work = await declare_task(here.platform, here.account_id, "work")
    job = await here.job(step("first", work))
    waiting = asyncio.create_task(here.platform.executions.claim(here.claim(work), 60, Presence()))
    await here.settle()
    bad = here.launch(job)
    unreadable.add(bad.id)
    await here.platform.executions.launch(bad)
    await here.settle()
    assert not waiting.done()
    good = (await here.platform.executions.launch(here.launch(job))).id
    async with asyncio.timeout(10):
        [held] = await waiting
    assert held.job_execution_id == good


async def test_what_is_claimed_with_a_report_that_fails_is_not_lost(
    here: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = await declare_task(here.platform, here.account_id, "work")
    ids = await here.launches(await here.job(step("first", work)), 2)
    [held] = await here.platform.executions.claim(here.claim(work), 0, Presence())

    def fail(*_: Any) -> Outcome:
        raise KeyError

    monkeypatch.setattr(decider, "complete", fail)
    claim = replace(here.claim(work), with_reports=True)
    with pytest.raises(KeyError):
        await here.platform.executions.report_and_claim([here.report(held)], claim)
    [other] = await here.platform.executions.claim(here.claim(work), 0, Presence())
    assert other.job_execution_id == ids[1]
