from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from data_factory.worker.room import Booking, Limit, Room
from data_factory.worker.task import Rate
from data_factory.worker.threads import Threads
from tests.worker.clock import ManualClock

pytestmark = pytest.mark.anyio

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")


async def test_room_is_booked_settled_and_left() -> None:
    room = Room(3, ["a", "b"], ManualClock())
    first, second, third = room.book(2), room.book(2), room.book(2)
    assert [first.count, second.count, third.count] == [2, 1, 0]
    waiting = [asyncio.create_task(room.wait_book(5)) for _ in range(2)]
    await asyncio.sleep(0)
    room.settle(first, ["a"])
    assert (await asyncio.wait_for(waiting[0], 60)).count == 1
    assert not waiting[1].done(), "who comes too late waits on"
    room.leave("a")
    assert (await asyncio.wait_for(waiting[1], 60)).count == 1
    assert room.free == 0


async def test_room_cannot_be_left_twice() -> None:
    room = Room(1, ["a"], ManualClock())
    with pytest.raises(AssertionError):
        room.leave("a")


async def test_a_task_has_no_more_than_its_share() -> None:
    room = Room(10, ["a", "b"], ManualClock(), {"a": Limit(concurrency=2), "b": Limit()})
    both = room.book(10)
    assert both == Booking(("a", "b"), 2), "all of it may be of the task that has least"
    assert room.book(10) == Booking(("b",), 8)
    room.settle(both, ["a", "a"])
    assert room.book(10) == Booking((), 0)
    room.leave("a")
    assert room.book(10, leaving=["a"]) == Booking(("a", "b"), 2)


async def test_more_room_for_a_task_that_was_not_asked_for_is_noticed() -> None:
    room = Room(10, ["a", "b"], ManualClock(), {"a": Limit(concurrency=1)})
    room.settle(room.book(1), ["a"])
    only_b = room.book(5)
    more = asyncio.create_task(room.wait_more(only_b))
    await asyncio.sleep(0)
    assert not more.done()
    room.leave("a")
    await asyncio.wait_for(more, 60)


async def test_a_rate_counts_what_began_and_comes_back_in_time() -> None:
    clock = ManualClock()
    room = Room(10, ["a"], clock, {"a": Limit(rate=Rate(2, 60))})
    room.settle(room.book(10), ["a"])
    room.leave("a")
    room.settle(room.book(10), ["a"])
    room.leave("a")
    waiting = asyncio.create_task(room.wait_book(10))
    await clock.someone_sleeps(60, 60)
    assert not waiting.done()
    await clock.advance(60)
    assert (await asyncio.wait_for(waiting, 60)).count == 2


async def test_threads_give_results_errors_and_context() -> None:
    threads = Threads("test")
    variable.set("something")
    assert await threads.call(variable.get) == "something"

    def stop() -> None:
        raise StopIteration("not even this is lost")

    with pytest.raises(RuntimeError) as caught:
        await threads.call(stop)
    assert isinstance(caught.value.__cause__, StopIteration)
    threads.close()


async def test_threads_are_used_again_and_are_daemons() -> None:
    threads = Threads("test")
    first = await threads.call(threading.current_thread)
    second = await threads.call(threading.current_thread)
    assert first is second
    assert first.daemon
    together = threading.Barrier(3)
    at_once = await asyncio.gather(*[threads.call(lambda: (together.wait(5), threading.get_ident())) for _ in range(3)])
    assert len({ident for _, ident in at_once}) == 3
    threads.close()
