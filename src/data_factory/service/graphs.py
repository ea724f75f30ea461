"""Compiled job versions, kept in memory: a version never changes."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec

from data_factory.engine.graph import Graph, compile_graph
from data_factory.model.definitions import JobDefinition
from data_factory.model.records import JobVersionRecord
from data_factory.store.promises import Reads

log = logging.getLogger(__name__)

Version = tuple[str, int]

_definition: Final = msgspec.json.Decoder(JobDefinition)
_task_ids: Final = msgspec.json.Decoder(dict[str, str])


class Graphs:
    """The graphs of the versions used last."""

    def __init__(self, keep: int = 1_000) -> None:
        self._graphs: OrderedDict[Version, Graph] = OrderedDict()
        self._keep = keep

    async def load(self, reads: Reads, versions: Iterable[Version]) -> dict[Version, Graph]:
        """The graphs of these versions, by (job id, version), without those that cannot be made."""
        wanted = set(versions)
        found = {version: graph for version in wanted if (graph := self._graphs.get(version)) is not None}
        missing = wanted - found.keys()
        if missing:
            for record in await reads.job_versions(sorted(missing)):
                if (graph := _compiled(record)) is not None:
                    found[record.job_id, record.version] = graph
        for version, graph in found.items():
            self._graphs[version] = graph
            self._graphs.move_to_end(version)
        while len(self._graphs) > self._keep:
            self._graphs.popitem(last=False)
        return found


def _compiled(record: JobVersionRecord) -> Graph | None:
    """None for a version that was fine when it was published and is no more: what runs it fails, and nothing else."""
    try:
        return compile_graph(_definition.decode(record.definition), _task_ids.decode(record.task_ids))
    except Exception:
        log.exception("version %d of the job %s cannot be run", record.version, record.job_id)
        return None
