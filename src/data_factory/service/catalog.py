"""What users declare: tasks, jobs and pipelines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import chain, islice
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from data_factory.engine.differences import differences
from data_factory.engine.publication import job_errors
from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.definitions import JobBody, PipelineDefinition, TaskDefinition
from data_factory.model.errors import (
    FieldError,
    IdempotencyKeyReused,
    Invalid,
    KeyTaken,
    NotFound,
    TaskInUse,
    first_errors,
)
from data_factory.model.ids import NewId
from data_factory.model.records import (
    IdempotencyRecord,
    JobPublicationRecord,
    JobRecord,
    JobVersionRecord,
    PipelineRecord,
    TaskRecord,
)
from data_factory.model.resources import Difference
from data_factory.service import news
from data_factory.service.audit import Owned, note
from data_factory.service.batch import IDEMPOTENCY_MS
from data_factory.service.clock import Clock
from data_factory.service.commands import IdempotencyKey, Resize
from data_factory.service.dispatcher import Dispatcher
from data_factory.service.graphs import Graphs
from data_factory.service.lookups import job_of, pipeline_of, task_of
from data_factory.service.paging import Part
from data_factory.service.publications import (
    Assets,
    Ground,
    GroundMoved,
    Publication,
    Published,
    files_of,
    ground_of,
    prepare,
)
from data_factory.store.promises import Reads, Store, Transaction

T = TypeVar("T", TaskRecord, JobRecord, PipelineRecord)
P = TypeVar("P")
MAX_VERSION: Final = 2**31 - 1
MAX_DIFFERENCES: Final = 1_000


class Catalog:
    """Tasks, jobs and pipelines of the accounts."""

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        graphs: Graphs,
        clock: Clock,
        new_id: NewId,
        note: Callable[[int | None], None],
    ) -> None:
        self._note = note
        self._store = store
        self._dispatcher = dispatcher
        self._graphs = graphs
        self._clock = clock
        self._new_id = new_id
        self._checking = asyncio.Lock()  # many large jobs at a time would take the interpreter from everybody else

    # -- tasks

    async def create_task(
        self, account_id: str, definition: TaskDefinition, idempotency: IdempotencyKey | None = None, by: Actor = SYSTEM
    ) -> TaskRecord:
        """Declare a custom task.

        Raises:
            KeyTaken: the account has a task with this key.
        """
        now = self._clock()
        task = TaskRecord(
            id=self._new_id(),
            account_id=account_id,
            key=definition.key,
            definition=_json(definition),
            created_at=now,
            updated_at=now,
            deleted_at=None,
        )

        async def make(transaction: Transaction) -> TaskRecord:
            await _refuse_taken_task_key(transaction, account_id, definition.key, task.id)
            await transaction.insert_task(task)
            await self._write_down(transaction, "task.created", by, task, key=task.key)
            return task

        async def again(transaction: Transaction, id: str) -> TaskRecord:
            return await task_of(transaction, account_id, id)

        return await self._once(account_id, idempotency, task.id, make, again)

    async def task(self, account_id: str, id: str) -> TaskRecord:
        """A task; NotFound when there is none."""
        return await self._store.ask(lambda reads: task_of(reads, account_id, id))

    async def tasks(self, account_id: str, part: Part, key: str | None = None) -> list[TaskRecord]:
        """Tasks, newest first; the one with this key if it is given."""
        if key is not None:
            first = part.cursor is None and part.offset == 0
            return await self._store.ask(lambda reads: reads.tasks_by_key(account_id, [key])) if first else []
        return await self._store.ask(lambda reads: reads.tasks_of_account(account_id, part))

    async def update_task(self, account_id: str, id: str, definition: TaskDefinition, by: Actor = SYSTEM) -> TaskRecord:
        """Replace the definition of a task.

        Raises:
            NotFound: there is none.
            KeyTaken: another task has this key.
            TaskInUse: it is to have another key, and jobs name it by the one it has; the message says which.
        """

        async def work(transaction: Transaction) -> TaskRecord:
            task = await task_of(transaction, account_id, id)
            await _refuse_taken_task_key(transaction, account_id, definition.key, id)
            if definition.key != task.key:
                await _refuse_used(transaction, task, "They name it by its key: change them first.")
            updated = replace(task, key=definition.key, definition=_json(definition), updated_at=self._clock())
            await transaction.update_task(updated)
            await self._write_down(transaction, "task.updated", by, updated, key=updated.key)
            return updated

        return await self._store.write(work)

    async def delete_task(self, account_id: str, id: str, by: Actor = SYSTEM) -> TaskRecord:
        """Delete a task that no job names. Executions that still need it keep it.

        Raises:
            NotFound: there is none.
            TaskInUse: jobs name it; the message says which.
        """

        async def work(transaction: Transaction) -> TaskRecord:
            task = await task_of(transaction, account_id, id)
            await _refuse_used(transaction, task, "Change them first.")
            await transaction.update_task(replace(task, deleted_at=self._clock()))
            await self._write_down(transaction, "task.deleted", by, task, key=task.key)
            return task

        return await self._store.write(work)

    # -- jobs

    async def create_job(
        self,
        account_id: str,
        body: JobBody,
        idempotency: IdempotencyKey | None = None,
        assets: Assets | None = None,
        by: Actor = SYSTEM,
    ) -> Published:
        """Publish a new job. Its assets are brought once it is known to be valid.

        Raises:
            Invalid: with everything that is wrong with it.
            KeyTaken: the account has a job with this key.
        """
        id = self._new_id()
        file_ids = files_of(body, assets.file_ids if assets else ())

        async def ground(reads: Reads) -> Ground | None:
            if idempotency and await reads.idempotency_keys([(account_id, idempotency.key)]):
                return None
            if await reads.job_by_key(account_id, body.key) is not None:
                raise _job_key_taken(body.key)
            return await ground_of(reads, account_id, body, None, file_ids)

        async def publish(publication: Publication | None) -> JobRecord:
            async def make(transaction: Transaction) -> JobRecord:
                if publication is None or await ground(transaction) != publication.ground:
                    raise GroundMoved
                job, version = publication.records(account_id, id, self._clock())
                await transaction.insert_job(job, version, set(publication.task_ids.values()))
                await self._write_down(transaction, "job.created", by, job, key=job.key, status=job.status)
                await transaction.use_files(job.id, account_id, publication.file_ids, job.updated_at)
                self._graphs.keep((id, job.version), publication.graph)
                return job

            job = await self._once(account_id, idempotency, id, make, again, lambda job: news.of_timer(job.due_at))
            self._note(job.due_at)
            return job

        async def again(transaction: Transaction, id: str) -> JobRecord:
            return await job_of(transaction, account_id, id)

        job = await self._published(body, id, ground, publish, assets)
        return await self.job(account_id, job.id)

    async def job(self, account_id: str, id: str) -> Published:
        """A job and its present version; NotFound when there is none."""

        async def work(reads: Reads) -> Published:
            job = await job_of(reads, account_id, id)
            (version,) = await reads.job_versions([(job.id, job.version)])
            return job, version

        return await self._store.read(work)

    async def jobs(self, account_id: str, part: Part, key: str | None = None) -> list[Published]:
        """Jobs with their present versions, newest first; the one with this key if it is given."""

        async def work(reads: Reads) -> list[Published]:
            if key is None:
                jobs = await reads.jobs_of_account(account_id, part)
            elif part.cursor is not None or part.offset:
                jobs = []
            else:
                jobs = [job] if (job := await reads.job_by_key(account_id, key)) else []
            versions = {
                version.job_id: version for version in await reads.job_versions((j.id, j.version) for j in jobs)
            }
            return [(job, versions[job.id]) for job in jobs]

        return await self._store.read(work)

    async def update_job(
        self, account_id: str, id: str, body: JobBody, assets: Assets | None = None, by: Actor = SYSTEM
    ) -> Published:
        """Publish the next version of a job. What runs goes on with the version that it started with. Its assets are
        brought once it is known to be valid.

        Raises:
            NotFound: there is none.
            Invalid: with everything that is wrong with it.
            KeyTaken: another job has this key.
        """
        file_ids = files_of(body, assets.file_ids if assets else ())

        async def ground(reads: Reads) -> Ground:
            present = await job_of(reads, account_id, id)
            other = await reads.job_by_key(account_id, body.key)
            if other is not None and other.id != id:
                raise _job_key_taken(body.key)
            return await ground_of(reads, account_id, body, present, file_ids)

        async def publish(publication: Publication | None) -> Published:
            async def work(transaction: Transaction) -> Published:
                if publication is None or await ground(transaction) != publication.ground:
                    raise GroundMoved
                job, version = publication.records(account_id, id, self._clock())
                await transaction.update_job(job, version, set(publication.task_ids.values()))
                about = {"key": job.key, "version": job.version, "status": job.status}
                await self._write_down(transaction, "job.published", by, job, **about)
                await transaction.use_files(job.id, account_id, publication.file_ids, job.updated_at)
                self._graphs.keep((id, job.version), publication.graph)
                return job, version

            published = await self._store.write(work, tell=lambda published: news.of_timer(published[0].due_at))
            self._note(published[0].due_at)
            return published

        return await self._published(body, id, ground, publish, assets)

    async def job_versions(self, account_id: str, id: str, part: Part) -> tuple[JobRecord, list[JobPublicationRecord]]:
        """A job, and its versions, newest first, without their definitions. The cursor is that of `version_cursor`.

        Raises:
            NotFound: there is no such job.
        """
        before = MAX_VERSION if part.cursor is None else min(int(part.cursor[:24], 16), MAX_VERSION)

        async def work(reads: Reads) -> tuple[JobRecord, list[JobPublicationRecord]]:
            job = await job_of(reads, account_id, id)
            return job, await reads.job_publications(job.id, before, part)

        return await self._store.read(work)

    async def job_version(self, account_id: str, id: str, version: int) -> Published:
        """A job and one of its versions.

        Raises:
            NotFound: there is no such job, or version.
        """
        job, (found,) = await self._job_versions(account_id, id, [version])
        return job, found

    async def job_differences(self, account_id: str, id: str, old: int, new: int) -> list[Difference]:
        """What has changed from one version of a job to another, up to a thousand things and one more.

        Raises:
            NotFound: there is no such job, or version.
        """
        _, (before, after) = await self._job_versions(account_id, id, [old, new])

        def compare() -> list[Difference]:
            told = differences(msgspec.json.decode(before.definition), msgspec.json.decode(after.definition))
            return list(islice(told, MAX_DIFFERENCES + 1))

        async with self._checking:
            return await asyncio.to_thread(compare)

    async def publish_again(self, account_id: str, id: str, version: int, by: Actor = SYSTEM) -> Published:
        """Publish what an older version of a job was as its next version. Its pipeline and its status stay.

        Raises:
            NotFound: there is no such job, or version.
            Invalid: it is not valid any more, with everything that is wrong.
            KeyTaken: another job has the key that it had.
        """
        job, found = await self.job_version(account_id, id, version)
        body = msgspec.json.decode(found.definition, type=JobBody)
        return await self.update_job(account_id, id, replace(body, status=job.status), by=by)

    async def _job_versions(
        self, account_id: str, id: str, versions: list[int]
    ) -> tuple[JobRecord, list[JobVersionRecord]]:
        async def work(reads: Reads) -> tuple[JobRecord, list[JobVersionRecord]]:
            job = await job_of(reads, account_id, id)
            known = {one for one in versions if 1 <= one <= MAX_VERSION}
            found = {one.version: one for one in await reads.job_versions((job.id, one) for one in known)}
            for version in versions:
                if version not in found:
                    raise NotFound(f"The job {job.key!r} has no version {version}: the newest is {job.version}.")
            return job, [found[version] for version in versions]

        return await self._store.read(work)

    async def job_refusal(
        self, account_id: str, body: JobBody, others: Sequence[FieldError], brought: Collection[str] = ()
    ) -> Invalid:
        """Why a job of which `others` is wrong is not published: `others`, and what else is (see `job_errors`)."""
        file_ids = files_of(body, brought)
        ground = await self._store.read(lambda reads: ground_of(reads, account_id, body, None, file_ids))
        errors = chain(others, ground.errors, job_errors(body, ground.known))
        async with self._checking:
            return Invalid(errors=await asyncio.to_thread(first_errors, errors))

    # -- pipelines

    async def create_pipeline(
        self,
        account_id: str,
        definition: PipelineDefinition,
        idempotency: IdempotencyKey | None = None,
        by: Actor = SYSTEM,
    ) -> PipelineRecord:
        """Make a pipeline."""
        now = self._clock()
        pipeline = PipelineRecord(
            id=self._new_id(),
            account_id=account_id,
            title=definition.title,
            slots=definition.slots,
            is_default=0,
            created_at=now,
            updated_at=now,
        )

        async def make(transaction: Transaction) -> PipelineRecord:
            await transaction.hold_webhooks_of(account_id)
            others = await transaction.pipelines_of_account(account_id, Part(limit=1))
            known = replace(pipeline, has_webhooks=max((one.has_webhooks for one in others), default=0))
            await transaction.insert_pipeline(known)
            about = {"title": pipeline.title, "slots": pipeline.slots}
            await self._write_down(transaction, "pipeline.created", by, pipeline, **about)
            return known

        async def again(transaction: Transaction, id: str) -> PipelineRecord:
            return await pipeline_of(transaction, account_id, id)

        return await self._once(account_id, idempotency, pipeline.id, make, again)

    async def pipeline(self, account_id: str, id: str) -> PipelineRecord:
        """A pipeline; NotFound when there is none."""
        return await self._store.ask(lambda reads: pipeline_of(reads, account_id, id))

    async def pipelines(self, account_id: str, part: Part) -> list[PipelineRecord]:
        """Pipelines, newest first."""
        return await self._store.ask(lambda reads: reads.pipelines_of_account(account_id, part))

    async def update_pipeline(
        self, account_id: str, id: str, definition: PipelineDefinition, by: Actor = SYSTEM
    ) -> PipelineRecord:
        """Change a pipeline; with more slots, what waits starts at once.

        Raises:
            NotFound: there is none.
        """
        present = await self.pipeline(account_id, id)
        changed = replace(present, title=definition.title, slots=definition.slots, updated_at=self._clock())
        resized: PipelineRecord = await self._dispatcher.submit(Resize(changed, by=by))
        return resized

    async def _write_down(self, transaction: Transaction, kind: str, by: Actor, what: Owned, **detail: Any) -> None:
        await note(transaction, kind, by, self._clock(), self._new_id, what, **detail)

    async def _published(
        self,
        body: JobBody,
        id: str,
        ground: Callable[[Reads], Awaitable[Ground | None]],
        publish: Callable[[Publication | None], Awaitable[P]],
        assets: Assets | None = None,
    ) -> P:
        """Check and compile a job beside the transactions, which must be short, and then publish it in one.

        `publish` raises `GroundMoved` if what the check was made on is no longer so: then all is done again. Without
        a ground there is nothing to check, because nothing is to be made.
        """
        while True:
            found = await self._store.read(ground)
            publication = await self._prepared(body, found) if found else None
            try:
                if assets is not None and publication is not None:
                    await assets.bring()
                    assets = None
                return await publish(publication)
            except BaseException as error:
                if found:
                    self._graphs.forget((id, found.version))
                if not isinstance(error, GroundMoved):
                    raise

    async def _prepared(self, body: JobBody, ground: Ground) -> Publication:
        async with self._checking:
            return await asyncio.to_thread(prepare, body, ground)

    async def _once(
        self,
        account_id: str,
        idempotency: IdempotencyKey | None,
        id: str,
        make: Callable[[Transaction], Awaitable[T]],
        again: Callable[[Transaction, str], Awaitable[T]],
        tell: Callable[[T], Sequence[str]] | None = None,
    ) -> T:
        """Make something, or give what an earlier request with this Idempotency-Key has made."""

        async def work(transaction: Transaction) -> T:
            if idempotency is None:
                return await make(transaction)
            for earlier in await transaction.idempotency_keys([(account_id, idempotency.key)]):
                if earlier.fingerprint != idempotency.fingerprint:
                    raise IdempotencyKeyReused
                return await again(transaction, earlier.resource_id)
            made = await make(transaction)
            now = self._clock()
            record = IdempotencyRecord(account_id, idempotency.key, idempotency.fingerprint, id, now)
            await transaction.insert_idempotency_keys([record], now - IDEMPOTENCY_MS)
            return made

        return await self._store.write(work, tell=tell)


def version_cursor(version: int) -> str:
    """Where the list of the versions of a job goes on after this one.

    >>> version_cursor(7)
    '000000000000000000000007'
    """
    return f"{version:024x}"


async def _refuse_used(transaction: Transaction, task: TaskRecord, so: str) -> None:
    if jobs := await transaction.jobs_using_task(task.id):
        keys = ", ".join(job.key for job in jobs)
        raise TaskInUse(f"The task {task.key!r} is used by these jobs: {keys}. {so}")


async def _refuse_taken_task_key(transaction: Transaction, account_id: str, key: str, id: str) -> None:
    for task in await transaction.tasks_by_key(account_id, [key]):
        if task.id != id:
            raise KeyTaken(f"There is already a task with the key {key!r} in this account: {task.id}.")


def _job_key_taken(key: str) -> KeyTaken:
    return KeyTaken(f"There is already a job with the key {key!r} in this account.")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
