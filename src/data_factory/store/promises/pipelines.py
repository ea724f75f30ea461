"""What a store promises of pipelines, and what has their slots or waits for one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from data_factory.model.records import PipelineRecord, SlotRecord
from data_factory.store.promises.parts import Slice


class PipelineReads(Protocol):
    """What can be asked of pipelines, and what has their slots or waits for one."""

    async def pipelines_by_id(self, ids: Iterable[str]) -> list[PipelineRecord]: ...

    async def default_pipeline(self, account_id: str) -> PipelineRecord | None: ...

    async def pipelines_of_account(self, account_id: str, part: Slice) -> list[PipelineRecord]: ...

    async def in_slots(self, pipeline_id: str, limit: int) -> list[SlotRecord]:
        """Those that run in a pipeline."""
        ...

    async def waiting_pipelines(self) -> list[str]:
        """The ids of the pipelines in which something waits for a slot."""
        ...


class PipelineWrites(Protocol):
    """What can be done of pipelines, and what has their slots or waits for one."""

    async def pipelines_of(
        self, ids: Iterable[str], job_execution_ids: Iterable[str] = (), task_execution_ids: Iterable[str] = ()
    ) -> list[PipelineRecord]:
        """These pipelines, and those that these executions belong to, which never changes."""
        ...

    async def insert_pipeline(self, pipeline: PipelineRecord) -> None: ...

    async def update_pipelines(self, pipelines: Sequence[PipelineRecord]) -> None:
        """Change what was declared of these; what runs and waits in them is another matter."""
        ...
