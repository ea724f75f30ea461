"""Those who wait for a task or for the end of a job are told in time, and what nobody takes is not lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from data_factory.model.errors import NotFound
from data_factory.service.commands import Cancel
from data_factory.service.effects import Effects
from data_factory.service.waiting_room import Presence
from tests.factory import LONG, Factory, factory
from tests.workshop import KEY, step

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(anyio_backend: str) -> AsyncIterator[Factory]:
    async with factory() as here:
        yield here


async def test_a_poll_is_answered_at_once_when_something_waits(here: Factory) -> None:
    work = await here.task()
    await here.launches(await here.job(step("first", work)))
    (given,) = await here.polls(work)
    assert (given.status, given.path) == ("IN_PROGRESS", "first")


async def test_a_poll_that_does_not_wait_is_answered_at_once_with_nothing(here: Factory) -> None:
    work = await here.task()
    assert await here.polls(work, wait=0) == []


async def test_a_poll_is_answered_when_something_comes(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work))
    poll = here.polls(work)
    await here.settle()
    assert not poll.done()
    await here.launches(job)
    assert len(await poll) == 1


async def test_a_poll_for_a_task_that_is_not_there_is_refused(here: Factory) -> None:
    work = await here.task()
    with pytest.raises(NotFound):
        await here.platform.executions.claim(replace(here.claim(work), account_id="f" * 24), LONG, Presence())


async def test_each_of_many_that_wait_gets_one(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work), pipeline=await here.pipeline(slots=100))
    polls = [here.polls(work) for _ in range(30)]
    await here.settle()
    await here.launches(*[job] * 20)
    await here.settle()
    given = [poll.result()[0].id for poll in polls if poll.done()]
    assert len(given) == len(set(given)) == 20


async def test_the_next_step_goes_to_one_who_waits_for_it(here: Factory) -> None:
    a, b = await here.task("a"), await here.task("b")
    await here.launches(await here.job(step("first", a), step("second", b)))
    (held,) = await here.polls(a)
    poll = here.polls(b)
    await here.settle()
    await here.platform.executions.report(here.report(held))
    (given,) = await poll
    assert given.path == "second"


@pytest.mark.parametrize("turns", range(6))
async def test_who_is_called_for_one_thing_and_takes_another_passes_the_call_on(here: Factory, turns: int) -> None:
    x, y = await here.task("x"), await here.task("y")
    line = await here.pipeline(slots=9)
    of_x, of_y = [await here.job(step("first", task), pipeline=line) for task in (x, y)]
    await here.launches(of_y)
    (held,) = await here.polls(y)
    both, only_x = here.polls(x, y), here.polls(x)
    await here.settle()
    await here.platform.executions.launch(here.launch(of_x))  # `both` is called for it
    for _ in range(turns):
        await asyncio.sleep(0)  # however the look and the hand back meet
    await here.platform.executions.report(here.report(held, "SCHEDULED"))  # which is older
    await here.settle()
    (taken,) = await both
    assert taken.task_id == x.id or only_x.done()


async def test_who_was_called_and_has_gone_leaves_it_to_the_next(here: Factory) -> None:
    work = await here.task()
    job = await here.job(step("first", work))
    presence = Presence()
    gone, stays = here.polls(work, presence=presence), here.polls(work)
    await here.settle()
    await here.platform.executions.launch(here.launch(job))
    presence.leave()  # called by now, but they have not looked yet
    assert await gone == []
    assert len(await stays) == 1


async def test_nothing_is_taken_for_one_who_has_gone(here: Factory) -> None:
    work = await here.task()
    presence = Presence()
    gone = here.polls(work, presence=presence)
    stays = here.polls(work)
    await here.settle()
    presence.gone = True  # the connection is lost, and the server has not noticed yet
    await here.launches(await here.job(step("first", work)))
    assert await gone == []
    (given,) = await stays
    assert given.attempt == 1


async def test_what_was_taken_for_one_who_goes_meanwhile_is_handed_back(here: Factory) -> None:
    work = await here.task()
    await here.launches(await here.job(step("first", work)))
    presence = Presence()
    tell = here.platform.dispatcher._on_effects

    def leave(effects: Effects) -> None:
        presence.gone = True
        here.platform.dispatcher._on_effects = tell
        tell(effects)

    here.platform.dispatcher._on_effects = leave
    assert await here.polls(work, presence=presence) == []
    (given,) = await here.polls(work)
    assert given.attempt == 1


async def test_who_has_gone_and_asked_again_keeps_what_they_were_given(here: Factory) -> None:
    """The first request was held up, and the client asked again elsewhere: it is at work on it by now."""
    work = await here.task()
    await here.launches(await here.job(step("first", work)))
    claim = here.claim(work, claim_id="request")
    (held,) = await here.platform.executions.claim(claim, LONG, Presence())
    presence = Presence()
    presence.gone = True
    assert await here.platform.executions.claim(claim, LONG, presence) == []
    assert (await here.platform.executions.report(here.report(held))).status == "COMPLETED"


async def test_a_place_under_the_limit_goes_to_one_who_waits(here: Factory) -> None:
    work = await here.task(concurrent_exec_limit=1)
    job = await here.job(step("first", work), pipeline=await here.pipeline(slots=2))
    await here.launches(job, job)
    (held,) = await here.polls(work)
    poll = here.polls(work)
    await here.settle()
    assert not poll.done()
    await here.platform.executions.report(here.report(held))
    assert len(await poll) == 1


@pytest.mark.parametrize("how", ["revoked", "disabled", "expired"])
async def test_a_poll_ends_with_its_key_and_is_given_nothing_that_comes_later(here: Factory, how: str) -> None:
    keys, work, presence = here.platform.keys, await here.task(), Presence()
    job = await here.job(step("first", work))
    record, key = await keys.create(here.account_id, "worker", expires_at=here.now + 60_000)
    caller = await keys.caller(key)
    if how == "expired":
        here.now += 60_000
    with keys.attended(caller, presence):
        poll = here.polls(work, presence=presence)
        await here.settle()
        if how == "revoked":
            await keys.revoke(here.account_id, record.id)
        elif how == "disabled":
            keys.forget([here.account_id])
        else:
            await here.settle()
        assert await poll == []
    await here.launches(job)
    assert len(await here.polls(work)) == 1, "it was left for who comes next"


async def test_a_poll_does_not_end_with_another_key(here: Factory) -> None:
    keys, work, presence = here.platform.keys, await here.task(), Presence()
    record, _ = await keys.create(here.account_id, "another")
    with keys.attended(await keys.caller(KEY), presence):
        poll = here.polls(work, presence=presence)
        await here.settle()
        await keys.revoke(here.account_id, record.id)
        keys.forget()
        await here.launches(await here.job(step("first", work)))
        assert len(await poll) == 1


async def test_closing_the_room_answers_all_polls_with_nothing(here: Factory) -> None:
    work = await here.task()
    polls = [here.polls(work) for _ in range(3)]
    await here.settle()
    here.platform.room.close()
    assert await asyncio.gather(*polls) == [[], [], []]


# -- the end of a job


async def test_who_waits_for_the_end_of_a_job_is_told_of_it(here: Factory) -> None:
    work = await here.task()
    (launched,) = await here.launches(await here.job(step("first", work)))
    looks = [
        asyncio.create_task(here.platform.executions.job_execution(here.account_id, launched.id, wait=LONG))
        for _ in range(3)
    ]
    (held,) = await here.polls(work)
    await here.platform.executions.report(here.report(held))
    assert [look.status for look in await asyncio.gather(*looks)] == ["COMPLETED"] * 3


async def test_who_launches_can_wait_for_the_end(here: Factory) -> None:
    work = await here.task()
    launch = here.launch(await here.job(step("first", work)), key="once")
    twice = [asyncio.create_task(here.platform.executions.launch(launch, LONG)) for _ in range(2)]
    (held,) = await here.polls(work)
    await here.settle()
    again = replace(launch, id=here.new_id())
    late = asyncio.create_task(here.platform.executions.launch(again, LONG))
    await here.settle()
    assert not any(launched.done() for launched in (*twice, late))
    await here.platform.executions.report(here.report(held))
    ends = [await launched for launched in (*twice, late)]
    assert [(end.id, end.status) for end in ends] == [(launch.id, "COMPLETED")] * 3


async def test_an_end_that_was_decided_here_is_not_read_again(here: Factory) -> None:
    work = await here.task()
    launch = here.launch(await here.job(step("first", work)))
    launched = asyncio.create_task(here.platform.executions.launch(launch, LONG))
    (held,) = await here.polls(work)
    here.store.ask = here.store.read = None  # type: ignore[assignment, method-assign]
    await here.platform.executions.report(here.report(held))
    assert (await launched).status == "COMPLETED"


async def test_a_cancel_is_an_end_too(here: Factory) -> None:
    (launched,) = await here.launches(await here.job(step("first", await here.task())))
    look = asyncio.create_task(here.platform.executions.job_execution(here.account_id, launched.id, wait=LONG))
    await here.settle()
    await here.platform.executions.cancel(Cancel(here.account_id, launched.id))
    assert (await look).status == "TERMINATED"


async def test_who_does_not_wait_is_shown_the_job_as_it_is(here: Factory) -> None:
    (launched,) = await here.launches(await here.job(step("first", await here.task())))
    shown = await here.platform.executions.job_execution(here.account_id, launched.id)
    assert shown.status == "RUNNING"


async def test_who_waits_and_goes_is_shown_the_job_as_it_is(here: Factory) -> None:
    (launched,) = await here.launches(await here.job(step("first", await here.task())))
    presence = Presence()
    look = asyncio.create_task(
        here.platform.executions.job_execution(here.account_id, launched.id, wait=LONG, presence=presence)
    )
    await here.settle()
    presence.leave()
    assert (await look).status == "RUNNING"
