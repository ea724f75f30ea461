"""Jobs that are shared with other accounts. These may launch them, and see what they ask for; nothing else of them."""

from __future__ import annotations

import msgspec

from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.definitions import JobDefinition
from data_factory.model.errors import FieldError, Invalid
from data_factory.model.ids import NewId
from data_factory.model.records import JobRecord, JobShareRecord
from data_factory.service.audit import note
from data_factory.service.clock import Clock
from data_factory.service.lookups import job_of
from data_factory.service.paging import Part
from data_factory.store.promises import Reads, Store, Transaction

MAX_SHARES = 1_000
"""With how many accounts a job may be shared."""

Shared = tuple[JobRecord, JobDefinition]


class Shares:
    """Which jobs are shared with whom."""

    def __init__(self, store: Store, clock: Clock, new_id: NewId) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id

    async def share(self, account_id: str, job_id: str, guest_id: str, by: Actor = SYSTEM) -> JobShareRecord:
        """Let another account launch a job; a second time changes nothing.

        Raises:
            NotFound: there is no such job.
            Invalid: there is no such account, it is one's own, or the job is shared with a thousand already.
        """

        async def work(transaction: Transaction) -> JobShareRecord:
            job = await job_of(transaction, account_id, job_id)
            if guest_id == account_id or await transaction.account(guest_id) is None:
                raise Invalid(errors=(FieldError("accountId", "is not the id of another account"),))
            await transaction.hold_job(job_id)
            present = await transaction.job_shares(job_id)
            for share in present:
                if share.account_id == guest_id:
                    return share
            if len(present) >= MAX_SHARES:
                raise Invalid(errors=(FieldError("accountId", f"the job is shared with {MAX_SHARES:,} already"),))
            now = self._clock()
            await transaction.share_job(made := JobShareRecord(job_id, guest_id, now))
            await note(transaction, "job.shared", by, now, self._new_id, job, key=job.key, accountId=guest_id)
            return made

        return await self._store.write(work)

    async def unshare(self, account_id: str, job_id: str, guest_id: str, by: Actor = SYSTEM) -> None:
        """Let another account launch a job no more; what it has launched goes on. If it could not, nothing changes.

        Raises:
            NotFound: there is no such job.
        """

        async def work(transaction: Transaction) -> None:
            job = await job_of(transaction, account_id, job_id)
            await transaction.hold_job(job_id)
            if all(share.account_id != guest_id for share in await transaction.job_shares(job_id)):
                return
            await transaction.unshare_job(job_id, guest_id)
            about = {"key": job.key, "accountId": guest_id}
            await note(transaction, "job.unshared", by, self._clock(), self._new_id, job, **about)

        await self._store.write(work)

    async def shares(self, account_id: str, job_id: str, part: Part) -> list[JobShareRecord]:
        """With whom a job is shared, the first of them first.

        Raises:
            NotFound: there is no such job.
        """

        async def work(reads: Reads) -> list[JobShareRecord]:
            await job_of(reads, account_id, job_id)
            return await reads.job_shares(job_id)

        found = await self._store.read(work)
        before = next((index for index, one in enumerate(found, 1) if one.account_id == part.cursor), 0)
        first = len(found) if part.cursor is not None and not before else before + part.offset
        return found[first : first + part.limit]

    async def shared_with(self, account_id: str, part: Part) -> list[Shared]:
        """The jobs of others that an account may launch, newest first, with their present definitions."""

        async def work(reads: Reads) -> list[Shared]:
            jobs = await reads.jobs_shared_with(account_id, part)
            versions = {one.job_id: one for one in await reads.job_versions((job.id, job.version) for job in jobs)}
            return [(job, msgspec.json.decode(versions[job.id].definition, type=JobDefinition)) for job in jobs]

        return await self._store.read(work)
