"""The verbs of files, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_factory.model.records import FileReaderRecord, FileRecord, FileTallyRecord, JobRecord
from data_factory.store.postgresql.session import Session, WritingSession, arrays, as_dict, texts
from data_factory.store.promises import Slice
from data_factory.store.promises.failures import expect


class FileReads(Session):
    """What can be asked of files."""

    async def files_by_id(self, account_id: str, ids: Iterable[str]) -> list[FileRecord]:
        return await self._all(FileRecord, "files_by_id", account_id=account_id, ids=texts(ids))

    async def readable_file(self, account_id: str, id: str) -> FileRecord | None:
        return await self._one(FileRecord, "readable_file", account_id=account_id, id=id)

    async def files_of_account(self, account_id: str, part: Slice) -> list[FileRecord]:
        return await self._listed(FileRecord, "files_of_account", part, account_id=account_id)

    async def file_tally(self, account_id: str) -> FileTallyRecord | None:
        return await self._one(FileTallyRecord, "file_tally", account_id=account_id)

    async def jobs_using_file(self, file_id: str) -> list[JobRecord]:
        return await self._all(JobRecord, "jobs_using_file", file_id=file_id)

    async def next_due_file(self) -> int | None:
        found = await self._fetch("next_due_file")
        return int(found[0][0]) if found else None


class FileWrites(FileReads, WritingSession):
    """What can be done with files."""

    async def files_by_id(self, account_id: str, ids: Iterable[str]) -> list[FileRecord]:
        return await self._all(FileRecord, "hold_files_by_id", account_id=account_id, ids=texts(ids))

    async def insert_file(self, file: FileRecord) -> None:
        await self._execute("insert_file", **as_dict(file))

    async def keep_file(self, file: FileRecord) -> None:
        expect(1, await self._execute("keep_file", **as_dict(file)))

    async def count_files(self, more: Sequence[FileTallyRecord]) -> None:
        if more:
            account_ids = [one.account_id for one in more]
            await self._execute("begin_file_tallies", account_id=account_ids)
            await self._fetch("hold_file_tallies", account_id=account_ids)
            await self._execute("count_files", **arrays(more))

    async def use_files(self, job_id: str, account_id: str, ids: Iterable[str], now: int) -> None:
        await self._execute("delete_job_files", job_id=job_id)
        if named := texts(ids):
            await self._fetch("hold_files_by_id", account_id=account_id, ids=named)
            await self._execute("make_files_permanent", account_id=account_id, ids=named, now=now)
            await self._execute("insert_job_files", job_id=job_id, account_id=account_id, ids=named)

    async def let_read(self, readers: Sequence[FileReaderRecord]) -> None:
        await self._insert_all("let_read", readers)

    async def abandon_files(self, due_at: int) -> None:
        await self._execute("abandon_files", due_at=due_at)

    async def renew_files(self, ids: Iterable[str], due_at: int) -> None:
        await self._execute("renew_files", ids=list(ids), due_at=due_at)

    async def due_files(self, now: int, limit: int) -> list[FileRecord]:
        return await self._all(FileRecord, "due_files", now=now, limit=limit)

    async def leave_files(self, ids: Iterable[str], now: int) -> None:
        await self._execute("leave_files", ids=list(ids), now=now)

    async def delete_files(self, ids: Iterable[str]) -> None:
        await self._execute("delete_files", ids=list(ids))
