"""What a peer is, to the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.peers.stage import Stage
from benchmarks.peers.tools import Tools

Measure = Literal["throughput", "latency", "chain"]

ALL: tuple[Measure, ...] = ("throughput", "latency", "chain")


class System(msgspec.Struct, frozen=True):
    """One way of running a peer, with all that a reader has to know to compare it.

    `start` starts its programs on a stage. `in_flight` are the numbers of creates at a time that are tried; the one
    with the most jobs a second is taken. `job` says what a job is there, and what it is known to have ended by;
    `left_out`, what the comparison does not show. `outside` is whether a server hands the work to a worker in another
    process and nothing that was accepted is lost with a power cut: what ours does, so that its goals are held against
    those.
    """

    name: str
    start: Callable[[Stage], None]
    in_flight: Sequence[int]
    job: str
    left_out: str = ""
    store: Literal["sqlite", "postgresql", "its own"] = "its own"
    outside: bool = False
    ours: bool = False
    measures: Sequence[Measure] = ALL


class Peer(msgspec.Struct, frozen=True):
    """A product, and the ways of running it. `install` brings it into a folder of tools; `version` says which."""

    name: str
    version: str
    install: Callable[[Tools], None]
    systems: Sequence[System]


PROGRAMS = Path(__file__).parent / "programs"
"""What runs in the environments of the peers."""
