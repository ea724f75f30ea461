"""All that `make bench` measures, in the order of the report."""

from __future__ import annotations

from typing import Final

from benchmarks.chain import chain, steps
from benchmarks.counts import counts
from benchmarks.distance import floor
from benchmarks.drain import drain
from benchmarks.files import files
from benchmarks.flow import dynamic_fork, fork, loop, wide_fork
from benchmarks.idle import idle
from benchmarks.latency import latency
from benchmarks.measuring import Measure
from benchmarks.million import million
from benchmarks.publication import publication
from benchmarks.restart import restart
from benchmarks.resuming import retry
from benchmarks.sdk import sdk
from benchmarks.throughput import polls, throughput

LONG: Final = {"drain", "dynamic", "loop", "million", "retry", "sdk", "wide"}
"""Those that take minutes: three runs of them are enough."""

MEASURES: Final[dict[str, Measure]] = {
    "throughput": throughput,
    "polls": polls,
    "latency": latency,
    "chain": chain,
    "steps": steps,
    "fork": fork,
    "wide": wide_fork,
    "dynamic": dynamic_fork,
    "loop": loop,
    "retry": retry,
    "publication": publication,
    "files": files,
    "million": million,
    "idle": idle,
    "drain": drain,
    "restart": restart,
    "counts": counts,
    "sdk": sdk,
    "floor": floor,
}
