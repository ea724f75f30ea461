"""Ids: 24 hexadecimal digits that only ever go up, whatever the clock does and however many threads ask."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_factory.model.ids import IdMaker, is_id

NOW = 1_700_000_000_000


@given(times=st.lists(st.integers(min_value=0, max_value=2**47), min_size=2), start=st.integers(0, 2**48 - 1))
def test_ids_never_go_back_even_when_the_clock_does(times: list[int], start: int) -> None:
    clock = iter(times)
    make = IdMaker(now=lambda: next(clock), start=start)
    ids = [make() for _ in times]
    assert all(before < after for before, after in pairwise(ids))
    assert all(is_id(id) for id in ids)


@pytest.mark.parametrize("start", [2**48 - 2, 2**48 - 1])
def test_when_the_counter_overflows_ids_still_go_up(start: int) -> None:
    make = IdMaker(now=lambda: NOW, start=start)
    ids = [make() for _ in range(4)]
    assert ids == sorted(set(ids))


def test_an_id_begins_with_the_time_of_its_making() -> None:
    assert int(IdMaker(now=lambda: NOW)()[:12], 16) == NOW


def test_ids_of_two_processes_differ() -> None:
    makers = [IdMaker(now=lambda: NOW) for _ in range(100)]
    assert len({make() for make in makers}) == 100


def test_an_id_of_a_later_millisecond_is_greater_than_any_of_an_earlier_one() -> None:
    earlier, later = IdMaker(now=lambda: NOW, start=2**48 - 2), IdMaker(now=lambda: NOW + 1, start=0)
    assert earlier() < later()


@pytest.fixture
def hurried_threads() -> Iterator[None]:
    """Threads take turns as often as they can, so that what can go wrong between two lines does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried_threads")
def test_threads_that_share_a_maker_never_get_the_same_id() -> None:
    """The event loop makes the ids of launches while the writer's thread makes those of task executions."""
    make = IdMaker(now=lambda: time.perf_counter_ns() // 1_000)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: [make() for _ in range(50_000)], range(4)))
    assert len({id for ids in made for id in ids}) == 200_000
    for ids in made:
        assert ids == sorted(ids)


@pytest.mark.parametrize(
    "text", ["", "power", "0192F4C1A2B3000000000001", "0192f4c1a2b300000000000", "g" * 24, "0" * 25]
)
def test_what_is_not_an_id(text: str) -> None:
    assert not is_id(text)


def test_what_ends_with_a_new_line_is_not_an_id() -> None:
    assert not is_id("0192f4c1a2b3000000000001\n")
