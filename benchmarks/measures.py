"""All that `make bench` measures, in the order of the report."""

from __future__ import annotations

from typing import Final

from benchmarks.chain import chain, steps
from benchmarks.counts import counts
from benchmarks.distance import floor
from benchmarks.drain import drain
from benchmarks.flow import fork, loop
from benchmarks.idle import idle
from benchmarks.latency import latency
from benchmarks.measuring import Measure
from benchmarks.million import million
from benchmarks.restart import restart
from benchmarks.sdk import sdk
from benchmarks.throughput import polls, throughput

LONG: Final = {"drain", "loop", "million", "sdk"}
"""Those that take minutes: three runs of them are enough."""

MEASURES: Final[dict[str, Measure]] = {
    "throughput": throughput,
    "polls": polls,
    "latency": latency,
    "chain": chain,
    "steps": steps,
    "fork": fork,
    "loop": loop,
    "million": million,
    "idle": idle,
    "drain": drain,
    "restart": restart,
    "counts": counts,
    "sdk": sdk,
    "floor": floor,
}
