"""A claim that waits is given what a transaction makes claimable, by that transaction; and nothing is lost or doubled
when whoever it is for asks, is called, or leaves at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from data_factory.service.effects import Effects
from data_factory.service.waiting_room import Presence
from data_factory.store.promises import Transaction
from tests.factory import LONG, Factory, factory
from tests.workshop import step

pytestmark = pytest.mark.anyio

Moment = Callable[[], None]


@pytest.fixture
async def here(anyio_backend: str) -> AsyncIterator[Factory]:
    async with factory() as here:
        yield here


def just_before_it_is_known(here: Factory, moment: Moment) -> None:
    """Do something once, when the next transaction has ended but nobody knows of it yet."""
    write = here.store.write

    async def written(work: Callable[[Transaction], Awaitable[Any]], *args: Any, **more: Any) -> Any:
        here.store.write = write  # type: ignore[method-assign]
        done = await write(work, *args, **more)
        moment()
        for _ in range(5):  # whoever was woken has looked around
            await asyncio.sleep(0)
        return done

    here.store.write = written  # type: ignore[method-assign]


async def test_a_launch_and_the_claim_that_waits_for_it_are_one_transaction(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work))
    poll = here.polls(work)
    await here.settle()
    before = here.platform.dispatcher.batches
    await here.launches(job)
    (given,) = await poll
    assert (given.status, given.path) == ("IN_PROGRESS", "first")
    assert here.platform.dispatcher.batches == before + 1
    assert (await here.platform.executions.report(here.report(given))).status == "COMPLETED"


async def test_a_report_and_the_claim_that_waits_for_the_next_step_are_one_transaction(here: Factory) -> None:
    a, b = await here.task("a"), await here.task("b")
    await here.launches(await here.job(step("first", a), step("second", b)))
    (held,) = await here.polls(a)
    poll = here.polls(b)
    await here.settle()
    before = here.platform.dispatcher.batches
    await here.platform.executions.report(here.report(held))
    (given,) = await poll
    assert (given.path, here.platform.dispatcher.batches) == ("second", before + 1)


async def test_who_reports_goes_on_with_the_next_step_and_leaves_the_one_who_waits_to_wait(here: Factory) -> None:
    work = await here.task()
    await here.launches(await here.job(step("first", work), step("second", work), step("third", work)))
    (held,) = await here.polls(work)
    waiting = here.polls(work)
    await here.settle()
    next_one = replace(here.claim(work), with_reports=True)
    submit = here.platform.dispatcher.submit
    _, (second,) = await asyncio.gather(submit(here.report(held)), submit(next_one))
    assert (second.path, waiting.done()) == ("second", False)
    await asyncio.gather(submit(here.report(second)), submit(here.claim(work)))  # which has not waited as long
    assert [one.path for one in await waiting] == ["third"]


async def test_what_comes_together_is_shared_by_those_who_wait(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work), pipeline=await here.pipeline(slots=9))
    polls = [here.polls(work, limit=100) for _ in range(3)]
    await here.settle()
    await here.launches(*[job] * 9)
    assert [len(await poll) for poll in polls] == [3, 3, 3]


async def test_one_who_waits_is_given_no_more_than_they_claim(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work), pipeline=await here.pipeline(slots=9))
    poll = here.polls(work, limit=2)
    await here.settle()
    await here.launches(*[job] * 5)
    assert len(await poll) == 2
    assert len(await here.polls(work, limit=100)) == 3


async def test_the_limit_of_a_task_holds_for_those_who_wait_too(here: Factory) -> None:
    work = await here.task(concurrent_exec_limit=2)
    job = await here.job(step("first", work), pipeline=await here.pipeline(slots=9))
    polls = [here.polls(work) for _ in range(3)]
    await here.settle()
    await here.launches(*[job] * 3)
    await here.settle()
    assert sorted(poll.done() for poll in polls) == [False, True, True]


async def test_who_leaves_while_it_is_being_kept_leaves_it_to_the_next(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work))
    presence = Presence()
    gone, stays = here.polls(work, presence=presence), here.polls(work)
    await here.settle()
    just_before_it_is_known(here, presence.leave)
    await here.launches(job)
    assert await gone == []
    (given,) = await stays
    assert given.attempt == 1
    assert (await here.platform.executions.report(here.report(given))).status == "COMPLETED"


async def test_who_has_left_by_then_leaves_it_to_the_next(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work))
    gone, stays = here.polls(work), here.polls(work)
    await here.settle()

    (waiter, _) = here.platform.room.idle_claims(work.id, 2)
    just_before_it_is_known(here, lambda: waiter.__exit__(None, None, None))
    await here.launches(job)
    (given,) = await stays
    assert (given.attempt, gone.done()) == (1, False)


async def test_who_asks_again_meanwhile_keeps_one_of_the_two(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work), pipeline=await here.pipeline(slots=2))
    poll = here.polls(work)
    await here.settle()
    just_before_it_is_known(here, lambda: here.platform.room.call(work.id, 1))
    await here.launches(job, job)
    (first,) = await poll
    (second,) = await here.polls(work)
    assert first.id != second.id
    for held in (first, second):
        assert (await here.platform.executions.report(here.report(held))).status == "COMPLETED"


async def test_the_same_given_twice_is_kept_once_with_its_latest_lease(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work))
    claim = here.claim(work, claim_id="request")
    poll = asyncio.create_task(here.platform.executions.claim(claim, LONG, Presence()))
    await here.settle()
    just_before_it_is_known(here, lambda: here.platform.room.call(work.id, 1))
    await here.launches(job)
    (given,) = await poll
    assert (await here.platform.executions.report(here.report(given))).status == "COMPLETED"


async def test_what_is_given_while_the_room_is_closed_is_handed_back(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work))
    poll = here.polls(work)
    await here.settle()
    just_before_it_is_known(here, here.platform.room.close)
    await here.launches(job)
    assert await poll == []
    (given,) = await here.polls(work, wait=0)
    assert given.attempt == 1


async def test_nobody_else_is_called_for_what_was_given(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work))
    polls = [here.polls(work) for _ in range(2)]
    await here.settle()
    told: list[Effects] = []
    tell = here.platform.dispatcher._on_effects

    def listen(effects: Effects) -> None:
        told.append(effects)
        tell(effects)

    here.platform.dispatcher._on_effects = listen
    await here.launches(job)
    await here.settle()
    assert [effects.claimable for effects in told] == [{}]
    assert sorted(poll.done() for poll in polls) == [False, True]
