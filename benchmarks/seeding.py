"""Big stores, made in seconds: copies of executions that the platform has really made, written by the store's own bulk
inserts in big transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, Literal

from msgspec.structs import replace

from benchmarks.place import Data
from benchmarks.scene import Scene
from benchmarks.server import KEY
from data_factory.model.definitions import PipelineDefinition
from data_factory.model.records import JobExecutionRecord, PipelineRecord, TaskExecutionRecord
from data_factory.service.commands import Claim, Launch, Report
from data_factory.service.keys import Caller
from data_factory.service.paging import Part
from data_factory.service.platform import Platform
from data_factory.service.waiting_room import Presence
from data_factory.store.disk import DiskBlobs
from data_factory.store.promises import Reads, Transaction
from tests.workshop import declare_job, declare_pipeline, declare_task, step

Kind = Literal["finished", "held", "waiting", "pending"]
"""How far an execution of one task has come: COMPLETED; in the hands of a worker; RUNNING, with its task waiting for a
worker; PENDING, waiting for a slot."""

Sample = tuple[JobExecutionRecord, list[TaskExecutionRecord]]

ROWS_OF_A_TRANSACTION: Final = 5_000


class Field:
    """An account on an empty store, with a job of one task, and executions of it by the thousand."""

    def __init__(self, platform: Platform, caller: Caller) -> None:
        self.platform = platform
        self._caller = caller
        self.account_id = caller.account_id
        self.scene = Scene("", "", "")
        self._samples: dict[Kind, Sample] = {}

    async def prepare(self, slots: int) -> None:
        """Declare the job, in a pipeline with so many slots, and make an execution of each kind."""
        task = await declare_task(self.platform, self.account_id, "power")
        pipeline = await declare_pipeline(self.platform, self.account_id, 1)
        job = await declare_job(
            self.platform, self.account_id, step("step0", task), pipeline=pipeline, key="power", title="Power"
        )
        self.scene = Scene(task.id, job.id, pipeline.id)
        running, pending = [await self._launch() for _ in range(2)]
        self._samples["waiting"] = await self._sample(running)
        self._samples["pending"] = await self._sample(pending)
        await self._claim()
        self._samples["held"] = await self._sample(running)
        await self._report(self._samples["held"])
        self._samples["finished"] = await self._sample(running)
        await self._claim()
        await self._report(await self._sample(pending))
        await self._resize(pipeline, slots)

    async def sow(self, kind: Kind, count: int, **task_fields: int) -> list[str]:
        """Make so many executions of a kind, with these fields of their tasks set otherwise; their ids."""
        ids: list[str] = []
        while len(ids) < count:
            jobs, tasks = self._copies(kind, min(ROWS_OF_A_TRANSACTION, count - len(ids)), task_fields)
            await self.platform.store.write(partial(_keep, jobs=jobs, tasks=tasks))
            ids += [job.id for job in jobs]
        return ids

    def _copies(
        self, kind: Kind, count: int, task_fields: dict[str, int]
    ) -> tuple[list[JobExecutionRecord], list[TaskExecutionRecord]]:
        new_id = self.platform.new_id
        job, own = self._samples[kind]
        jobs = [replace(job, id=new_id()) for _ in range(count)]
        tasks = [replace(one, id=new_id(), job_execution_id=job.id, **task_fields) for job in jobs for one in own]
        return jobs, tasks

    async def _launch(self) -> str:
        id = self.platform.new_id()
        launch = Launch(
            id,
            self.account_id,
            self.scene.job_id,
            '{"power":10}',
            title=None,
            origin="API",
            launched_by=self._caller.key_id,
        )
        return (await self.platform.executions.launch(launch)).id

    async def _claim(self) -> None:
        claim = Claim(self.account_id, (self.scene.task_id,), lease_ms=3_600_000, worker_id="bench")
        await self.platform.executions.claim(claim, 0, Presence())

    async def _report(self, held: Sample) -> None:
        (task,) = held[1]
        report = Report(self.account_id, task.id, "COMPLETED", '{"result":1024}', task.lease)
        await self.platform.executions.report(report)

    async def _resize(self, pipeline: PipelineRecord, slots: int) -> None:
        definition = PipelineDefinition(title=pipeline.title, slots=slots)
        await self.platform.catalog.update_pipeline(self.account_id, pipeline.id, definition)

    async def _sample(self, id: str) -> Sample:
        async def read(reads: Reads) -> Sample:
            job = await reads.job_execution(self.account_id, id)
            assert job is not None
            return job, await reads.task_executions_of_job(self.account_id, id, Part(limit=10))

        return await self.platform.store.read(read)


@asynccontextmanager
async def field(data: Data) -> AsyncIterator[Field]:
    """The field on a store that is empty; afterwards the store is closed, and servers may have it."""
    platform = Platform(await data.open(), DiskBlobs(data.directory / "files"))
    await platform.start(KEY)
    try:
        yield Field(platform, await platform.keys.caller(KEY))
    finally:
        await platform.stop()


async def _keep(
    transaction: Transaction, jobs: Sequence[JobExecutionRecord], tasks: Sequence[TaskExecutionRecord]
) -> None:
    await transaction.insert_job_executions(jobs)
    if tasks:
        await transaction.insert_task_executions(tasks)
