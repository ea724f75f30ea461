"""Publishing and publishing again, and looking up by key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from data_factory.model.definitions import JobBody, JobTaskBody, PipelineDefinition, TaskDefinition
from data_factory.model.errors import Invalid, KeyTaken
from data_factory.service import graphs
from data_factory.service.commands import IdempotencyKey, Launch
from data_factory.service.paging import Part
from data_factory.service.platform import Platform
from data_factory.store.disk import DiskBlobs
from data_factory.store.promises import StoreUnavailable, Transaction
from data_factory.store.sqlite import SqliteStore

STEP = JobTaskBody(name="${account}/power", task_reference_name="task")
SECOND = JobTaskBody(name="${account}/power", task_reference_name="second")


def on_a_platform(folder: Path, story: Callable[[Platform, str], Awaitable[Any]]) -> Any:
    async def tell() -> Any:
        platform = Platform(SqliteStore(folder), DiskBlobs(folder / "files"))
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


# -- beside the transactions


async def launched(platform: Platform, account: str, job_id: str) -> Any:
    execution = Launch(platform.new_id(), account, job_id, "{}", title=None, origin="API", launched_by=account)
    return await platform.dispatcher.submit(execution)


def test_the_first_launch_of_what_was_published_compiles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("compiled in a transaction")

    async def story(platform: Platform, account: str) -> list[int]:
        monkeypatch.setattr(graphs, "compile_graph", refuse)
        await platform.catalog.create_task(account, TaskDefinition(key="power"))
        night = await platform.catalog.create_pipeline(account, PipelineDefinition(title="night", slots=2))
        body = JobBody(key="run", tasks=(STEP,), pipeline_id=night.id)
        job, _ = await platform.catalog.create_job(account, body)
        first = await launched(platform, account, job.id)
        await platform.catalog.update_job(account, job.id, body)
        second = await launched(platform, account, job.id)
        assert first.status == second.status == "RUNNING"
        return [first.job_version, second.job_version]

    assert on_a_platform(tmp_path, story) == [1, 2]


def after_checks(platform: Platform, *happenings: Callable[[], Awaitable[Any]]) -> list[int]:
    """Let things happen between a check and its transaction, one each time. Counts the checks."""
    prepared, waiting, checks = platform.catalog._prepared, list(happenings), [0]

    async def and_then(*arguments: Any) -> Any:
        publication = await prepared(*arguments)
        checks[0] += 1
        if waiting:
            await waiting.pop(0)()
        return publication

    platform.catalog._prepared = and_then  # type: ignore[assignment, method-assign]
    return checks


def test_a_job_is_checked_again_when_what_it_was_checked_on_has_changed(tmp_path: Path) -> None:
    async def story(platform: Platform, account: str) -> None:
        catalog = platform.catalog
        old = await catalog.create_task(account, TaskDefinition(key="power"))

        async def make_it_another() -> None:
            await catalog.delete_task(account, old.id)
            await catalog.create_task(account, TaskDefinition(key="power"))

        body = JobBody(key="run", tasks=(STEP,))
        checks = after_checks(platform, make_it_another)
        job, version = await catalog.create_job(account, body)
        assert checks == [2]
        assert old.id not in version.task_ids
        assert (await launched(platform, account, job.id)).status == "RUNNING"

        other = JobBody(key="run", tasks=(STEP,), title="Other")
        checks = after_checks(platform, lambda: catalog.update_job(account, job.id, other))
        job, _ = await catalog.update_job(account, job.id, body)
        assert (checks, job.version, job.title) == ([3], 3, "run")

    on_a_platform(tmp_path, story)


def test_a_job_whose_task_went_during_the_check_is_refused(tmp_path: Path) -> None:
    async def story(platform: Platform, account: str) -> None:
        task = await platform.catalog.create_task(account, TaskDefinition(key="power"))
        after_checks(platform, lambda: platform.catalog.delete_task(account, task.id))
        with pytest.raises(Invalid, match="no custom task with the key 'power'"):
            await platform.catalog.create_job(account, JobBody(key="run", tasks=(STEP,)))

    on_a_platform(tmp_path, story)


def test_of_two_who_publish_one_key_at_a_time_one_is_refused(tmp_path: Path) -> None:
    async def story(platform: Platform, account: str) -> None:
        await platform.catalog.create_task(account, TaskDefinition(key="power"))
        body = JobBody(key="run", tasks=(STEP,))
        both = [platform.catalog.create_job(account, body) for _ in range(2)]
        answers = await asyncio.gather(*both, return_exceptions=True)
        assert {type(answer) for answer in answers} == {tuple, KeyTaken}

    on_a_platform(tmp_path, story)


def test_a_repeat_is_given_its_job_without_a_check(tmp_path: Path) -> None:
    async def story(platform: Platform, account: str) -> None:
        catalog, key = platform.catalog, IdempotencyKey("once", "fingerprint")
        old = await catalog.create_task(account, TaskDefinition(key="power"))
        await catalog.create_task(account, TaskDefinition(key="mail"))
        body = JobBody(key="run", tasks=(STEP,))
        pairs = await asyncio.gather(*(catalog.create_job(account, body, key) for _ in range(2)))
        assert len({job.id for job, _ in pairs}) == 1
        mail = JobTaskBody(name="${account}/mail", task_reference_name="task")
        await catalog.update_job(account, pairs[0][0].id, JobBody(key="run", tasks=(mail,)))
        await catalog.delete_task(account, old.id)
        again, _ = await catalog.create_job(account, body, key)
        assert (again.id, again.version) == (pairs[0][0].id, 2)

    on_a_platform(tmp_path, story)


def test_a_version_that_could_not_be_kept_leaves_no_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(platform: Platform, account: str) -> None:
        catalog = platform.catalog
        await catalog.create_task(account, TaskDefinition(key="power"))
        job, _ = await catalog.create_job(account, JobBody(key="run", tasks=(STEP,)))
        write = platform.store.write

        async def fails(work: Any, **about: Any) -> Any:
            async def work_and_fail(transaction: Transaction) -> None:
                await work(transaction)
                raise StoreUnavailable

            return await write(work_and_fail)

        monkeypatch.setattr(platform.store, "write", fails)
        with pytest.raises(StoreUnavailable):
            await catalog.update_job(account, job.id, JobBody(key="run", tasks=(STEP, SECOND)))
        assert catalog._graphs._graphs.keys() == {(job.id, 1)}

    on_a_platform(tmp_path, story)


def test_a_large_job_holds_nobody_up(tmp_path: Path) -> None:
    steps = tuple(
        JobTaskBody(
            name="${account}/power",
            task_reference_name=f"t{number}",
            input={str(n): f"${{workflow.input.a{number}b{n}}}" for n in range(5)},
        )
        for number in range(5_000)
    )

    async def story(platform: Platform, account: str) -> None:
        await platform.catalog.create_task(account, TaskDefinition(key="power"))
        small, _ = await platform.catalog.create_job(account, JobBody(key="small", tasks=(STEP,)))
        publishing = asyncio.create_task(platform.catalog.create_job(account, JobBody(key="large", tasks=steps)))
        meanwhile = 0
        while not publishing.done():
            await launched(platform, account, small.id)
            meanwhile += 1
        await publishing
        assert meanwhile > 5

    on_a_platform(tmp_path, story)
