"""The verbs of jobs: their versions, with whom they are shared, and when they are due, on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_factory.model.records import JobPublicationRecord, JobRecord, JobShareRecord, JobVersionRecord
from data_factory.store.promises import Pair, Slice
from data_factory.store.promises.failures import expect
from data_factory.store.sqlite.session import Session, array, as_dict


class Jobs(Session):
    """The verbs of jobs: their versions, with whom they are shared, and when they are due."""

    async def job_shares(self, job_id: str) -> list[JobShareRecord]:
        return self._all(JobShareRecord, "job_shares", job_id=job_id)

    async def jobs_shared_with(self, account_id: str, part: Slice) -> list[JobRecord]:
        return self._listed(JobRecord, "jobs_shared_with", part, account_id=account_id)

    async def job_guests(self, pairs: Iterable[Pair]) -> list[JobShareRecord]:
        return self._all(JobShareRecord, "job_guests", pairs=array(pairs))

    async def unschedule_jobs(self, account_id: str) -> None:
        self._execute("unschedule_jobs", account_id=account_id)

    async def share_job(self, share: JobShareRecord) -> None:
        self._execute("insert_job_share", job_id=share.job_id, account_id=share.account_id, created_at=share.created_at)

    async def unshare_job(self, job_id: str, account_id: str) -> None:
        self._execute("delete_job_share", job_id=job_id, account_id=account_id)

    async def jobs_by_id(self, ids: Iterable[str]) -> list[JobRecord]:
        return self._all(JobRecord, "jobs_by_id", ids=array(ids))

    async def job_by_key(self, account_id: str, key: str) -> JobRecord | None:
        return self._one(JobRecord, "job_by_key", account_id=account_id, key=key)

    async def jobs_named(self, pairs: Iterable[Pair]) -> list[JobRecord]:
        return self._all(JobRecord, "jobs_named", pairs=array(pairs))

    async def jobs_using_task(self, task_id: str) -> list[JobRecord]:
        return self._all(JobRecord, "jobs_using_task", task_id=task_id)

    async def jobs_of_account(self, account_id: str, part: Slice) -> list[JobRecord]:
        return self._listed(JobRecord, "jobs_of_account", part, account_id=account_id)

    async def job_versions(self, pairs: Iterable[tuple[str, int]]) -> list[JobVersionRecord]:
        return self._all(JobVersionRecord, "job_versions", pairs=array(pairs))

    async def job_publications(self, job_id: str, before: int, part: Slice) -> list[JobPublicationRecord]:
        values = {"job_id": job_id, "before": before, "limit": part.limit, "offset": part.offset}
        return self._all(JobPublicationRecord, "job_publications", **values)

    async def insert_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None:
        self._execute("insert_job", **as_dict(job))
        self._execute("insert_job_version", **as_dict(version))
        self._execute("insert_job_tasks", job_id=job.id, task_ids=array(task_ids))

    async def update_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None:
        expect(1, self._execute("update_job", **as_dict(job)).rowcount)
        self._execute("insert_job_version", **as_dict(version))
        self._execute("delete_job_tasks", job_id=job.id)
        self._execute("insert_job_tasks", job_id=job.id, task_ids=array(task_ids))

    async def hold_job(self, id: str) -> JobRecord | None:
        return self._one(JobRecord, "hold_job", id=id)

    async def schedule_job(self, job: JobRecord) -> None:
        self._execute(
            "schedule_job",
            id=job.id,
            periodicity=job.periodicity,
            is_paused=job.is_paused,
            due_at=job.due_at,
            updated_at=job.updated_at,
        )

    async def due_jobs(self, now: int, limit: int) -> list[JobRecord]:
        return self._all(JobRecord, "due_jobs", now=now, limit=limit)

    async def reschedule_jobs(self, jobs: Sequence[JobRecord]) -> None:
        self._execute_all("reschedule_jobs", jobs)
