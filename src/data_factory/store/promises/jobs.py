"""What a store promises of jobs: their versions, with whom they are shared, and when they are due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from data_factory.model.records import JobPublicationRecord, JobRecord, JobShareRecord, JobVersionRecord
from data_factory.store.promises.parts import Pair, Slice


class JobReads(Protocol):
    """What can be asked of jobs: their versions, with whom they are shared, and when they are due."""

    async def jobs_by_id(self, ids: Iterable[str]) -> list[JobRecord]: ...

    async def job_by_key(self, account_id: str, key: str) -> JobRecord | None: ...

    async def jobs_named(self, pairs: Iterable[Pair]) -> list[JobRecord]:
        """These jobs: `pairs` of account id and key."""
        ...

    async def jobs_using_task(self, task_id: str) -> list[JobRecord]: ...

    async def jobs_of_account(self, account_id: str, part: Slice) -> list[JobRecord]: ...

    async def job_versions(self, pairs: Iterable[tuple[str, int]]) -> list[JobVersionRecord]: ...

    async def job_publications(self, job_id: str, before: int, part: Slice) -> list[JobPublicationRecord]:
        """The versions of a job before this one, newest first; the cursor of the part is not looked at."""
        ...

    async def job_shares(self, job_id: str) -> list[JobShareRecord]:
        """With whom a job is shared, the first of them first."""
        ...

    async def jobs_shared_with(self, account_id: str, part: Slice) -> list[JobRecord]:
        """The jobs of other accounts that this one may launch, newest first."""
        ...

    async def job_guests(self, pairs: Iterable[Pair]) -> list[JobShareRecord]:
        """Of these pairs of job id and account id, those that are shared, by an owner who is not disabled."""
        ...


class JobWrites(Protocol):
    """What can be done of jobs: their versions, with whom they are shared, and when they are due."""

    async def unschedule_jobs(self, account_id: str) -> None:
        """None of the jobs of an account is due any more."""
        ...

    async def insert_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None: ...

    async def update_job(self, job: JobRecord, version: JobVersionRecord, task_ids: Iterable[str]) -> None:
        """Publish the next version of a job.

        Raises:
            StaleWrite: another publication came in between.
        """
        ...

    async def share_job(self, share: JobShareRecord) -> None:
        """Share a job, unless it is already."""
        ...

    async def unshare_job(self, job_id: str, account_id: str) -> None: ...

    async def hold_job(self, id: str) -> JobRecord | None:
        """A job that stays as read until the transaction ends."""
        ...

    async def schedule_job(self, job: JobRecord) -> None:
        """Change the periodicity of a job that is held, whether it is paused, and when it is due."""
        ...

    async def due_jobs(self, now: int, limit: int) -> list[JobRecord]:
        """Jobs that are to be launched by their periodicity, the earliest first. They are held, before anything else
        is; what another transaction holds is not there."""
        ...

    async def reschedule_jobs(self, jobs: Sequence[JobRecord]) -> None:
        """Change when jobs that are held are due, and nothing else of them."""
        ...
