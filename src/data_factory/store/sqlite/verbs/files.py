"""The verbs of files, on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_factory.model.records import FileReaderRecord, FileRecord, FileTallyRecord, JobRecord
from data_factory.store.promises import Slice
from data_factory.store.promises.failures import expect
from data_factory.store.sqlite.session import Session, array, as_dict


class Files(Session):
    """The verbs of files."""

    async def files_by_id(self, account_id: str, ids: Iterable[str]) -> list[FileRecord]:
        return self._all(FileRecord, "files_by_id", account_id=account_id, ids=array(ids))

    async def readable_file(self, account_id: str, id: str) -> FileRecord | None:
        return self._one(FileRecord, "readable_file", account_id=account_id, id=id)

    async def files_of_account(self, account_id: str, part: Slice) -> list[FileRecord]:
        return self._listed(FileRecord, "files_of_account", part, account_id=account_id)

    async def file_tally(self, account_id: str) -> FileTallyRecord | None:
        return self._one(FileTallyRecord, "file_tally", account_id=account_id)

    async def jobs_using_file(self, file_id: str) -> list[JobRecord]:
        return self._all(JobRecord, "jobs_using_file", file_id=file_id)

    async def insert_file(self, file: FileRecord) -> None:
        self._execute("insert_file", **as_dict(file))

    async def keep_file(self, file: FileRecord) -> None:
        expect(1, self._execute("keep_file", **as_dict(file)).rowcount)

    async def count_files(self, more: Sequence[FileTallyRecord]) -> None:
        self._execute_all("count_files", more)

    async def use_files(self, job_id: str, account_id: str, ids: Iterable[str], now: int) -> None:
        self._execute("delete_job_files", job_id=job_id)
        if named := list(ids):
            self._execute("make_files_permanent", account_id=account_id, ids=array(named), now=now)
            self._execute("insert_job_files", job_id=job_id, account_id=account_id, ids=array(named))

    async def let_read(self, readers: Sequence[FileReaderRecord]) -> None:
        self._execute_all("let_read", readers)

    async def abandon_files(self, due_at: int) -> None:
        self._execute("abandon_files", due_at=due_at)

    async def renew_files(self, ids: Iterable[str], due_at: int) -> None:
        self._execute("renew_files", ids=array(ids), due_at=due_at)

    async def next_due_file(self) -> int | None:
        found = self._execute("next_due_file").fetchone()
        return None if found is None else int(found[0])

    async def due_files(self, now: int, limit: int) -> list[FileRecord]:
        return self._all(FileRecord, "due_files", now=now, limit=limit)

    async def leave_files(self, ids: Iterable[str], now: int) -> None:
        self._execute("leave_files", ids=array(ids), now=now)

    async def delete_files(self, ids: Iterable[str]) -> None:
        self._execute("delete_files", ids=array(ids))
