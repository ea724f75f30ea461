"""What a store promises of files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from data_factory.model.records import FileReaderRecord, FileRecord, FileTallyRecord, JobRecord
from data_factory.store.promises.parts import Slice


class FileReads(Protocol):
    """What can be asked of files."""

    async def files_by_id(self, account_id: str, ids: Iterable[str]) -> list[FileRecord]:
        """These files, of those that the account has: what is arriving or leaving is not there."""
        ...

    async def readable_file(self, account_id: str, id: str) -> FileRecord | None:
        """A file that the account has, or that a job execution lets it read (`let_read`)."""
        ...

    async def files_of_account(self, account_id: str, part: Slice) -> list[FileRecord]: ...

    async def file_tally(self, account_id: str) -> FileTallyRecord | None: ...

    async def jobs_using_file(self, file_id: str) -> list[JobRecord]: ...

    async def next_due_file(self) -> int | None:
        """When the next file is to be swept, of those that may be; None when there is none."""
        ...


class FileWrites(Protocol):
    """What can be done of files."""

    async def insert_file(self, file: FileRecord) -> None: ...

    async def keep_file(self, file: FileRecord) -> None:
        """A file has arrived.

        Raises:
            StaleWrite: it is not awaited any more.
        """
        ...

    async def count_files(self, more: Sequence[FileTallyRecord]) -> None:
        """Add to the tallies of these accounts. Files that are counted are taken in hand before."""
        ...

    async def use_files(self, job_id: str, account_id: str, ids: Iterable[str], now: int) -> None:
        """A job uses these files, of those that its account has, and no others: they stay from now on."""
        ...

    async def let_read(self, readers: Sequence[FileReaderRecord]) -> None:
        """Let these accounts read these files, of those that their owners have, until the job executions are deleted,
        and sweep none before they have ended; what was let before stays so."""
        ...

    async def abandon_files(self, due_at: int) -> None:
        """Whatever is arriving is due then, unless whoever brings the rest says before that it is still to come."""
        ...

    async def renew_files(self, ids: Iterable[str], due_at: int) -> None:
        """Of these, what is arriving is still to come; it is due then."""
        ...

    async def due_files(self, now: int, limit: int) -> list[FileRecord]:
        """What is to be swept, the earliest first; what another transaction sweeps is not there, nor what an account
        that does not have it may read for a job execution that has not ended."""
        ...

    async def leave_files(self, ids: Iterable[str], now: int) -> None:
        """They are not to be seen any more; what there is of them is due now."""
        ...

    async def delete_files(self, ids: Iterable[str]) -> None:
        """Nothing is left of these that were leaving."""
        ...
