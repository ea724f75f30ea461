"""The calls about files, and the plans that bring their content to a place. Content is never in memory as a whole."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from data_factory.client.call import Call, Listing, Pages, Steps
from data_factory.client.calls.parts import keyed, path_of
from data_factory.client.errors import NotUnderstood
from data_factory.client.transfer import Advance, Download, Source, upload
from data_factory.model.file_values import file_id
from data_factory.model.resources import File

FileLike = str | File | Mapping[str, Any]
"""A file: its id, a `File`, or a value of an input or an output that stands for one (by its `url`)."""


def upload_file(
    source: Source,
    *,
    filename: str | None = None,
    content_type: str | None = None,
    idempotency_key: str | None = None,
    advance: Advance | None = None,
) -> Call[File]:
    """Upload a file: that with this path, these bytes, or one that is open for reading in binary.

    Its name and its media type are those of the path, unless you give others. `advance` is told how many bytes more
    have passed. The file is deleted after a time (90 days, unless its server says otherwise) if no job uses it.

    >>> client.files.upload("prices.xlsx").id  # doctest: +SKIP
    '01a214a6146c14e055a20249778cd4cee94b8cd29bccca2167d06a68121deb1e'
    """
    content = upload(source, filename, content_type, advance)
    return Call(
        method="POST",
        path=path_of("files"),
        result=File,
        headers=keyed(idempotency_key),
        repeat="keyed" if content.can_be_repeated else "unsent",
        upload=content,
    )


def get_file(file: FileLike) -> Call[File]:
    """What is known of a file: its name, its size, its checksum."""
    return Call(method="GET", path=path_of("files", _id_of(file)), result=File)


def list_files(*, size: int = 100) -> Pages[File]:
    """The files of the account, newest first, read `size` at a time."""
    return Pages(path=path_of("files"), result=Listing[File], size=size)


def delete_file(file: FileLike) -> Call[File]:
    """Delete a file that no job uses; gives back what it was."""
    return Call(method="DELETE", path=path_of("files", _id_of(file)), result=File, repeat="unsent")


def download_file(file: FileLike, to: str | os.PathLike[str], *, advance: Advance | None = None) -> Steps[Path]:
    """Download a file to a path, or into a folder under its own name; gives the path.

    A lost connection is taken up where it was lost, and the checksum is compared. There is nothing at the path before
    all is there; what was there is replaced.

    >>> client.files.download(input["prices"], "work")  # doctest: +SKIP
    PosixPath('work/prices.xlsx')
    """
    known = yield from get_file(file)
    path = Path(to)
    if path.is_dir():
        path = path / (Path(known.filename).name or known.id)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with draft.open("wb") as out:
            yield from _content(known, out, advance)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return path


def copy_file(file: FileLike, to: BinaryIO, *, advance: Advance | None = None) -> Steps[File]:
    """Write the content of a file to one that is open for writing in binary; gives what is known of it."""
    known = yield from get_file(file)
    yield from _content(known, to, advance)
    return known


def read_file(file: FileLike) -> Steps[bytes]:
    """The content of a file, in memory."""
    content = io.BytesIO()
    yield from copy_file(file, content)
    return content.getvalue()


def _content(file: File, to: BinaryIO, advance: Advance | None) -> Steps[None]:
    download = Download(to, advance)
    call = Call(method="GET", path=path_of("files", file.id, "content"), result=type(None), download=download)
    yield from call
    if file.sha256 and download.sha256 != file.sha256:
        raise NotUnderstood(
            f"the content of the file {file.id} is not what was uploaded: {download.received:,} bytes with the SHA-256 "
            f"{download.sha256} came, not {file.size:,} with {file.sha256}",
            code="not_understood",
        )


def _id_of(file: FileLike) -> str:
    if isinstance(file, str):
        return file_id(file) or file
    if isinstance(file, File):
        return file.id
    found = file_id(file.get("url")) or file.get("id")
    if not isinstance(found, str):
        raise ValueError("this is not a file: it has neither the url of one nor an id")
    return found
