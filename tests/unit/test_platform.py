"""The platform put together: what it does at its start and at its stop, and when something goes wrong in between."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from data_factory.service import filling, slots, sparing
from data_factory.service import platform as platforms
from data_factory.service.effects import Effects
from data_factory.service.paging import Part
from data_factory.store.disk import DiskBlobs
from data_factory.store.promises import StoreUnavailable, Transaction
from data_factory.store.sqlite import SqliteStore
from tests.factory import Factory
from tests.workshop import step
from tests.wrapped import Wrapped

pytestmark = pytest.mark.anyio

T = TypeVar("T")


async def opened(directory: Path, now: int | None = None) -> Factory:
    here = Factory(directory)
    here.now = here.now if now is None else now
    await here.open()
    return here


async def statuses(here: Factory) -> list[str]:
    """Of all job executions, in the order of their launch."""
    rows = await here.platform.executions.job_executions(here.account_id, Part(limit=1_000))
    return [row.status for row in reversed(rows)]


async def test_what_waits_for_a_slot_is_started_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was killed between two transactions may have left slots free."""
    here = await opened(tmp_path)
    job = await here.job(step("first", await here.task()), pipeline=await here.pipeline(slots=5))
    monkeypatch.setattr(slots, "MAX_STARTS", 1)
    monkeypatch.setattr(filling.Filling, "note", lambda *_: None)  # killed before it could
    await here.launches(*[job] * 5)
    assert await statuses(here) == ["RUNNING"] + ["PENDING"] * 4
    monkeypatch.undo()
    await here.platform.stop()
    again = await opened(tmp_path)
    assert await statuses(again) == ["RUNNING"] * 5
    await again.platform.stop()


async def test_more_than_one_transaction_starts_are_started_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "MAX_STARTS", 2)
    here = await opened(tmp_path)
    job = await here.job(step("first", await here.task()), pipeline=await here.pipeline(slots=7))
    await here.launches(*[job] * 9)
    await here.settle()
    assert await statuses(here) == ["RUNNING"] * 7 + ["PENDING"] * 2
    await here.platform.stop()


async def test_a_stop_in_the_middle_of_starting_leaves_nothing_hanging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "MAX_STARTS", 1)
    here = await opened(tmp_path)
    job = await here.job(step("first", await here.task()), pipeline=await here.pipeline(slots=50))
    await here.launches(*[job] * 50)
    async with asyncio.timeout(60):
        await here.platform.stop()
    monkeypatch.undo()
    again = await opened(tmp_path)
    assert await statuses(again) == ["RUNNING"] * 50
    await again.platform.stop()


class Outage(Wrapped):
    """The store, with times in which it cannot be written to."""

    lasts = 0

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        tell: Callable[[T], Sequence[str]] | None = None,
        within: float | None = None,
    ) -> T:
        if self.lasts > 0:
            self.lasts -= 1
            raise StoreUnavailable
        return await super().write(work, tell, within)


async def test_slots_that_could_not_be_filled_are_filled_when_the_store_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(slots, "MAX_STARTS", 1)
    monkeypatch.setattr(filling, "RETRY_S", 0)
    here = Factory(tmp_path)
    outage = Outage(SqliteStore(tmp_path / "other"))
    await here.store.close()
    here.platform = platforms.Platform(outage, DiskBlobs(tmp_path / "files"), clock=lambda: here.now)
    await here.open()
    line, other = [await here.pipeline(slots=1) for _ in range(2)]
    work = await here.task()
    first, second = [await here.job(step("first", work), pipeline=pipeline) for pipeline in (line, other)]
    tell = here.platform.dispatcher._on_effects

    def cut(effects: Effects) -> None:
        outage.lasts = sys.maxsize
        here.platform.dispatcher._on_effects = tell
        tell(effects)

    here.platform.dispatcher._on_effects = cut
    await here.launches(first, second)
    assert await statuses(here) == ["RUNNING", "PENDING"]
    outage.lasts = 3
    await here.settle()
    assert await statuses(here) == ["RUNNING", "RUNNING"]
    await here.platform.stop()


async def test_a_lease_that_lapsed_while_the_platform_was_down_is_spared_until_its_worker_can_be_heard(
    tmp_path: Path,
) -> None:
    here = await opened(tmp_path)
    work = await here.task()
    await here.launches(await here.job(step("first", work)))
    (held,) = await here.polls(work)
    await here.platform.stop()
    again = await opened(tmp_path, now=here.now + 3_600_000)
    await again.settle()
    kept = await again.platform.executions.report(again.report(held, "IN_PROGRESS"))
    assert (kept.status, kept.attempt) == ("IN_PROGRESS", 1)
    await again.platform.stop()


async def test_a_worker_that_is_not_heard_after_a_start_has_lost_its_lease(tmp_path: Path) -> None:
    here = await opened(tmp_path)
    work = await here.task()
    await here.launches(await here.job(step("first", work)))
    await here.polls(work)
    await here.platform.stop()
    again = await opened(tmp_path, now=here.now + 3_600_000)
    await again.platform.timers.stop()
    await again.platform.timers.run_once()
    assert await statuses(again) == ["RUNNING"]
    again.now += sparing.SPARED_MS
    await again.platform.timers.run_once()
    assert await statuses(again) == ["TIMEDOUT"]
    await again.platform.stop()
