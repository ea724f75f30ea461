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
    """That an account may read a file of another one, its owner, because of a job execution."""

    file_id: str
    account_id: str
    job_execution_id: str
    owner_id: str


class FileTallyRecord(Record, frozen=True):
    """How many files an account has, and how many bytes they have together."""

    account_id: str
    files: int
    bytes: int
