"""Bytes as an answer: the content of a file, whole or a part of it (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import ClassVar, Final
from urllib.parse import quote

from starlette.types import Send

from data_factory.model.errors import RangeNotSatisfiable
from data_factory.model.records import FileRecord

Headers = list[tuple[bytes, bytes]]

_RANGE: Final = re.compile(r"(?i)bytes=[ \t]*(?:(\d{1,100})-(\d{0,100})|-(\d{1,100}))[ \t]*")
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


class Content:
    """What is answered with instead of JSON. `begin` to before `end` is read from it, and then it is closed."""

    media_type: ClassVar[str] = "*/*"
    in_parts: ClassVar[bool] = True
    """Whether one can ask for a part of it (`Range`), or for what has changed."""

    def __init__(
        self,
        status: int,
        headers: Headers,
        span: tuple[int, int],
        read: Callable[[int, int], AsyncGenerator[bytes, None]],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self.status = status
        self.headers = headers
        self.span = span
        self._read = read
        self._close = close

    async def send(self, send: Send, headers: Headers, method: str) -> None:
        """Send it, a block at a time; only what it would be to who asks with HEAD."""
        begin, end = self.span
        length = [] if self.status == 304 else [(b"content-length", b"%d" % (end - begin))]
        try:
            said = [*self.headers, *headers, *length]
            await send({"type": "http.response.start", "status": self.status, "headers": said})
            if method != "HEAD":
                async with aclosing(self._read(begin, end)) as blocks:
                    async for block in blocks:
                        await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await self._close()


def is_current(if_none_match: str, tag: str) -> bool:
    """Whether what a client has is what there is.

    >>> is_current('W/"1", "2"', '"2"'), is_current("*", '"2"'), is_current('"1"', '"2"'), is_current("", '"2"')
    (True, True, False, False)
    """
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)


def span(wanted: str, if_range: str, tag: str, size: int) -> tuple[int, int] | None:
    """What a `Range` asks for, from its first byte to before its end; None for all of it.

    Several ranges, another unit, or what is no range at all is answered with all, as RFC 9110 allows; so is a part of
    what is not there any more (`If-Range`).

    >>> span("bytes=0-4", "", '"a"', 10), span("bytes=7-", "", '"a"', 10), span("bytes=-3", "", '"a"', 10)
    ((0, 5), (7, 10), (7, 10))
    >>> span("bytes=5-100", '"a"', '"a"', 10), span("bytes=5-9", '"b"', '"a"', 10), span("bytes=1-2,4-5", "", '"a"', 10)
    ((5, 10), None, None)

    Raises:
        RangeNotSatisfiable: it begins behind the end, or has nothing in it.
    """
    found = _RANGE.fullmatch(wanted)
    if found is None or (if_range and if_range.strip() != tag):
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        begin, end = max(0, size - int(suffix)), size
    else:
        begin, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < begin:
            return None
    if begin >= end:
        raise RangeNotSatisfiable(f"The content has {size:,} bytes, and none of them in this range.")
    return begin, end


def headers_of(file: FileRecord) -> Headers:
    """What is said of the content of a file. It is never shown in the name of this server, whatever it claims to be."""
    ascii_name = re.sub(r'[^ -~]|["\\]', "_", file.filename)
    name = f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(file.filename, safe='')}"
    return [
        (b"content-type", file.content_type.encode()),
        (b"content-disposition", name.encode()),
        (b"etag", tag_of(file).encode()),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"private, no-cache"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"sandbox"),
    ]


def tag_of(file: FileRecord) -> str:
    """The `ETag` of the content of a file: its SHA-256."""
    return f'"{file.sha256}"'
