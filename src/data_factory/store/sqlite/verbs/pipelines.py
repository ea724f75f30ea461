"""The verbs of pipelines, and what has their slots or waits for one, on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_factory.model.records import PipelineRecord, SlotRecord
from data_factory.store.promises import Slice
from data_factory.store.sqlite.session import Session, array, as_dict


class Pipelines(Session):
    """The verbs of pipelines, and what has their slots or waits for one."""

    async def pipelines_by_id(self, ids: Iterable[str]) -> list[PipelineRecord]:
        return self._all(PipelineRecord, "pipelines_by_id", ids=array(ids))

    async def default_pipeline(self, account_id: str) -> PipelineRecord | None:
        return self._one(PipelineRecord, "default_pipeline", account_id=account_id)

    async def pipelines_of_account(self, account_id: str, part: Slice) -> list[PipelineRecord]:
        return self._listed(PipelineRecord, "pipelines_of_account", part, account_id=account_id)

    async def pipelines_of(
        self, ids: Iterable[str], job_execution_ids: Iterable[str] = (), task_execution_ids: Iterable[str] = ()
    ) -> list[PipelineRecord]:
        of = {"task_execution_ids": array(task_execution_ids), "job_execution_ids": array(job_execution_ids)}
        return self._all(PipelineRecord, "pipelines_of", ids=array(ids), **of)

    async def insert_pipeline(self, pipeline: PipelineRecord) -> None:
        self._execute("insert_pipeline", **as_dict(pipeline))

    async def update_pipelines(self, pipelines: Sequence[PipelineRecord]) -> None:
        self._execute_all("update_pipelines", pipelines)

    async def waiting_pipelines(self) -> list[str]:
        return [id for (id,) in self._execute("waiting_pipelines")]

    async def in_slots(self, pipeline_id: str, limit: int) -> list[SlotRecord]:
        return self._all(SlotRecord, "in_slots", pipeline_id=pipeline_id, limit=limit)
