"""One process a data directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Final

FILE_NAME: Final = "lock"


class DirectoryInUse(Exception):
    """Another process uses this data directory."""


class DirectoryLock:
    """Holds a data directory for this process until it ends, in whatever way: the system lets go of it, not we.

        lock = DirectoryLock(Path(".data-factory"), "serves http://127.0.0.1:8080")

    What is done with it is for the message that another one gets.

    Raises:
        DirectoryInUse: another process holds it; the message says which.
    """

    def __init__(self, directory: Path, doing: str) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / FILE_NAME
        self._file: IO[str] = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise DirectoryInUse(
                f"The data directory {directory} is in use by {holder}. Stop it, or choose another directory."
            ) from None
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()}, which {doing}")
        self._file.flush()

    def release(self) -> None:
        """Let go of it."""
        self._file.close()
