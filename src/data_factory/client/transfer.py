"""Content on its way: what is uploaded, and where what is downloaded goes. A block at a time, however much there is."""

from __future__ import annotations

import hashlib
import io
import mimetypes
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

import msgspec

Advance = Callable[[int], None]
"""Is told each time how many bytes more have passed."""

Source = str | os.PathLike[str] | bytes | BinaryIO
"""What is uploaded: the file with this path, these bytes, or a file that is open for reading."""

OCTETS: Final = "application/octet-stream"
NAMELESS: Final = "file"


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file to be sent, with its name and its media type."""

    source: Source
    filename: str
    content_type: str
    advance: Advance | None = None

    @property
    def can_be_repeated(self) -> bool:
        """Whether it can be sent again from its beginning."""
        return isinstance(self.source, str | os.PathLike | bytes) or self.source.seekable()

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """What is sent, for the length of a request; what of it has passed has not, if the request fails."""
        with ExitStack() as stack:
            match self.source:
                case bytes():
                    file: IO[bytes] = io.BytesIO(self.source)
                case str() | os.PathLike():
                    file = stack.enter_context(Path(self.source).open("rb"))
                case _:
                    file = self.source
            watched = _Watched(file, self.advance)
            try:
                yield watched
            except BaseException:
                watched.take_back()
                raise


def upload(source: Source, filename: str | None, content_type: str | None, advance: Advance | None) -> Upload:
    """What is to be sent: under the name of the file, as what that name tells, unless others are given."""
    name = filename or _name_of(source)
    return Upload(
        source=source,
        filename=name,
        content_type=content_type or mimetypes.guess_type(name)[0] or OCTETS,
        advance=advance,
    )


class Download:
    """Takes what comes, and knows how to go on when the connection was lost."""

    def __init__(self, to: BinaryIO, advance: Advance | None = None) -> None:
        self.received = 0
        self._to = to
        self._advance = advance
        self._tag = ""
        self._checksum = hashlib.sha256()

    def headers(self) -> dict[str, str]:
        """What is asked for: the rest, if it is the rest of the same."""
        return {"Range": f"bytes={self.received}-", "If-Range": self._tag} if self.received and self._tag else {}

    def begin(self, status: int, tag: str) -> None:
        """An answer comes: the rest, or all of it from its beginning."""
        if status != 206 and self.received:
            self._to.seek(-self.received, os.SEEK_CUR)
            self._to.truncate()
            if self._advance is not None:
                self._advance(-self.received)
            self.received = 0
            self._checksum = hashlib.sha256()
        self._tag = tag if tag.startswith('"') else ""

    def take(self, block: bytes) -> None:
        """Some of it."""
        self._to.write(block)
        self._checksum.update(block)
        self.received += len(block)
        if self._advance is not None:
            self._advance(len(block))

    @property
    def sha256(self) -> str:
        """The SHA-256 of what came."""
        return self._checksum.hexdigest()


class _Watched:
    """A file that tells how much of it was read."""

    def __init__(self, file: IO[bytes], advance: Advance | None) -> None:
        self._file = file
        self._advance = advance
        self._passed = 0

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self._passed += len(block)
        if block and self._advance is not None:
            self._advance(len(block))
        return block

    def take_back(self) -> None:
        """What has passed is to pass again."""
        if self._passed and self._advance is not None:
            self._advance(-self._passed)
        self._passed = 0

    def fileno(self) -> int:
        """Only of what has a length: that of a pipe would be taken for 0."""
        if not self._file.seekable():
            raise io.UnsupportedOperation("fileno")
        return self._file.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _name_of(source: Source) -> str:
    path = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    return Path(path).name or NAMELESS if isinstance(path, str | os.PathLike) else NAMELESS
