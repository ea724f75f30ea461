"""Publishing again, and looking up by key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from data_factory.model.definitions import JobBody, JobTaskBody, PipelineDefinition, TaskDefinition
from data_factory.service.paging import Part
from data_factory.service.platform import Platform
from data_factory.store.sqlite import SqliteStore

STEP = JobTaskBody(name="${account}/power", task_reference_name="task")


def on_a_platform(folder: Path, story: Callable[[Platform, str], Awaitable[Any]]) -> Any:
    async def tell() -> Any:
        platform = Platform(SqliteStore(folder))
        key = await platform.start()
        assert key is not None
        try:
            return await story(platform, (await platform.keys.caller(key)).account_id)
        finally:
            await platform.stop()

    return asyncio.run(tell())


def test_a_new_version_stays_in_the_pipeline_of_the_job(tmp_path: Path) -> None:
    async def story(platform: Platform, account: str) -> list[bool]:
        night = await platform.catalog.create_pipeline(account, PipelineDefinition(title="night"))
        day = await platform.catalog.create_pipeline(account, PipelineDefinition(title="day"))
        await platform.catalog.create_task(account, TaskDefinition(key="power"))
        body = JobBody(key="run", tasks=(STEP,), pipeline_id=night.id)
        published, _ = await platform.catalog.create_job(account, body)
        pushed, _ = await platform.catalog.update_job(account, published.id, JobBody(key="run", tasks=(STEP,)))
        moved = JobBody(key="run", tasks=(STEP,), pipeline_id=day.id)
        last, _ = await platform.catalog.update_job(account, published.id, moved)
        return [pushed.pipeline_id == night.id, last.pipeline_id == day.id]

    assert on_a_platform(tmp_path, story) == [True, True]


def test_a_look_up_by_key_ends(tmp_path: Path) -> None:
    async def story(platform: Platform, account: str) -> list[int]:
        task = await platform.catalog.create_task(account, TaskDefinition(key="power"))
        job, _ = await platform.catalog.create_job(account, JobBody(key="run", tasks=(STEP,)))
        parts = [Part(limit=1), Part(cursor=task.id, limit=1), Part(offset=1, limit=1)]
        tasks = [await platform.catalog.tasks(account, part, "power") for part in parts]
        jobs = [await platform.catalog.jobs(account, part, "run") for part in (*parts, Part(cursor=job.id))]
        return [*map(len, tasks), *map(len, jobs)]

    assert on_a_platform(tmp_path, story) == [1, 0, 0, 1, 0, 0, 0]
