"""Who is woken, in which order, and that no call is lost on the way."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from data_factory.service.waiting_room import Presence, Waiter, WaitingRoom

pytestmark = pytest.mark.anyio

LONG = 3_600
"""Seconds that no test waits: who waits so long is woken, or the test hangs and fails."""


async def let_run() -> None:
    """Everybody who can go on does."""
    for _ in range(5):
        await asyncio.sleep(0)


class Someone:
    """Waits in the background, as a long poll does."""

    def __init__(self, room: WaitingRoom, *topics: str) -> None:
        self.room = room
        self.topics = topics
        self.woken = 0
        self.waiter: Waiter | None = None
        self.task = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        with self.room.enter(self.topics) as self.waiter:
            while await self.waiter.wait(LONG):
                self.woken += 1
                self.waiter.answered(self.waiter.calls.copy())

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


async def waiting(room: WaitingRoom, *each: tuple[str, ...]) -> list[Someone]:
    people = [Someone(room, *topics) for topics in each]
    await let_run()
    return people


async def go_home(people: list[Someone]) -> None:
    for one in people:
        await one.leave()


async def test_the_one_who_waits_longest_is_called_first() -> None:
    room = WaitingRoom()
    people = await waiting(room, ("a",), ("a",), ("a",))
    room.call("a", 2)
    await let_run()
    assert [one.woken for one in people] == [1, 1, 0]
    await go_home(people)


async def test_who_was_called_and_waits_again_goes_to_the_end_of_the_queue() -> None:
    room = WaitingRoom()
    people = await waiting(room, ("a",), ("a",))
    for _ in range(2):
        room.call("a", 1)
        await let_run()
    assert [one.woken for one in people] == [1, 1]
    await go_home(people)


async def test_nobody_is_called_for_what_they_do_not_wait_for() -> None:
    room = WaitingRoom()
    people = await waiting(room, ("a",), ("b",), ("a", "b"))
    room.call("b", 1)
    await let_run()
    assert [one.woken for one in people] == [0, 1, 0]
    await go_home(people)


async def test_one_who_waits_for_two_things_answers_one_call_at_a_time() -> None:
    room = WaitingRoom()
    people = await waiting(room, ("a", "b"), ("b",))
    room.call("a", 1)
    room.call("b", 1)
    await let_run()
    assert [one.woken for one in people] == [1, 1]
    await go_home(people)


async def test_a_call_to_more_than_are_there_calls_all_of_them() -> None:
    room = WaitingRoom()
    people = await waiting(room, ("a",), ("a",))
    room.call("a", 100)
    await let_run()
    assert [one.woken for one in people] == [1, 1]
    await go_home(people)


async def test_waking_a_topic_wakes_all_of_it() -> None:
    room = WaitingRoom()
    people = await waiting(room, ("a",), ("a",), ("b",))
    room.wake("a")
    await let_run()
    assert [one.woken for one in people] == [1, 1, 0]
    await go_home(people)


async def test_what_happens_before_the_wait_is_not_missed() -> None:
    room = WaitingRoom()
    with room.enter(("a",)) as waiter:
        room.call("a", 1)
        assert await waiter.wait(LONG)


async def test_what_happens_before_the_second_wait_is_not_missed_either() -> None:
    room = WaitingRoom()
    with room.enter(("a",)) as waiter:
        room.call("a", 1)
        assert await waiter.wait(LONG)
        room.call("a", 1)
        assert await waiter.wait(LONG)


async def test_nothing_happens_in_no_time() -> None:
    with WaitingRoom().enter(("a",)) as waiter:
        assert not await waiter.wait(0)
        assert not await waiter.wait(-1)


async def test_who_leaves_is_forgotten() -> None:
    room = WaitingRoom()
    await go_home(await waiting(room, ("a", "b"), ("a",)))
    assert room._waiters == {}


# -- calls that are passed on


async def test_who_is_called_and_leaves_without_looking_passes_the_call_on() -> None:
    room = WaitingRoom()
    first, second, third = people = await waiting(room, ("a",), ("a",), ("a",))
    room.call("a", 1)
    await first.leave()
    await let_run()
    assert [second.woken, third.woken] == [1, 0]
    await go_home(people)


async def test_a_call_goes_through_all_who_are_about_to_leave() -> None:
    room = WaitingRoom()
    people = await waiting(room, ("a",), ("a",), ("a",))
    room.call("a", 1)
    people[0].task.cancel()
    people[1].task.cancel()
    await let_run()
    assert people[2].woken == 1
    await go_home(people)


async def test_what_was_woken_for_one_topic_is_passed_on_for_that_topic_only() -> None:
    room = WaitingRoom()
    both, of_a, of_b = people = await waiting(room, ("a", "b"), ("a",), ("b",))
    room.call("a", 1)
    await both.leave()
    await let_run()
    assert [of_a.woken, of_b.woken] == [1, 0]
    await go_home(people)


async def test_a_call_that_was_heard_but_not_answered_is_passed_on() -> None:
    room = WaitingRoom()
    (other,) = people = await waiting(room, ("a",))
    with room.enter(("a",)) as waiter:
        room.call("a", 2)
        assert await waiter.wait(LONG)
        await let_run()
        assert other.woken == 1
    await let_run()
    assert other.woken == 2
    await go_home(people)


async def test_an_answered_call_is_not_passed_on() -> None:
    room = WaitingRoom()
    (other,) = people = await waiting(room, ("b",))
    with room.enter(("a", "b")) as waiter:
        room.call("b", 2)
        waiter.answered(Counter(waiter.calls))
    await let_run()
    assert other.woken == 1
    await go_home(people)


async def test_to_wake_all_is_no_call_and_is_not_passed_on() -> None:
    room = WaitingRoom()
    with room.enter(("a",)):
        room.wake("a")
        (other,) = people = await waiting(room, ("a",))
    await let_run()
    assert other.woken == 0
    await go_home(people)


# -- presence and closing


async def test_who_has_gone_is_woken() -> None:
    presence = Presence()
    with WaitingRoom().enter(("a",)) as waiter:
        presence.attach(waiter)
        presence.leave()
        assert await waiter.wait(LONG)
    assert presence.gone


async def test_who_had_gone_before_they_began_to_wait_is_woken() -> None:
    presence = Presence()
    presence.leave()
    with WaitingRoom().enter(("a",)) as waiter:
        presence.attach(waiter)
        assert await waiter.wait(LONG)


async def test_closing_sends_everybody_home() -> None:
    room = WaitingRoom()
    people = await waiting(room, ("a",), ("a", "b"))
    room.close()
    await asyncio.wait([one.task for one in people])
    assert [one.woken for one in people] == [0, 0]


async def test_nobody_waits_in_a_closed_room() -> None:
    room = WaitingRoom()
    room.close()
    with room.enter(("a",)) as waiter:
        assert not await waiter.wait(LONG)
