from __future__ import annotations

import asyncio
from collections import deque

import pytest

from data_factory.worker.clock import Clock
from data_factory.worker.pace import Pace

pytestmark = pytest.mark.anyio


class Simulated(Clock):
    """Time passes when somebody sleeps, and for nobody else."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += max(seconds, 0.001)


def enforced(clock: Clock, limit: int = 50) -> Pace:
    pace = Pace(clock, limit)
    pace.enforced = True
    return pace


async def send(pace: Pace, sent: list[float], clock: Simulated, **how: bool | int) -> None:
    async with pace.turn(**how):  # type: ignore[arg-type]
        sent.append(clock.time)


def most_in_a_minute(sent: list[float]) -> int:
    window: deque[float] = deque()
    most = 0
    for time in sent:
        window.append(time)
        while window[0] <= time - 60:
            window.popleft()
        most = max(most, len(window))
    return most


async def test_no_minute_has_more_than_the_limit_and_a_backlog_uses_it_up() -> None:
    clock, sent = Simulated(), list[float]()
    pace = enforced(clock)
    for _ in range(120):
        await send(pace, sent, clock, urgent=False)
        await send(pace, sent, clock)
    assert most_in_a_minute(sent) == 50
    assert clock.time < 60 * 240 / 50 + 1


async def test_reports_of_what_runs_always_fit() -> None:
    clock, sent = Simulated(), list[float]()
    pace = enforced(clock)
    running = 0
    while clock.time < 60 and running < 24:
        await send(pace, sent, clock, urgent=False, owed=running)
        running += 1
    polled = clock.time
    for _ in range(running):
        await send(pace, sent, clock)
    assert clock.time == polled, "no report had to wait"
    assert most_in_a_minute(sent) <= 50


async def test_much_that_runs_does_not_keep_it_from_polling() -> None:
    clock, sent = Simulated(), list[float]()
    await send(enforced(clock), sent, clock, urgent=False, owed=1_000)
    assert sent == [0]


async def test_a_pause_is_for_everybody() -> None:
    clock, sent = Simulated(), list[float]()
    pace = enforced(clock)
    pace.pause(30)
    pace.pause(10)
    await send(pace, sent, clock)
    assert sent == [30]


async def test_a_request_under_way_counts_until_a_minute_after_its_end() -> None:
    clock, sent = Simulated(), list[float]()
    pace = enforced(clock, limit=2)
    async with pace.turn():
        clock.time = 100
        await send(pace, sent, clock)
    await send(pace, sent, clock)
    assert sent == [100, 160]


async def test_it_only_counts_where_nothing_is_asked_for() -> None:
    clock, sent = Simulated(), list[float]()
    pace = Pace(clock, limit=2)
    for _ in range(10):
        await send(pace, sent, clock)
    assert clock.time == 0
    pace.enforced = True
    await asyncio.wait_for(send(pace, sent, clock), 5)
    assert clock.time == 60
