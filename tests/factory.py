"""A whole platform without HTTP: its queue, its waiting room and its timers, on a clock that the test moves.

async with factory() as here:
    work = await here.task()
    job = await here.job(step("first", work))
    poll = here.polls(work)
    await here.launches(job)
    (given,) = await poll
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from data_factory.model.ids import IdMaker
from data_factory.model.records import JobExecutionRecord, JobRecord, PipelineRecord, TaskExecutionRecord, TaskRecord
from data_factory.service.commands import Claim
from data_factory.service.platform import Platform
from data_factory.service.vault import Vault
from data_factory.service.waiting_room import Presence
from data_factory.store.disk import DiskBlobs
from data_factory.store.sqlite import SqliteStore
from tests.workshop import (
    KEY,
    START,
    Orders,
    declare_job,
    declare_pipeline,
    declare_task,
    quick_directory,
)

LONG = 3_600
"""Seconds that no test waits: what is waited for comes, or the test hangs and fails."""


class Factory(Orders):
    """A platform and its first account; `now` is the time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = START
        self.store = SqliteStore(directory)
        self.platform = Platform(
            self.store,
            DiskBlobs(directory / "files"),
            clock=self._clock,
            new_id=IdMaker(lambda: self.now),
            vault=Vault(bytes(32)),
        )
        self._looks = 0
        self._looked = asyncio.Event()

    def _clock(self) -> int:
        self._looks -= 1
        if self._looks == 0:
            self._looked.set()
        return self.now

    async def looks_at_the_clock(self, times: int) -> None:
        """Return when the platform has looked at the clock so many times from now on."""
        self._looks = times
        self._looked.clear()
        await self._looked.wait()

    async def open(self) -> None:
        await self.platform.start(KEY)
        caller = await self.platform.keys.caller(KEY)
        super().__init__(caller.account_id, self.platform.new_id)

    async def task(self, key: str = "work", **settings: Any) -> TaskRecord:
        return await declare_task(self.platform, self.account_id, key, **settings)

    async def pipeline(self, slots: int = 1) -> PipelineRecord:
        return await declare_pipeline(self.platform, self.account_id, slots)

    async def job(self, *steps: dict[str, Any], pipeline: PipelineRecord | None = None, **fields: Any) -> JobRecord:
        return await declare_job(self.platform, self.account_id, *steps, pipeline=pipeline, **fields)

    async def launches(self, *jobs: JobRecord) -> list[JobExecutionRecord]:
        """Launch these jobs, all in one batch."""
        return await asyncio.gather(*(self.platform.executions.launch(self.launch(job)) for job in jobs))

    def polls(
        self, *tasks: TaskRecord, limit: int = 1, wait: float = LONG, presence: Presence | None = None
    ) -> asyncio.Task[list[TaskExecutionRecord]]:
        """A long poll, in the background."""
        return asyncio.create_task(self._poll(self.claim(*tasks, limit=limit), wait, presence or Presence()))

    async def _poll(self, claim: Claim, wait: float, presence: Presence) -> list[TaskExecutionRecord]:
        return await self.platform.executions.claim(claim, wait, presence)

    async def settle(self) -> None:
        """Everything that can happen without time passing has happened."""
        dispatcher, before = self.platform.dispatcher, -1
        while before != dispatcher.batches:
            before = dispatcher.batches
            for _ in range(10):
                await dispatcher.stop()
                await asyncio.sleep(0)


@asynccontextmanager
async def factory() -> AsyncIterator[Factory]:
    """A factory that has started, on a directory of its own."""
    with quick_directory() as directory:
        here = Factory(Path(directory))
        await here.open()
        try:
            yield here
        finally:
            here.platform.room.close()
            await here.platform.stop()
