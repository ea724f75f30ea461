"""What is kept of files."""

from __future__ import annotations

import msgspec

from data_factory.model.status import FileStatus

Record = msgspec.Struct


class FileRecord(Record, frozen=True):
    """A file, without its content, which is a blob of the same id.

    An ARRIVING one is being uploaded, and has neither size nor checksum yet; a LEAVING one is gone, but for what is
    left of its content. `due_at` is when it is swept: None for one that a job uses, which stays.
    """

    id: str
    account_id: str
    status: FileStatus
    filename: str
    content_type: str
    size: int
    sha256: str
    created_at: int
    updated_at: int
    due_at: int | None


class FileReaderRecord(Record, frozen=True):
    """That a job execution uses a file of an account, its owner, and an account reads it because of that: the owner
    itself, for which it is spared until the execution has ended, or another one, until that is deleted."""

    file_id: str
    account_id: str
    job_execution_id: str
    owner_id: str


class FileTallyRecord(Record, frozen=True):
    """How many files an account has, and how many bytes they have together."""

    account_id: str
    files: int
    bytes: int
