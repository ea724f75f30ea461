"""The verbs of jobs: their versions, with whom they are shared, and when they are due, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from data_factory.model.records import JobPublicationRecord, JobRecord, JobShareRecord, JobVersionRecord
from data_factory.store.postgresql.session import Session, WritingSession, as_dict, columns, texts
from data_factory.store.promises import Pair, Slice
from data_factory.store.promises.failures import expect

_by_key = attrgetter("account_id", "key")


class JobReads(Session):
    """What can be asked of jobs: their versions, with whom they are shared, and when they are due."""

    async def job_shares(self, job_id: str) -> list[JobShareRecord]:
        return await self._all(JobShareRecord, "job_shares", job_id=job_id)

    async def jobs_shared_with(self, account_id: str, part: Slice) -> list[JobRecord]:
        return await self._listed(JobRecord, "jobs_shared_with", part, account_id=account_id)

    async def job_guests(self, pairs: Iterable[Pair]) -> list[JobShareRecord]:
        job_ids, account_ids = columns(pairs, 2)
        return await self._all(JobShareRecord, "job_guests", job_ids=job_ids, account_ids=account_ids)

    async def jobs_by_id(self, ids: Iterable[str]) -> list[JobRecord]:
        return await self._all(JobRecord, "jobs_by_id", ids=texts(ids))

    async def job_by_key(self, account_id: str, key: str) -> JobRecord | None:
        return await self._one(JobRecord, "job_by_key", account_id=account_id, key=key)

    async def jobs_named(self, pairs: Iterable[Pair]) -> list[JobRecord]:
        account_ids, keys = columns(pairs, 2)
        return await self._all(JobRecord, "jobs_named", account_ids=account_ids, keys=keys)

    async def jobs_using_task(self, task_id: str) -> list[JobRecord]:
        return await self._all(JobRecord, "jobs_using_task", task_id=task_id)

    async def jobs_of_account(self, account_id: str, part: Slice) -> list[JobRecord]:
        return await self._listed(JobRecord, "jobs_of_account", part, account_id=account_id)

    async def job_versions(self, pairs: Iterable[tuple[str, int]]) -> list[JobVersionRecord]:
        ids, versions = columns(pairs, 2)
        return await self._all(JobVersionRecord, "job_versions", job_ids=ids, versions=versions)

    async def job_publications(self, job_id: str, before: int, part: Slice) -> list[JobPublicationRecord]:
        values = {"job_id": job_id, "before": before, "limit": part.limit, "offset": part.offset}
        return await self._all(JobPublicationRecord, "job_publications", **values)


class JobWrites(JobReads, WritingSession):
    """What can be done with jobs: their versions, with whom they are shared, and when they are due."""

    async def unschedule_jobs(self, account_id: str) -> None:
        await self._execute("unschedule_jobs", account_id=account_id)

    async def share_job(self, share: JobShareRecord) -> None:
        await self._execute(
            "insert_job_share", job_id=share.job_id, account_id=share.account_id, created_at=share.created_at
        )

    async def unshare_job(self, job_id: str, account_id: str) -> None:
        await self._execute("delete_job_share", job_id=job_id, account_id=account_id)

    async def jobs_using_task(self, task_id: str) -> list[JobRecord]:
        await self._fetch("hold_task", task_id=task_id)
        return await super().jobs_using_task(task_id)

    async def insert_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None:
        await self._execute("insert_job", **as_dict(job))
        await self._execute("insert_job_version", **as_dict(version))
        await self._execute("insert_job_tasks", job_id=job.id, task_ids=list(task_ids))

    async def update_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None:
        expect(1, await self._execute("update_job", **as_dict(job)))
        await self._execute("insert_job_version", **as_dict(version))
        await self._execute("delete_job_tasks", job_id=job.id)
        await self._execute("insert_job_tasks", job_id=job.id, task_ids=list(task_ids))

    async def hold_job(self, id: str) -> JobRecord | None:
        return await self._one(JobRecord, "hold_job", id=id)

    async def schedule_job(self, job: JobRecord) -> None:
        await self._execute(
            "schedule_job",
            id=job.id,
            periodicity=job.periodicity,
            is_paused=job.is_paused,
            due_at=job.due_at,
            updated_at=job.updated_at,
        )

    async def due_jobs(self, now: int, limit: int) -> list[JobRecord]:
        return await self._all(JobRecord, "due_jobs", now=now, limit=limit)

    async def reschedule_jobs(self, jobs: Sequence[JobRecord]) -> None:
        ids, due_ats = [job.id for job in jobs], [job.due_at for job in jobs]
        await self._execute("reschedule_jobs", ids=ids, due_ats=due_ats)
