"""The verbs of pipelines, and what has their slots or waits for one, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_factory.model.records import PipelineRecord, SlotRecord
from data_factory.store.postgresql.session import Session, WritingSession, arrays, as_dict, texts
from data_factory.store.promises import Slice


class PipelineReads(Session):
    """What can be asked of pipelines, and what has their slots or waits for one."""

    async def pipelines_by_id(self, ids: Iterable[str]) -> list[PipelineRecord]:
        return await self._all(PipelineRecord, "pipelines_by_id", ids=texts(ids))

    async def default_pipeline(self, account_id: str) -> PipelineRecord | None:
        return await self._one(PipelineRecord, "default_pipeline", account_id=account_id)

    async def pipelines_of_account(self, account_id: str, part: Slice) -> list[PipelineRecord]:
        return await self._listed(PipelineRecord, "pipelines_of_account", part, account_id=account_id)

    async def waiting_pipelines(self) -> list[str]:
        return await self._names("waiting_pipelines")

    async def in_slots(self, pipeline_id: str, limit: int) -> list[SlotRecord]:
        return await self._all(SlotRecord, "in_slots", pipeline_id=pipeline_id, limit=limit)


class PipelineWrites(PipelineReads, WritingSession):
    """What can be done with pipelines, and what has their slots or waits for one."""

    async def pipelines_by_id(self, ids: Iterable[str]) -> list[PipelineRecord]:
        return await self.pipelines_of(ids)

    async def pipelines_of(
        self, ids: Iterable[str], job_execution_ids: Iterable[str] = (), task_execution_ids: Iterable[str] = ()
    ) -> list[PipelineRecord]:
        of = {"task_execution_ids": texts(task_execution_ids), "job_execution_ids": texts(job_execution_ids)}
        return await self._all(PipelineRecord, "hold_pipelines", ids=texts(ids), **of)

    async def insert_pipeline(self, pipeline: PipelineRecord) -> None:
        await self._execute("insert_pipeline", **as_dict(pipeline))

    async def update_pipelines(self, pipelines: Sequence[PipelineRecord]) -> None:
        if pipelines:
            await self._execute("update_pipelines", **arrays(pipelines))
