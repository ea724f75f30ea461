"""Where the retries go on that are kept."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from data_factory.model.records import JobExecutionRecord, LinkRecord
from data_factory.store.promises import Reads

_paths: Final = msgspec.json.Decoder(dict[str, list[str]]).decode


def resume_of(link: LinkRecord) -> dict[str, list[str]]:
    """The paths at which a retry goes on (see `RetryPlan`)."""
    return _decoded(link.resume)


@lru_cache(maxsize=4)
def _decoded(resume: str) -> dict[str, list[str]]:
    """Remembered, since a wide fork goes on in many walks."""
    return _paths(resume)


async def resumed_at(reads: Reads, execution: JobExecutionRecord) -> dict[str, list[str]]:
    """The paths at which a job execution went on, if it is a retry."""
    if execution.origin != "RETRY":
        return {}
    return next(resume_of(link) for link in await reads.links_of([execution.id]) if link.id == execution.id)
