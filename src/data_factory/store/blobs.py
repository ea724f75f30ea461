"""Where the content of files is: blobs, each written once, read in parts, and removed.

A blob has the id of its file. What one is for, and until when, is known to the store alone: nobody ever lists blobs.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Final, Protocol

from data_factory.model.errors import Unavailable

BLOCK_BYTES: Final = 1024 * 1024
"""How much of a blob is in memory at a time, about."""


class BlobsUnavailable(Unavailable):
    """The content of files cannot be kept or read at the moment: try again."""


class NoRoom(BlobsUnavailable):
    """There is no room left for the content of files: nothing of this one was kept."""


class BlobMissing(BlobsUnavailable):
    """The content of this file is not where this server looks for it."""


class Draft(Protocol):
    """A blob that is being written. Nobody can read it before all of it is kept."""

    async def write(self, data: bytes) -> None:
        """Add to it.

        Raises:
            BlobsUnavailable: it cannot be written; drop it.
        """
        ...

    async def keep(self) -> str:
        """It is complete; when this returns it survives a power cut. Its SHA-256, in hexadecimal.

        Raises:
            BlobsUnavailable: it cannot be kept; drop it.
        """
        ...

    async def drop(self) -> None:
        """It will never be complete. Nothing is left of it."""
        ...


class Blob(Protocol):
    """A blob that is open for reading."""

    def read(self, begin: int, end: int) -> AsyncGenerator[bytes, None]:
        """What it has from `begin` to before `end`, in blocks.

        Raises:
            BlobsUnavailable: it cannot be read.
        """
        ...

    async def close(self) -> None:
        """It is not read any more."""
        ...


class Blobs(Protocol):
    """A place for blobs. All servers of one store share it."""

    async def draft(self, id: str) -> Draft:
        """Begin a blob.

        Raises:
            BlobsUnavailable: nothing can be written.
        """
        ...

    async def open(self, id: str) -> Blob:
        """Open a blob that was kept.

        Raises:
            BlobMissing: there is none.
            BlobsUnavailable: it cannot be read.
        """
        ...

    async def remove(self, ids: Iterable[str]) -> None:
        """Nothing is left of these, whether they were kept or not, or were there at all.

        Raises:
            BlobsUnavailable: some cannot be removed now.
        """
        ...

    async def close(self) -> None:
        """Let what is under way end. Nothing is asked of it from then on."""
        ...
