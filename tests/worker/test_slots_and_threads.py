from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from data_factory.worker.slots import Slots
from data_factory.worker.threads import Threads

pytestmark = pytest.mark.anyio

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")


async def test_slots_are_taken_and_given() -> None:
    slots = Slots(3)
    assert [slots.take(2), slots.take(2), slots.take(2)] == [2, 1, 0]
    waiting = [asyncio.create_task(slots.wait_take(5)) for _ in range(2)]
    await asyncio.sleep(0)
    slots.give(2)
    assert await asyncio.wait_for(waiting[0], 5) == 2
    assert not waiting[1].done(), "who comes too late waits on"
    slots.give(1)
    assert await asyncio.wait_for(waiting[1], 5) == 1
    assert slots.free == 0


async def test_a_slot_cannot_be_given_twice() -> None:
    slots = Slots(1)
    with pytest.raises(AssertionError):
        slots.give(1)


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
