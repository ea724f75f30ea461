"""What is measured of a system, in the same way for all; the load and the clock are in `programs/driving.py`."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Final

import msgspec

from benchmarks.figures import Figure
from benchmarks.peers.peer import Measure, System
from benchmarks.peers.stage import Failed, Stage

STEPS: Final = 40
"""The length of the chain."""

PER_SECOND: Final = 50.0
"""How many creates a second the latency is measured at."""

ROLES: Final = ("server", "worker", "database", "client")
"""Who may use CPU."""


class Seconds(msgspec.Struct, frozen=True):
    """How long each measure is to take, about; the sweep tries each number of creates at a time for so long."""

    sweep: float = 2.0
    throughput: float = 5.0
    latency: float = 10.0
    chain: float = 2.0


QUICK: Final = Seconds(sweep=0.5, throughput=1.5, latency=2.0, chain=0.5)


class Pace(msgspec.Struct, frozen=True):
    """What a sweep has found: how many creates at a time give the most jobs a second, and how many that are."""

    in_flight: int
    per_second: float


def sweep(system: System, stage: Stage, seconds: Seconds) -> Pace:
    """Try each number of creates at a time, twice; the best of them. The first look also warms up."""
    pace = _first_look(system.in_flight[0], stage)
    stage.data.settle()
    found = []
    for in_flight in (*system.in_flight, *system.in_flight):
        pace = _tried(stage, Pace(in_flight, pace.per_second), seconds.sweep)
        found.append(pace)
    return max(found, key=lambda pace: pace.per_second)


def measure(system: System, stage: Stage, pace: Pace, seconds: Seconds) -> dict[Measure, list[Figure]]:
    """All that can be measured of a system on a fresh stage, after a warm-up."""
    _tried(stage, pace, seconds.throughput / 4)
    stage.data.settle()
    take: dict[Measure, Callable[[str, Stage, Pace, Seconds], list[Figure]]] = {
        "throughput": _throughput,
        "latency": _latency,
        "chain": _chain,
    }
    return {name: take[name](system.name, stage, pace, seconds) for name in system.measures}


def _throughput(system: str, stage: Stage, pace: Pace, seconds: Seconds) -> list[Figure]:
    count = _count(pace, seconds.throughput)
    before = stage.cpu()
    took = _run(stage, count, pace)
    used = {role: cpu - before[role] for role, cpu in stage.cpu().items()}
    return [
        Figure("jobs", count / took, "/s", system=system),
        *(Figure(role, used.get(role, 0.0) / count * 1e6, "µs", system=system) for role in ROLES),
        Figure("creates at a time", pace.in_flight, "", system=system),
    ]


def _latency(system: str, stage: Stage, pace: Pace, seconds: Seconds) -> list[Figure]:
    """At a rate that it can keep up with: where it cannot do 50 a second with ease, at half of what it does."""
    per_second = min(PER_SECOND, pace.per_second / 2)
    count = max(10, int(per_second * seconds.latency))
    times = _driver(stage).ask("latency", _patience(count / per_second), count=count, per_second=per_second)
    if len(times) != count:
        raise Failed(f"{len(times)} of {count} jobs were worked on")
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return [
        Figure("p50", cuts[49] * 1e3, "ms", system=system),
        Figure("p99", cuts[98] * 1e3, "ms", system=system),
        Figure("creates", per_second, "/s", system=system),
    ]


def _chain(system: str, stage: Stage, pace: Pace, seconds: Seconds) -> list[Figure]:
    patience = _patience(seconds.chain + STEPS / pace.per_second)
    before = stage.cpu()
    took = _driver(stage).ask("chain", patience, steps=STEPS, seconds=seconds.chain)
    used = sum(stage.cpu().values()) - sum(before.values())
    return [
        Figure("a step", statistics.median(took) / STEPS * 1e3, "ms", system=system),
        Figure("CPU of all processes", used / len(took) / STEPS * 1e6, "µs a step", system=system),
    ]


def _first_look(in_flight: int, stage: Stage) -> Pace:
    count = max(20, 2 * in_flight)
    return Pace(in_flight, count / _run(stage, count, Pace(in_flight, per_second=1)))


def _tried(stage: Stage, pace: Pace, seconds: float) -> Pace:
    count = _count(pace, seconds)
    return Pace(pace.in_flight, count / _run(stage, count, pace))


def _count(pace: Pace, seconds: float) -> int:
    return max(pace.in_flight, int(pace.per_second * seconds))


def _run(stage: Stage, count: int, pace: Pace) -> float:
    patience = _patience(count / pace.per_second)
    return float(_driver(stage).ask("throughput", patience, count=count, concurrency=pace.in_flight))


def _patience(seconds: float) -> float:
    """How long to wait for something that should take so many seconds."""
    return 30 + 10 * seconds


def _driver(stage: Stage):
    assert stage.driver is not None, "a system starts its load"
    return stage.driver
