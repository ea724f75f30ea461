"""A job and its assets as one ZIP archive, read with nothing taken on trust.

An archive is looked at as a whole before anything of it is kept: what it says of itself, and then all that is used of
it, block by block. Nothing is ever written under a name that it gives.
"""

from __future__ import annotations

import codecs
import hashlib
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Final

import msgspec

from data_factory.model.assets import FOLDER
from data_factory.model.errors import FieldError, Invalid, first_errors

JOB_FILE: Final = "job.json"

MAX_ENTRIES: Final = 10_000
MAX_BYTES: Final = 1024 * 1024 * 1024
"""How much there may be in an archive, unpacked."""

MAX_JOB_BYTES: Final = 10 * 1024 * 1024
BLOCK_BYTES: Final = 1024 * 1024

_MAX_NAME: Final = 500
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError, RuntimeError)


class Asset(msgspec.Struct, frozen=True):
    """A file below `assets/`: its name there, how large it is, and the SHA-256 of its content."""

    name: str
    size: int
    sha256: str


class Archive:
    """An archive that was looked at. `job` is its `job.json`.

    archive = Archive(file, max_asset_bytes=100 * 1024 * 1024)
    archive.assets  # the names of what is below assets/

    Raises:
        Invalid: it is none, or one that should not be touched; with all that is wrong.
    """

    def __init__(self, file: IO[bytes], max_asset_bytes: int) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
            entries = self._zip.infolist()
        except _BROKEN as error:
            raise Invalid(f"The file is not a ZIP archive that can be read: {error}.") from None
        if errors := first_errors(_errors(entries, max_asset_bytes)):
            raise Invalid(errors=errors)
        files = {entry.filename: entry for entry in entries if not entry.is_dir()}
        self._entries = {name.removeprefix(FOLDER): entry for name, entry in files.items() if name.startswith(FOLDER)}
        self.job = b"".join(self._blocks(files[JOB_FILE])).removeprefix(codecs.BOM_UTF8)

    @property
    def assets(self) -> frozenset[str]:
        """The names of the assets."""
        return frozenset(self._entries)

    def examine(self, name: str) -> Asset:
        """Read an asset to its end, to know it and that it can be read.

        Raises:
            Invalid: it cannot be read, or is not what the archive says of it.
        """
        checksum = hashlib.sha256()
        size = 0
        for block in self.read(name):
            checksum.update(block)
            size += len(block)
        return Asset(name, size, checksum.hexdigest())

    def read(self, name: str) -> Iterator[bytes]:
        """The content of an asset."""
        return self._blocks(self._entries[name])

    def _blocks(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        left = entry.file_size
        try:
            with self._zip.open(entry) as content:
                while block := content.read(BLOCK_BYTES):
                    left -= len(block)
                    if left < 0:
                        raise zipfile.BadZipFile("it has more than it says")
                    yield block
        except _BROKEN as error:
            raise Invalid(errors=(FieldError(entry.filename, f"cannot be read: {error}"),)) from None
        if left:
            raise Invalid(errors=(FieldError(entry.filename, "cannot be read: it has less than it says"),))


def _errors(entries: list[zipfile.ZipInfo], max_asset_bytes: int) -> Iterator[FieldError]:
    """What is wrong with an archive, by what it says of itself."""
    if len(entries) > MAX_ENTRIES:
        yield FieldError("", f"The archive has more than {MAX_ENTRIES:,} entries.")
        return
    names: set[str] = set()
    for entry in entries:
        name = unicodedata.normalize("NFC", entry.filename).rstrip("/")
        if name in names:
            yield FieldError(entry.filename, "is there twice")
        names.add(name)
        if (why := _name_error(entry)) is not None:
            yield FieldError(entry.filename, why)
        if not entry.is_dir():
            yield from _content_errors(entry, max_asset_bytes)
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        yield FieldError("", f"The archive has more than {MAX_BYTES:,} bytes, unpacked.")
    if JOB_FILE not in names:
        deeper = next((name for name in sorted(names) if name.endswith(f"/{JOB_FILE}")), None)
        hint = f"; there is {deeper}: pack the content of the folder, not the folder" if deeper else ""
        yield FieldError(JOB_FILE, f"is not in the archive{hint}")


def _name_error(entry: zipfile.ZipInfo) -> str | None:
    name = entry.orig_filename
    if len(name) > _MAX_NAME or not name.isprintable():
        return f"has a name that is too long (more than {_MAX_NAME}) or cannot be printed"
    if "\\" in name or ":" in name or name.startswith("/"):
        return "has a name that leads out of the archive: no \\, no : and no / in front"
    if {"..", ".", ""} & set(name.removesuffix("/").split("/")):
        return "has a name that leads out of the archive, or nowhere"
    return None


def _content_errors(entry: zipfile.ZipInfo, max_asset_bytes: int) -> Iterator[FieldError]:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        yield FieldError(entry.filename, "is a link, or something else that is not a file")
    if entry.flag_bits & _ENCRYPTED:
        yield FieldError(entry.filename, "is encrypted")
    elif entry.compress_type not in _METHODS:
        yield FieldError(entry.filename, "is compressed in a way that is not taken: only stored and deflated are")
    limit = MAX_JOB_BYTES if entry.filename == JOB_FILE else max_asset_bytes
    if limit and entry.file_size > limit:
        yield FieldError(entry.filename, f"has more than {limit:,} bytes")
