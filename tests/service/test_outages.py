"""After a time in which nobody was there: workers are heard before their leases end, and others may come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from data_factory.model.records import TaskExecutionRecord
from data_factory.service import sparing
from data_factory.service.commands import FireTimers
from data_factory.service.paging import Part
from data_factory.service.platform import Platform
from data_factory.service.sparing import SPARED_MS, Sparing
from data_factory.service.waiting_room import Presence
from data_factory.store.blobs import BLOCK_BYTES
from data_factory.store.disk import DiskBlobs
from data_factory.store.postgresql import PostgresqlStore
from data_factory.store.promises import Reads, Store
from tests.cable import Cable
from tests.postgresql import Database
from tests.service.test_many_servers import Server, servers, until
from tests.workshop import KEY, START, Orders, declare_job, declare_pipeline, declare_task, step

pytestmark = pytest.mark.anyio

HOUR = 3_600_000


class Place:
    """Where platforms are started, one after the other or several at a time; `now` is the time of all of them."""

    def __init__(self, open_store: Callable[[], Store], directory: Path) -> None:
        self.now = START
        self._open_store = open_store
        self._directory = directory
        self._started: list[Platform] = []

    async def start(self) -> tuple[Platform, Orders]:
        platform = Platform(self._open_store(), DiskBlobs(self._directory / "files"), clock=lambda: self.now)
        self._started.append(platform)
        await platform.start(KEY)
        caller = await platform.keys.caller(KEY)
        return platform, Orders(caller.account_id, platform.new_id)

    async def stop(self) -> None:
        while self._started:
            platform = self._started.pop()
            platform.room.close()
            await platform.stop()


@pytest.fixture
async def place(open_store: Callable[[], Store], tmp_path: Path, anyio_backend: str) -> AsyncIterator[Place]:
    place = Place(open_store, tmp_path)
    yield place
    await place.stop()


async def hold(place: Place, count: int) -> list[TaskExecutionRecord]:
    """What workers hold when all servers are gone for an hour, which is longer than their leases."""
    platform, orders = await place.start()
    work = await declare_task(platform, orders.account_id, "work")
    line = await declare_pipeline(platform, orders.account_id, 2 * count)
    job = await declare_job(platform, orders.account_id, step("first", work), pipeline=line)
    await asyncio.gather(*(platform.executions.launch(orders.launch(job)) for _ in range(count)))
    held = await platform.executions.claim(orders.claim(work, limit=count), 0, Presence())
    assert len(held) == count
    await place.stop()
    place.now += HOUR
    return held


async def lasting(platform: Platform, orders: Orders) -> list[tuple[str, int | None]]:
    """Each status of a task execution, and until when its lease lasts."""
    found = []
    for run in await platform.executions.job_executions(orders.account_id, Part(limit=100)):
        found += await platform.executions.task_executions(orders.account_id, run.id, Part())
    return [(row.status, row.lease_expires_at) for row in found]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Leases are spared two at a time, and only once this is set."""
    gate = asyncio.Event()
    finish = Sparing.finish

    async def later(self: Sparing) -> None:
        await gate.wait()
        await finish(self)

    monkeypatch.setattr(Sparing, "finish", later)
    monkeypatch.setattr(sparing, "AT_ONCE", 2)
    return gate


async def test_who_starts_serves_at_once_and_no_lease_ends_before_its_worker_can_be_heard(
    place: Place, gate: asyncio.Event
) -> None:
    gate.set()
    held = await hold(place, 7)
    gate.clear()
    platform, orders = await place.start()
    await platform.health.check()
    assert await platform.dispatcher.submit(FireTimers()) is False
    assert await lasting(platform, orders) == [("IN_PROGRESS", START + 60_000)] * 7
    assert (await platform.executions.report(orders.report(held[0]))).status == "COMPLETED"
    renewed = await platform.executions.report(orders.report(held[1], "IN_PROGRESS"))
    assert renewed.lease_expires_at == place.now + 60_000
    gate.set()
    spared = [("COMPLETED", None), ("IN_PROGRESS", place.now + 60_000)]
    spared += [("IN_PROGRESS", place.now + SPARED_MS)] * 5

    async def are_spared() -> bool:
        return sorted(await lasting(platform, orders), key=str) == sorted(spared, key=str)

    await until(are_spared, seconds=60)
    place.now += SPARED_MS
    platform.timers.note(place.now - 1)

    async def are_over() -> bool:
        return [status for status, _ in await lasting(platform, orders)].count("TIMED_OUT") == 5

    await until(are_over, seconds=60)


async def test_what_is_left_to_be_spared_is_spared_by_whoever_is_there(place: Place, gate: asyncio.Event) -> None:
    """The first one has begun, and does not live to end it."""
    gate.set()
    await hold(place, 5)
    gate.clear()
    first, _ = await place.start()
    begun = Sparing(first.store, lambda: place.now)
    assert await first.store.write(begun._spare_some) is True
    if isinstance(first.store, PostgresqlStore):  # then another is there before the first one is gone
        other, orders = await place.start()
    else:
        await place.stop()
        other, orders = await place.start()
    assert await other.dispatcher.submit(FireTimers()) is False
    gate.set()

    async def are_spared() -> bool:
        return await lasting(other, orders) == [("IN_PROGRESS", place.now + SPARED_MS)] * 5

    await until(are_spared, seconds=60)


# -- files that another one receives


async def test_what_another_one_is_receiving_is_not_given_up_by_the_first_that_comes_back(
    database: Database, tmp_path: Path
) -> None:
    """Nor by the one that is receiving it, should that be the first."""
    async with Cable(database.server.port) as cable, servers(database, 1, tmp_path) as [one]:
        other = Server(database, cable.to(database.url), tmp_path)
        await other.start()
        files = other.platform.files
        async with files.arrival(other.account_id) as arrival:
            await arrival.write(b"x" * BLOCK_BYTES)
            far = await due_at(one)
            with cable.silence():
                await asyncio.to_thread(cut_all, database)
                await until(lambda: is_due_before(one, far), seconds=60)
                await one.platform.retention.run_once(one.platform.clock())
            await until(lambda: is_due_from(one, far), seconds=60)
            await one.platform.retention.run_once(far - 1)
            await arrival.write(b"y")
            kept = await arrival.keep("a.bin", "a/b")
        assert kept.size == BLOCK_BYTES + 1
        assert await one.platform.files.file(one.account_id, kept.id) == kept
        await other.stop()


async def test_what_one_was_receiving_that_never_comes_back_is_swept(database: Database, tmp_path: Path) -> None:
    async with Cable(database.server.port) as cable, servers(database, 1, tmp_path) as [one]:
        other = Server(database, cable.to(database.url), tmp_path)
        await other.start()
        async with other.platform.files.arrival(other.account_id) as arrival:
            await arrival.write(b"x" * BLOCK_BYTES)
            far = await due_at(one)
            with cable.silence():
                await asyncio.to_thread(cut_all, database)
                await until(lambda: is_due_before(one, far), seconds=60)
                await one.platform.retention.run_once(far - 1)
                assert await due_at(one) == 0
                assert files_in(tmp_path) == []
        await other.stop()


async def due_at(server: Server) -> int:
    """When the next file is to be swept; 0 when there is none."""

    async def ask(reads: Reads) -> int:
        return await reads.next_due_file() or 0

    return await server.store.read(ask)


async def is_due_before(server: Server, at: int) -> bool:
    return await due_at(server) < at


async def is_due_from(server: Server, at: int) -> bool:
    return await due_at(server) >= at


def files_in(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def cut_all(database: Database) -> None:
    """End all connections, none of which is made again before the last has ended."""
    with database.refused():
        pass
