"""Compiled job versions, kept in memory: a version never changes.

Whoever publishes a version keeps its graph here. What is not here, as after a restart, is compiled by the first batch
that needs it: a second for a job of ten thousand tasks.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from data_factory.engine.compiling import compile_graph
from data_factory.engine.graph import Graph
from data_factory.model.definitions import JobDefinition
from data_factory.model.records import JobVersionRecord
from data_factory.store.promises import Reads

log = logging.getLogger(__name__)

Version = tuple[str, int]

_definition: Final = msgspec.json.Decoder(JobDefinition)
_task_ids: Final = msgspec.json.Decoder(dict[str, str])


class Graphs:
    """The graphs of the versions used last, for the batches and for those who publish, whatever their threads."""

    def __init__(self, keep: int = 1_000) -> None:
        self._graphs: OrderedDict[Version, Graph] = OrderedDict()
        self._keep = keep
        self._lock = threading.Lock()

    def keep(self, version: Version, graph: Graph) -> None:
        """Have the graph of a version ready, so that its first launch need not make it."""
        self._used({version: graph})

    def forget(self, version: Version) -> None:
        """A version that was not published after all: another one will have its number."""
        with self._lock:
            self._graphs.pop(version, None)

    async def load(self, reads: Reads, versions: Iterable[Version]) -> dict[Version, Graph]:
        """The graphs of these versions, by (job id, version), without those that cannot be made."""
        wanted = set(versions)
        with self._lock:
            found = {version: graph for version in wanted if (graph := self._graphs.get(version)) is not None}
        missing = wanted - found.keys()
        if missing:
            for record in await reads.job_versions(sorted(missing)):
                if (graph := _compiled(record)) is not None:
                    found[record.job_id, record.version] = graph
        self._used(found)
        return found

    def _used(self, graphs: Mapping[Version, Graph]) -> None:
        with self._lock:
            for version, graph in graphs.items():
                self._graphs[version] = graph
                self._graphs.move_to_end(version)
            while len(self._graphs) > self._keep:
                self._graphs.popitem(last=False)


def _compiled(record: JobVersionRecord) -> Graph | None:
    """None for a version that was fine when it was published and is no more: what runs it fails, and nothing else."""
    try:
        return compile_graph(_definition.decode(record.definition), _task_ids.decode(record.task_ids))
    except Exception:
        log.exception("version %d of the job %s cannot be run", record.version, record.job_id)
        return None
