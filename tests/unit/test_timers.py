"""The loop of time: what is due is done when it is due, and whatever happens, time goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest

from data_factory.model.records import JobExecutionRecord
from data_factory.service import timers as timing
from data_factory.service.commands import FireTimers
from data_factory.service.sparing import Sparing
from data_factory.service.timers import Timers
from data_factory.store.promises import Reads, Store, StoreUnavailable
from tests.factory import LONG, Factory, factory
from tests.workshop import step
from tests.wrapped import Wrapped

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@pytest.fixture
async def here(anyio_backend: str) -> AsyncIterator[Factory]:
    """A factory whose own timers are stopped, so that the test runs them."""
    async with factory() as here:
        await here.platform.timers.stop()
        yield here


async def status_of(here: Factory, execution: JobExecutionRecord) -> str:
    return (await here.platform.executions.job_execution(here.account_id, execution.id)).status


async def end_of(here: Factory, execution: JobExecutionRecord) -> str:
    """How a job ends, within the time that the loop needs to notice."""
    async with asyncio.timeout(60):
        ended = await here.platform.executions.job_execution(here.account_id, execution.id, wait=LONG)
    return ended.status


# -- run_once


async def test_what_is_due_is_done(here: Factory) -> None:
    job = await here.job(step("first", await here.task()), timeoutSeconds=60)
    (launched,) = await here.launches(job)
    await here.platform.timers.run_once()
    assert await status_of(here, launched) == "RUNNING"
    here.now += 60_000
    await here.platform.timers.run_once()
    assert await status_of(here, launched) == "TIMEDOUT"


async def test_more_than_one_batch_of_what_is_due_is_done(here: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "FireTimers", lambda: FireTimers(limit=2))
    job = await here.job(step("first", await here.task()), timeoutSeconds=60, pipeline=await here.pipeline(9))
    launched = await here.launches(*[job] * 7)
    here.now += 60_000
    await here.platform.timers.run_once()
    assert [await status_of(here, one) for one in launched] == ["TIMEDOUT"] * 7


async def test_what_a_timer_makes_claimable_goes_to_one_who_waits(here: Factory) -> None:
    work = await here.task(retry_count=1, retry_delay_seconds=30)
    await here.launches(await here.job(step("first", work)))
    (held,) = await here.polls(work)
    await here.platform.executions.report(here.report(held, "FAILED"))
    poll = here.polls(work)
    await here.settle()
    here.now += 30_000
    await here.platform.timers.run_once()
    assert [row.attempt for row in await poll] == [2]


# -- the loop


async def test_what_came_due_while_nobody_was_looking_is_done_at_the_start(here: Factory) -> None:
    job = await here.job(step("first", await here.task()), timeoutSeconds=60)
    (launched,) = await here.launches(job)
    here.now += 3_600_000
    here.platform.timers.start()
    assert await end_of(here, launched) == "TIMEDOUT"


async def test_a_timer_that_comes_before_the_next_one_is_not_overslept(here: Factory) -> None:
    work = await here.task()
    line = await here.pipeline(slots=2)
    late, soon = [await here.job(step("first", work), timeoutSeconds=seconds, pipeline=line) for seconds in (3_600, 1)]
    await here.launches(late)
    here.platform.timers.start()
    await here.settle()
    launched = await here.platform.executions.launch(here.launch(soon))
    here.now += 1_000  # before the loop, which was told of it, has looked
    assert await end_of(here, launched) == "TIMEDOUT"


async def test_a_timer_that_is_due_in_the_millisecond_of_going_to_sleep_is_not_overslept(here: Factory) -> None:
    job = await here.job(step("first", await here.task()), timeoutSeconds=60)

    def clock() -> int:
        """Each look is a millisecond later."""
        here.now += 1
        return here.now

    for ahead in range(1, 6):
        (launched,) = await here.launches(job)
        here.now += 60_000 - ahead
        timers = Timers(here.store, here.platform.dispatcher, Sparing(here.store, clock), clock)
        timers.start()
        assert await end_of(here, launched) == "TIMEDOUT"
        await timers.stop()


async def test_a_clock_that_was_set_forward_is_noticed_and_looking_at_it_costs_nothing(
    here: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "LOOK_AT_CLOCK_S", 0.001)
    looks: list[int] = []

    def clock() -> int:
        looks.append(here.now)
        if len(looks) == 20:
            here.now += 60_000
        return here.now

    job = await here.job(step("first", await here.task()), timeoutSeconds=60)
    (launched,) = await here.launches(job)
    before = here.platform.dispatcher.batches
    timers = Timers(here.store, here.platform.dispatcher, Sparing(here.store, clock), clock)
    timers.start()
    assert await end_of(here, launched) == "TIMEDOUT"
    await timers.stop()
    assert len(looks) >= 20
    assert here.platform.dispatcher.batches == before + 2  # at the start, and when it was due


class FaultyStore(Wrapped):
    """The store, which fails a few times first."""

    def __init__(self, store: Store, *errors: Exception) -> None:
        super().__init__(store)
        self._errors = list(errors)
        self.mended = asyncio.Event()

    async def read(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        if self._errors:
            raise self._errors.pop(0)
        self.mended.set()
        return await super().read(work)


async def test_whatever_fails_the_loop_tries_again(
    here: Factory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(timing, "RETRY_S", 0)
    job = await here.job(step("first", await here.task()), timeoutSeconds=60)
    (launched,) = await here.launches(job)
    store = FaultyStore(here.store, StoreUnavailable(), ZeroDivisionError())
    timers = Timers(store, here.platform.dispatcher, Sparing(here.store, lambda: here.now), lambda: here.now)
    timers.start()
    async with asyncio.timeout(60):
        await store.mended.wait()
    here.now += 60_000
    timers.note(0)
    assert await end_of(here, launched) == "TIMEDOUT"
    await timers.stop()
    assert caplog.text.count("trying again") == 2


async def test_to_stop_what_was_not_started_is_to_do_nothing(here: Factory) -> None:
    await Timers(here.store, here.platform.dispatcher, Sparing(here.store, lambda: here.now), lambda: here.now).stop()


async def test_a_stop_in_the_moment_in_which_a_timer_is_noted_is_heard(here: Factory) -> None:
    """`asyncio.wait_for` of Python 3.11 forgets that it was canceled when what it waits for has just happened."""
    await here.launches(await here.job(step("first", await here.task()), timeoutSeconds=60))
    looked = iter((None, asleep := asyncio.Event()))  # it looks at the clock twice before it sleeps

    def clock() -> int:
        if event := next(looked, None):
            event.set()
        return here.now

    timers = Timers(here.store, here.platform.dispatcher, Sparing(here.store, clock), clock)
    timers.start()
    async with asyncio.timeout(60):
        await asleep.wait()
    timers.note(here.now + 1_000)
    stopping = asyncio.create_task(timers.stop())
    await asyncio.wait([stopping], timeout=60)
    assert stopping.done()
