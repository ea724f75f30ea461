"""Blobs as files below a directory: of this machine, or one that all servers of a store share."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from data_factory.store.blobs import BLOCK_BYTES, BlobMissing, BlobsUnavailable, NoRoom

T = TypeVar("T")
Run = Callable[..., Any]

log = logging.getLogger(__name__)

THREADS: Final = 8
"""Threads of its own: a disk that is slow holds up no one who does not need it."""

DRAFT_SUFFIX: Final = ".part"

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskBlobs:
    """Blobs in a directory, which is made, for its owner only, if it does not exist.

        blobs = DiskBlobs(Path(".data-factory/files"))

    A blob is written under another name, brought to the disk, and then given its own, which the disk remembers before
    `keep` returns. Whatever happens, what has the name of a blob is all of it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="data-factory-files")

    async def draft(self, id: str) -> DiskDraft:
        """Begin a blob."""
        return DiskDraft(self._run, self._path(id), await self._run(self._begin, self._path(id)))

    async def open(self, id: str) -> DiskBlob:
        """Open a blob."""
        return DiskBlob(self._run, await self._run(_open, self._path(id)))

    async def remove(self, ids: Iterable[str]) -> None:
        """Remove blobs, and drafts of blobs."""
        await self._run(_remove, [self._path(id) for id in ids])

    async def close(self) -> None:
        """Wait for the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _run(self, do: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, do, *args)

    def _path(self, id: str) -> Path:
        """In a folder by the last digits of its id, which are random: folders stay small, and grow alike."""
        return self._directory / id[-2:] / id

    def _begin(self, path: Path) -> int:
        with _in_our_words():
            if not path.parent.exists():
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.parent.mkdir(mode=0o700, exist_ok=True)
                _sync(self._directory)
            return os.open(_draft_of(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


class DiskDraft:
    """A blob that is being written. Who does not wait for a thread any more may drop it: a thread at a time has it."""

    def __init__(self, run: Run, path: Path, file: int) -> None:
        self._run = run
        self._path = path
        self._file: int | None = file
        self._checksum = hashlib.sha256()
        self._turn = threading.Lock()

    async def write(self, data: bytes) -> None:
        """Add to it."""
        await self._run(self._write, data)

    async def keep(self) -> str:
        """Bring it to the disk, and give it its name."""
        await self._run(self._keep)
        return self._checksum.hexdigest()

    async def drop(self) -> None:
        """Remove what there is of it."""
        await self._run(self._drop)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        with self._turn, _in_our_words():
            self._checksum.update(rest)
            while rest:
                rest = rest[os.write(self._opened(), rest) :]

    def _keep(self) -> None:
        with self._turn, _in_our_words():
            os.fsync(self._opened())
            self._close()
            _draft_of(self._path).rename(self._path)
            _sync(self._path.parent)

    def _drop(self) -> None:
        with self._turn, _in_our_words():
            self._close()
            _remove([self._path])

    def _opened(self) -> int:
        if self._file is None:
            raise OSError(errno.EBADF, "it was dropped meanwhile")
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)


class DiskBlob:
    """A blob that is open for reading."""

    def __init__(self, run: Run, file: int) -> None:
        self._run = run
        self._file = file
        self._turn = threading.Lock()

    async def read(self, begin: int, end: int) -> AsyncGenerator[bytes, None]:
        """What it has, in blocks."""
        while begin < end:
            block: bytes = await self._run(self._read, begin, min(BLOCK_BYTES, end - begin))
            begin += len(block)
            yield block

    async def close(self) -> None:
        """It is not read any more."""
        await self._run(self._close)

    def _close(self) -> None:
        with self._turn:
            os.close(self._file)

    def _read(self, begin: int, size: int) -> bytes:
        with self._turn, _in_our_words():
            block = os.pread(self._file, size, begin)
        if not block:
            raise BlobMissing("The content of this file is shorter than it should be.")
        return block


def _draft_of(path: Path) -> Path:
    return path.with_name(path.name + DRAFT_SUFFIX)


def _open(path: Path) -> int:
    with _in_our_words():
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _remove(paths: Iterable[Path]) -> None:
    with _in_our_words():
        for path in paths:
            _draft_of(path).unlink(missing_ok=True)  # first: what is not there any more cannot be renamed behind us
            path.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """What the disk does not do is told to the operator, and to whoever asked without our paths."""
    try:
        yield
    except FileNotFoundError as error:
        log.error("%s is not there: all servers of one store must have the same files directory", error.filename)
        raise BlobMissing from error
    except OSError as error:
        log.error("the files directory: %s", error)
        raise (NoRoom if error.errno in _FULL else BlobsUnavailable) from error
