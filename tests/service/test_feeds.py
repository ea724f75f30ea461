"""Who follows what happens at several servers, and what that costs those whom nobody follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from msgspec.structs import replace

from data_factory.service.commands import Cancel, Hold
from data_factory.service.feeds import EVERYTHING, FORGET_MS, LINGER_MS, REMEMBERED, Feed, Feeds
from data_factory.service.following import Told, Wanted
from data_factory.service.waiting_room import Presence, WaitingRoom
from tests.factory import factory
from tests.postgresql import Database
from tests.service.test_many_servers import servers
from tests.workshop import declare_job, declare_task, step

pytestmark = pytest.mark.anyio

BOTH = frozenset({"job_execution", "task_execution"})


LONG_S = 30
"""Nothing takes as long: what has not been told by then never will be."""


async def until(events: AsyncGenerator[list[Told], None], kind: str, id: str) -> list[Told]:
    found: list[Told] = []
    async with asyncio.timeout(LONG_S):
        async for told in events:
            for one in told:
                found.append(one)
                if one.kind == kind and one.subject is not None and one.subject.id == id:
                    return found
    raise AssertionError(f"it ended before {kind} of {id}")


async def test_what_happens_at_another_server_is_told_here(database: Database) -> None:
    async with servers(database) as [one, other]:
        work = await declare_task(one.platform, one.account_id, "work")
        job = await declare_job(one.platform, one.account_id, step("first", work))
        feed = await one.platform.feeds.follow(one.account_id)
        async with asyncio.timeout(LONG_S):
            # The other answers with EVERYTHING: what it tells along with that would be told as `resync` only.
            while not feed.last:  # noqa: ASYNC110 - nobody is told when it comes
                await asyncio.sleep(0.01)
        assert other.platform.feeds.is_followed(one.account_id)
        wanted = Wanted(one.account_id, None, BOTH, "")
        events = one.platform.following.follow(wanted, Presence())
        begun = await anext(events)
        run = await other.launches(job)
        await until(events, "job_execution.started", run)
        whole = one.platform.following.follow(Wanted(one.account_id, run, BOTH, ""), Presence())
        await until(whole, "job_execution.started", run)
        await other.platform.executions.cancel(Cancel(other.account_id, run))
        await until(events, "job_execution.ended", run)
        assert [one.kind for one in await until(whole, "job_execution.ended", run)][-1] == "job_execution.ended"
        assert begun[0].kind is None
        await asyncio.gather(events.aclose(), whole.aclose())
        one.platform.feeds.leave(one.account_id)


async def test_pause_and_resume_are_told_as_they_are_and_the_end_once() -> None:
    async with factory() as here:
        [row] = await here.launches(await here.job(step("first", await here.task())))
        run = row.id
        hold = Hold(here.account_id, run, on=True, reason="a storm")
        events = here.platform.following.follow(
            Wanted(here.account_id, None, frozenset({"job_execution"}), ""), Presence()
        )
        await anext(events)
        await here.platform.executions.hold(hold)
        assert [one.kind for one in await until(events, "job_execution.paused", run)] == ["job_execution.paused"]
        whole = here.platform.following.follow(
            Wanted(here.account_id, run, frozenset({"job_execution"}), ""), Presence()
        )
        assert [one.kind for one in await until(whole, "job_execution.paused", run)][-1] == "job_execution.paused"
        await here.platform.executions.hold(replace(hold, on=False))
        assert [one.kind for one in await until(events, "job_execution.resumed", run)] == ["job_execution.resumed"]
        await here.platform.executions.hold(hold)
        await here.platform.executions.hold(replace(hold, on=False))
        await here.platform.executions.cancel(Cancel(here.account_id, run))
        assert [one.kind for one in await anext(events)] == ["job_execution.ended"]
        await asyncio.gather(events.aclose(), whole.aclose())


async def test_who_was_to_be_told_resync_is_told_it_although_the_connection_is_lost_before() -> None:
    async with factory() as here:
        cursor = "another.1."
        for lost in (True, False):
            events = here.platform.following.follow(Wanted(here.account_id, None, BOTH, cursor), Presence())
            [place] = await anext(events)
            cursor = place.cursor
            if not lost:
                assert [one.kind for one in await anext(events)] == ["resync"]
            await events.aclose()


async def test_where_nobody_follows_nothing_is_done() -> None:
    async with factory() as here:
        here.platform.feeds.changes = _never  # type: ignore[method-assign,assignment]
        job = await here.job(step("first", await here.task()))
        await here.launches(job, job)
        assert here.platform.feeds.is_empty


def _never(_touched: object) -> None:
    raise AssertionError("somebody asked what has changed")


async def test_an_account_is_followed_until_nobody_comes_back() -> None:
    now, lines = [0], []

    async def nothing() -> None:
        """There is nothing to wait for."""

    async def tell(told: list[str]) -> None:
        lines.extend(told)

    feeds = Feeds(WaitingRoom(), lambda: now[0], nothing, tell)
    feed = await feeds.follow("a")
    assert lines == ['{"followed":["a"]}'] and feeds.is_followed("a") is False and feeds.is_followed("b") is None
    feeds.publish([("a", "j1"), ("b", "j2")])
    feeds.leave("a")
    now[0] += LINGER_MS
    assert await feeds.follow("a") is feed
    feeds.leave("a")
    now[0] += LINGER_MS + 1
    feeds.publish([("a", "j3")])
    assert feeds.is_empty
    feeds.hear(["c"], {})
    await asyncio.gather(*feeds._answering)
    assert feeds.is_followed("c") is True and lines[-1] == '{"changes":{"c":["*"]}}'
    feeds.miss()
    now[0] += FORGET_MS
    feeds.publish([])  # as of a transaction that has changed nothing of theirs
    assert feeds.is_empty


def test_a_feed_knows_the_latest_and_says_when_it_does_not() -> None:
    feed = Feed()
    for what in ("j1", "t1", "j1"):
        feed.add(what)
    assert (feed.since(0), feed.since(2), feed.since(3)) == (["j1", "t1"], ["j1"], [])
    assert (feed.since(-1), feed.since(4)) == (None, None)
    for number in range(REMEMBERED):
        feed.add(f"j{number}")
    assert feed.since(2) is None and len(feed.since(3) or ()) == REMEMBERED
    feed.add(EVERYTHING)
    assert feed.since(REMEMBERED) is None and feed.since(feed.last) == []
