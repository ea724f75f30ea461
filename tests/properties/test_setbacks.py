"""Whatever fails together is told apart: all that can be done is done, in its order, and nothing else is put off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_factory.service.setbacks import FIRST_MS, MOST_MS, Setbacks, Stuck
from data_factory.store.promises import ImpossibleWrite, Store, StoreUnavailable, Timer, WriteUnderWay

NOW = 1_700_000_000_000


class Notes:
    """A store that only writes down what is put off, and until when."""

    def __init__(self) -> None:
        self.put_off_until: list[tuple[str, int]] = []

    async def write(self, work: Callable[[Notes], Awaitable[Any]], tell: Callable[[Any], Sequence[str]]) -> Any:
        done = await work(self)
        assert tell(done)
        return done

    async def put_off(self, timer: Timer, until: int) -> bool:
        self.put_off_until.append((timer.id, until))
        return True


class Round:
    """Does what it can; what it cannot fails, with all that it is tried with."""

    def __init__(self, faulty: set[int]) -> None:
        self.faulty = {str(one) for one in faulty}
        self.done: list[str] = []
        self.tries = 0

    async def do(self, timers: Sequence[Timer]) -> None:
        self.tries += 1
        if any(timer.id in self.faulty for timer in timers):
            raise KeyError
        self.done += [timer.id for timer in timers]


def timers(count: int) -> list[Timer]:
    return [Timer("task_execution", str(number), NOW) for number in range(count)]


@given(st.data(), st.integers(1, 500))
def test_all_that_can_be_done_is_and_soon(data: st.DataObject, count: int) -> None:
    faulty = data.draw(st.sets(st.integers(0, count - 1), max_size=8))
    notes, here, noted = Notes(), Round(faulty), list[int]()
    setbacks = Setbacks(cast(Store, notes), lambda: NOW, noted.append)
    asyncio.run(setbacks.try_apart(timers(count), here.do))
    assert here.done == [str(number) for number in range(count) if number not in faulty]
    assert notes.put_off_until == [(str(number), NOW + FIRST_MS) for number in sorted(faulty)]
    assert noted == [NOW + FIRST_MS] * len(faulty)
    assert here.tries <= 1 + 2 * len(faulty) * (count - 1).bit_length()


def test_each_time_it_is_put_off_for_longer_and_what_went_well_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    now, notes, here = NOW, Notes(), Round({0})
    setbacks = Setbacks(cast(Store, notes), lambda: now, lambda _: None)
    delays = []
    for _ in range(9):
        asyncio.run(setbacks.try_apart(timers(1), here.do))
        _, until = notes.put_off_until[-1]
        delays.append(until - now)
        now = until
    assert delays == [*(FIRST_MS << time for time in range(6)), *[MOST_MS] * 3]
    assert len(caplog.records) == 1
    now += MOST_MS  # it was due long ago, and has not failed again
    asyncio.run(setbacks.try_apart(timers(1), here.do))
    assert notes.put_off_until[-1] == ("0", now + FIRST_MS)
    assert len(caplog.records) == 2


def test_an_outage_is_no_fault_of_any_of_them() -> None:
    async def do(_: Sequence[Timer]) -> None:
        raise StoreUnavailable

    notes = Notes()
    with pytest.raises(StoreUnavailable):
        asyncio.run(Setbacks(cast(Store, notes), lambda: NOW, lambda _: None).try_apart(timers(3), do))
    assert notes.put_off_until == []


def test_of_what_may_have_been_put_off_the_time_is_known() -> None:
    """The store has kept it, and could not say so in time: nobody else would come back to it."""

    class Slow(Notes):
        async def write(self, work: Callable[[Notes], Awaitable[Any]], tell: Callable[[Any], Sequence[str]]) -> Any:
            await super().write(work, tell)
            raise WriteUnderWay(asyncio.get_running_loop().create_future())

    notes, noted = Slow(), list[int]()
    with pytest.raises(WriteUnderWay):
        asyncio.run(Setbacks(cast(Store, notes), lambda: NOW, noted.append).try_apart(timers(1), Round({0}).do))
    assert [until for _, until in notes.put_off_until] == noted == [NOW + FIRST_MS]


def test_what_cannot_be_put_off_either_is_not_tried_each_second(caplog: pytest.LogCaptureFixture) -> None:
    class Refusing(Notes):
        async def put_off(self, timer: Timer, until: int) -> bool:
            raise ImpossibleWrite

    async def rounds(count: int) -> list[int]:
        tries = []
        for _ in range(count):
            here.tries = 0
            with pytest.raises(Stuck):
                await setbacks.try_apart(timers(100), here.do)
            tries.append(here.tries)
        return tries

    now, here = NOW, Round(set(range(50)))
    setbacks = Setbacks(cast(Store, Refusing()), lambda: now, lambda _: None)
    assert asyncio.run(rounds(3)) == [101, 1, 1]
    assert len(caplog.records) == 50
    assert here.done == [str(number) for number in range(50, 100)] * 3
    now += FIRST_MS
    assert asyncio.run(rounds(2)) == [101, 1]
