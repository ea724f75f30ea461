"""How many job executions of each pipeline are RUNNING and PENDING: kept with the pipeline, because to count them takes
the longer the more there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from data_factory.model.records import JobExecutionRecord, PipelineTallyRecord


def added(old: Iterable[JobExecutionRecord] = (), new: Iterable[JobExecutionRecord] = ()) -> list[PipelineTallyRecord]:
    """What is to be added to the tallies when `new` takes the place of `old`, in the order of the pipelines; those to
    which nothing is to be added are left out. What runs inside another one has no slot."""
    counts = Counter((row.pipeline_id, row.status) for row in new if row.parent is None)
    counts.subtract((row.pipeline_id, row.status) for row in old if row.parent is None)
    tallies = [
        PipelineTallyRecord(id, running=counts[id, "RUNNING"], pending=counts[id, "PENDING"])
        for id in sorted({id for id, _ in counts})
    ]
    return [tally for tally in tallies if tally.running or tally.pending]
