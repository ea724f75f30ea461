"""The files of the platform, for tasks: streamed to and from disk, checked, and tried again."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

import httpx

from data_factory.client.call import PREFIX
from data_factory.client.retry import Backoff
from data_factory.model.errors import DataFactoryError
from data_factory.model.file_values import file_id

LARGEST: Final = 100_000_000
"""Bytes of one file, as the hosted platform documents it."""

_CHUNK: Final = 1 << 20
_TRIES: Final = 6
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TIMEOUT: Final = httpx.Timeout(60, connect=10)

T = TypeVar("T")

FileRef = Mapping[str, Any] | str
"""What names a file: what the platform gives (`{"object": "data_factory_file", "id", "url"}`), or its id."""


class FileFailed(DataFactoryError):
    """A file could not be read or written."""

    code = "file_failed"


class InEventLoop(DataFactoryError):
    """Files block, and this is an event loop: `await asyncio.to_thread(ctx.files.download, file)`."""

    code = "in_event_loop"


class Files(Protocol):
    """What `ctx.files` can do. It blocks: an `async` task calls it with `asyncio.to_thread`."""

    def download(
        self, file: FileRef, to: str | Path | None = None, *, sha256: str | None = None, limit: int = LARGEST
    ) -> Path:
        """Fetch a file to a path of yours, or into the run's folder under its own name; gives where it is.

        It is there whole or not at all. Raises `FileFailed` if it is not to be had, has more bytes than `limit`, or
        is not what `sha256` (in hexadecimal) says.
        """

    def upload(self, path: str | Path, *, filename: str | None = None, limit: int = LARGEST) -> dict[str, Any]:
        """Keep a file on the platform; gives what an output or another task calls it.

        Raises `FileFailed` if it cannot be read, has more bytes than `limit`, or is not taken.
        """


class NoFiles:
    """Where there is no platform: every use fails."""

    def download(
        self,
        file: FileRef,  # noqa: ARG002
        to: str | Path | None = None,  # noqa: ARG002
        *,
        sha256: str | None = None,  # noqa: ARG002
        limit: int = LARGEST,  # noqa: ARG002
    ) -> Path:
        """See `Files`."""
        raise FileFailed("there is no platform here to fetch a file from")

    def upload(
        self,
        path: str | Path,  # noqa: ARG002
        *,
        filename: str | None = None,  # noqa: ARG002
        limit: int = LARGEST,  # noqa: ARG002
    ) -> dict[str, Any]:
        """See `Files`."""
        raise FileFailed("there is no platform here to keep a file")


class Connection(NamedTuple):
    """What it takes to speak to a server."""

    base_url: str
    headers: dict[str, str]


class RemoteFiles:
    """The files of a server. `admit` is called before each request, and returns when it may be sent."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        workdir: Callable[[], Path],
        stopping: threading.Event,
        *,
        admit: Callable[[], None] = lambda: None,
        backoff: Backoff | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.connection = Connection(base_url, dict(headers))
        self._base_url, self._headers = self.connection
        self._workdir = workdir
        self._stopping = stopping
        self._admit = admit
        self._backoff = backoff or Backoff()
        self._sleep = sleep

    def download(
        self, file: FileRef, to: str | Path | None = None, *, sha256: str | None = None, limit: int = LARGEST
    ) -> Path:
        """See `Files`."""
        _not_in_loop()
        url = self._url_of(file)
        # The key is for the platform, and for no other place that a file may be at.
        own = urlsplit(url)[:2] == urlsplit(self._base_url)[:2]
        headers = self._headers if own else {}

        def fetch(client: httpx.Client) -> Path:
            with client.stream("GET", url, headers=headers, follow_redirects=not own) as response:
                target = Path(to) if to is not None else self._workdir() / _name_of(file, response)
                if response.next_request is not None:
                    # The content is elsewhere: there without the key.
                    return self.download({"url": str(response.next_request.url)}, target, sha256=sha256, limit=limit)
                _raise_for(response, f"{url} cannot be fetched")
                self._receive(response, target, limit, sha256)
                return target

        return self._again_and_again(fetch, f"{url} cannot be fetched")

    def upload(self, path: str | Path, *, filename: str | None = None, limit: int = LARGEST) -> dict[str, Any]:
        """See `Files`."""
        _not_in_loop()
        source = Path(path)
        try:
            size = source.stat().st_size
        except OSError as error:
            raise FileFailed(f"{source} cannot be read: {error.strerror}") from error
        if size > limit:
            raise FileFailed(f"{source.name} has {size:,} bytes, {limit:,} are the most")

        def send(client: httpx.Client) -> dict[str, Any]:
            with source.open("rb") as content:
                parts = {"file": (filename or source.name, content, "application/octet-stream")}
                response = client.post(f"{self._base_url}{PREFIX}/files", files=parts, headers=self._headers)
            if response.status_code == httpx.codes.NOT_FOUND:
                raise FileFailed(f"{self._base_url} keeps no files")
            _raise_for(response, f"{source.name} is not taken")
            kept = response.json()
            if not isinstance(kept, dict) or not isinstance(kept.get("id"), str):
                raise FileFailed(f"{source.name} is not taken: the answer is not a file of a Data Factory")
            return kept

        return self._again_and_again(send, f"{source.name} is not taken")

    def _url_of(self, file: FileRef) -> str:
        if isinstance(file, Mapping):
            url = file.get("url")
            own = file_id(url)  # at whatever address it was asked for: no other platform would give it to us
            if own is None and isinstance(url, str) and url.startswith(("http://", "https://")):
                return url
            file = own or str(file.get("id") or "")
        if not file or "/" in file:
            raise FileFailed("this is no file of the platform: it has neither a url nor an id")
        return f"{self._base_url}{PREFIX}/files/{file}/content"

    def _receive(self, response: httpx.Response, target: Path, limit: int, sha256: str | None) -> None:
        part = target.with_name(f"{target.name}.part")
        digest, size = hashlib.sha256(), 0
        try:
            with part.open("wb") as out:
                for chunk in response.iter_bytes(_CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise FileFailed(f"{target.name} has more than {limit:,} bytes")
                    if self._stopping.is_set():
                        raise asyncio.CancelledError
                    digest.update(chunk)
                    out.write(chunk)
            if sha256 is not None and digest.hexdigest() != sha256.lower():
                raise _Damaged(f"{target.name} is not what its checksum says")
            part.replace(target)
        except OSError as error:
            raise FileFailed(f"{target} cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)

    def _again_and_again(self, work: Callable[[httpx.Client], T], what: str) -> T:
        """Carry it out; again with growing pauses, if what went wrong may pass."""
        with httpx.Client(timeout=_TIMEOUT, verify=_trusted()) as client:
            for tried in range(_TRIES):
                self._admit()
                try:
                    return work(client)
                except _Passing as error:
                    last, pause = str(error), max(error.after, self._backoff.pause(tried))
                except httpx.TransportError as error:
                    last, pause = f"{what}: {str(error) or type(error).__name__}", self._backoff.pause(tried)
                if self._stopping.is_set():
                    raise asyncio.CancelledError
                if tried + 1 < _TRIES:
                    self._sleep(pause)
        raise FileFailed(f"{last} (after {_TRIES} tries)")


class LocalFiles:
    """Files for tests: those of this machine are fetched, and what is uploaded is in `kept`, by name."""

    def __init__(self, workdir: Callable[[], Path]) -> None:
        self._workdir = workdir
        self.kept: dict[str, bytes] = {}

    def download(
        self, file: FileRef, to: str | Path | None = None, *, sha256: str | None = None, limit: int = LARGEST
    ) -> Path:
        """A copy of the file at a `file://` url."""
        url = file.get("url") if isinstance(file, Mapping) else file
        source = Path(unquote(urlsplit(str(url)).path))
        if not source.is_file():
            raise FileFailed(f"there is no file {source}: in a test a file is {{'url': path.as_uri()}}")
        content = _read(source, limit)
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256.lower():
            raise FileFailed(f"{source.name} is not what its checksum says")
        target = Path(to) if to is not None else self._workdir() / source.name
        target.write_bytes(content)
        return target

    def upload(self, path: str | Path, *, filename: str | None = None, limit: int = LARGEST) -> dict[str, Any]:
        """Keep what is in it."""
        content = _read(Path(path), limit)
        name = filename or Path(path).name
        self.kept[name] = content
        return {"object": "data_factory_file", "id": hashlib.sha256(content).hexdigest(), "filename": name}


def _read(source: Path, limit: int) -> bytes:
    try:
        content = source.read_bytes()
    except OSError as error:
        raise FileFailed(f"{source} cannot be read: {error.strerror}") from error
    if len(content) > limit:
        raise FileFailed(f"{source.name} has {len(content):,} bytes, {limit:,} are the most")
    return content


@cache
def _trusted() -> ssl.SSLContext:
    """All certificates that this machine trusts: to read them takes longer than to fetch a small file."""
    return httpx.create_ssl_context()


class _Passing(Exception):
    """It went wrong, and may go well `after` so many seconds."""

    after = 0.0


class _Damaged(_Passing):
    pass


def _raise_for(response: httpx.Response, what: str) -> None:
    if response.is_success:
        return
    status = response.status_code
    if status in _TRANSIENT:
        error = _Passing(f"{what}: {status}")
        after = response.headers.get("Retry-After", "")
        error.after = float(after) if after.isdecimal() else 0.0
        raise error
    raise FileFailed(f"{what}: {status}")


def _name_of(file: FileRef, response: httpx.Response) -> str:
    named = file.get("filename") if isinstance(file, Mapping) else None
    if not named:
        disposition = response.headers.get("Content-Disposition", "")
        _, found, after = disposition.partition("filename=")
        named = after.strip().strip('"') if found else ""
    # Only a name: whoever named it does not say where it goes.
    name = Path(str(named or "file").replace("\\", "/")).name
    return name if name not in ("", ".", "..") else "file"


def _not_in_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise InEventLoop
