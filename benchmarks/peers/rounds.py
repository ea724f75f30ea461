"""The rounds: every system once in each, one after the other, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console

from benchmarks.figures import Figure
from benchmarks.peers.measures import Pace, Seconds, measure, sweep
from benchmarks.peers.peer import Measure, Peer, System
from benchmarks.peers.stage import Failed, set_up
from benchmarks.peers.tools import NotInstalled, Tools
from benchmarks.place import Place

Round = Mapping[str, Mapping[Measure, Sequence[Figure]]]
"""What one round has found: the figures of each measure, by system."""

FAILURES: Final = (NotInstalled, Failed, OSError, RuntimeError)
"""What may go wrong with a peer and leaves the others as they are."""


class Rounds:
    """Installs and measures; what fails is noted in `failures`, by system, and not tried again."""

    def __init__(self, place: Place, seconds: Seconds, progress: Console) -> None:
        self.failures: dict[str, str] = {}
        self._places = {"postgresql": place, "sqlite": Place(place.where), "its own": Place(place.where)}
        self._tools = Tools((place.where / "peers").absolute())
        self._seconds = seconds
        self._progress = progress
        self._paces: dict[str, Pace] = {}

    def run(self, peers: Sequence[Peer], runs: int) -> list[Round]:
        """Install the peers, and measure what they consist of, so many times."""
        for peer in peers:
            with self._noted(f"install {peer.name}", peer.systems):
                peer.install(self._tools)
        systems = [system for peer in peers for system in peer.systems]
        return [self._round(systems, f"round {number} of {runs}") for number in range(1, runs + 1)]

    def _round(self, systems: Sequence[System], title: str) -> Round:
        found: dict[str, Mapping[Measure, Sequence[Figure]]] = {}
        for system in systems:
            if system.name not in self.failures:
                with self._noted(f"{title}: {system.name}", [system]):
                    found[system.name] = self._measured(system)
        return found

    def _measured(self, system: System) -> Mapping[Measure, Sequence[Figure]]:
        with set_up(self._places[system.store], self._tools) as stage:
            system.start(stage)
            if system.name not in self._paces:
                self._paces[system.name] = sweep(system, stage, self._seconds)
            return measure(system, stage, self._paces[system.name], self._seconds)

    @contextmanager
    def _noted(self, doing: str, systems: Sequence[System]) -> Iterator[None]:
        """Say what was done and how long it took; a failure is noted for the systems that it is of."""
        began = time.monotonic()
        said = ""
        try:
            yield
        except FAILURES as failure:
            said = f", failed: {failure}"
            self.failures |= {system.name: str(failure) for system in systems}
        self._progress.print(
            f"{doing}: {time.monotonic() - began:.0f} s{said}", highlight=False, markup=False, soft_wrap=True
        )
