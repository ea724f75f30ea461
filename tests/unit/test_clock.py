"""The clock of the platform does not jump when that of the machine does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from data_factory.service.clock import SteadyClock
from data_factory.store.clock import DistantClock

SECOND = 1_000_000_000


class Machine:
    """A machine whose clock somebody sets."""

    def __init__(self) -> None:
        self.wall = 1_000_000 * SECOND
        self.steady = 0

    def pass_time(self, seconds: float) -> None:
        self.wall += int(seconds * SECOND)
        self.steady += int(seconds * SECOND)


def a_clock(machine: Machine) -> SteadyClock:
    return SteadyClock(lambda: machine.wall, lambda: machine.steady)


def test_it_shows_the_time_of_the_machine() -> None:
    machine = Machine()
    clock = a_clock(machine)
    machine.pass_time(5)
    assert clock() == 1_000_005_000


def test_a_jump_forward_is_caught_up_with_at_twice_the_speed() -> None:
    machine = Machine()
    clock = a_clock(machine)
    before = clock()
    machine.wall += 3600 * SECOND
    for _ in range(60):
        machine.pass_time(1)
        clock()
    assert clock() - before == 120_000
    for _ in range(3600):
        machine.pass_time(1)
        clock()
    assert clock() == machine.wall // 1_000_000


def test_a_jump_back_is_waited_for_at_half_the_speed() -> None:
    machine = Machine()
    clock = a_clock(machine)
    before = clock()
    machine.wall -= 3600 * SECOND
    for _ in range(60):
        machine.pass_time(1)
        clock()
    assert clock() - before == 30_000


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(-10_000, 10_000)), max_size=50))
def test_it_never_goes_back_nor_faster_than_twice(moves: list[tuple[int, int]]) -> None:
    machine = Machine()
    clock = a_clock(machine)
    last = clock()
    for passed, jump in moves:
        machine.pass_time(passed)
        machine.wall += jump * SECOND
        now = clock()
        assert passed * 1000 // 2 - 1 <= now - last <= passed * 2000 + 1
        last = now


def test_it_begins_when_it_is_first_asked() -> None:
    """What the other clock is may be known only by then: nothing is to be caught up with."""
    machine = Machine()
    clock = a_clock(machine)
    machine.wall += 3600 * SECOND
    assert clock() == machine.wall // 1_000_000


@given(
    st.integers(-(10**15), 10**15),
    st.lists(st.tuples(*[st.integers(0, 10**10)] * 3), min_size=1),
)
def test_a_distant_clock_is_believed_to_show_what_it_may_show(
    ahead: int, questions: list[tuple[int, int, int]]
) -> None:
    """However long the ways are: never further from the truth than the shortest of them can tell."""
    now = 0
    clock = DistantClock(lambda: now)
    shortest = None
    for pause, there, back in questions:
        asked = now + pause
        now = asked + there + back
        clock.heed(asked + there + ahead, asked, now)
        shortest = min(there + back, there + back if shortest is None else shortest)
        assert abs(clock() - (now + ahead)) <= shortest


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_distant_clock_that_was_set_is_followed(change: int, there: int, back: int) -> None:
    clock = DistantClock(lambda: 0)
    clock.heed(0, 0, 0)
    clock.heed(change, -there, back)
    assert abs(clock() - change) <= there + back
