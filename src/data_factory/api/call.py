"""One request to an endpoint: who calls, and what is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from starlette.types import Receive, Scope

from data_factory.api.presenting import Wire
from data_factory.api.problems import Headers
from data_factory.model.errors import FieldError, Invalid, TooLarge, Unauthorized
from data_factory.model.ids import is_cursor
from data_factory.service.commands import IdempotencyKey
from data_factory.service.keys import Caller
from data_factory.service.paging import MAX_PAGE_BYTES, Part
from data_factory.service.platform import Platform
from data_factory.service.waiting_room import Presence

MAX_BODY_BYTES: Final = 10 * 1024 * 1024
MAX_WAIT_S: Final = 60
MAX_SIZE: Final = 100
MAX_OFFSET: Final = 10_000

_WAIT: Final = re.compile(r"(?i)(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})\b")
_encoder: Final = msgspec.json.Encoder()


class Disconnected(Exception):
    """The caller went away before the request was read: there is nobody to answer."""


class Call:
    """One request to an endpoint."""

    def __init__(self, scope: Scope, receive: Receive, platform: Platform, path: Mapping[str, str]) -> None:
        self.platform = platform
        self.path = path
        self.headers = _joined(scope["headers"])
        self.method: str = scope["method"]
        self.url: str = scope["path"]
        self.answer_headers: Headers = []
        self.raw = b""
        self._scope = scope
        self._receive = receive
        self._caller: Caller | None = None

    @property
    def caller(self) -> Caller:
        """Who calls."""
        if self._caller is None:
            raise Unauthorized
        return self._caller

    @property
    def account_id(self) -> str:
        """The account of who calls."""
        return self.caller.account_id

    def header(self, name: bytes) -> str:
        """A header, by its name in lower case; empty when it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def origin(self) -> str:
        """The address under which the caller asks, as far as the proxies before us tell it. It is for nobody else."""
        scheme = self.header(b"x-forwarded-proto") or self._scope["scheme"]
        host = self.header(b"x-forwarded-host") or self.header(b"host")
        return f"{scheme}://{host}" if host else ""

    def query(self, name: str) -> str | None:
        """A parameter of the query string."""
        values = parse_qs(self._scope["query_string"].decode("latin-1"), keep_blank_values=True).get(name)
        return values[0] if values else None

    def part(self) -> Part:
        """Which part of a list is asked for.

        Raises:
            Invalid: the numbers are out of their bounds.
        """
        page, size, cursor = self._page(), self._size(), self.query("cursor")
        if page * size > MAX_OFFSET:
            raise Invalid(errors=(FieldError("page", f"goes to {MAX_OFFSET:,} items; use `cursor` to go on"),))
        if cursor is not None and not is_cursor(cursor):
            raise Invalid(errors=(FieldError("cursor", "is not the `nextCursor` of an answer"),))
        return Part(cursor=cursor, offset=page * size, limit=size + 1)  # one more tells whether there is more

    def listed(self, records: list[Any], present: Callable[[Any], Wire], last: Callable[[Any], str]) -> Wire:
        """The answer to a list, from what was found for `part()`: `last` gives the id of an item.

        It ends early, with a cursor, before it has more than 16 MiB; one item may be larger.
        """
        shown: list[msgspec.Raw] = []
        room = MAX_PAGE_BYTES
        for record in records[: self._size()]:
            item = _encoder.encode(present(record))
            room -= len(item)
            if shown and room < 0:
                break
            shown.append(msgspec.Raw(item))
        return {
            "object": "list",
            "data": shown,
            "page": self._page(),
            "size": self._size(),
            "nextCursor": last(records[len(shown) - 1]) if len(records) > len(shown) else None,
        }

    def wait(self) -> float:
        """How long the caller would wait (`Prefer: wait=…`, RFC 7240), in seconds; what is granted is answered."""
        match = _WAIT.search(self.header(b"prefer"))
        if match is None:
            return 0
        seconds = min(int(match[1]), MAX_WAIT_S)
        self.answer_headers.append((b"preference-applied", b"wait=%d" % seconds))
        return seconds

    def idempotency(self) -> IdempotencyKey | None:
        """The `Idempotency-Key` of the request, with a fingerprint of what it asks for.

        Raises:
            Invalid: it is longer than 255 characters.
        """
        key = self.header(b"idempotency-key")
        if not key:
            return None
        if len(key) > 255:
            raise Invalid(errors=(FieldError("Idempotency-Key", "its length must be at most 255"),))
        digest = hashlib.sha256(f"{self.method} {self.url}\n".encode() + self.raw).hexdigest()
        return IdempotencyKey(key=key, fingerprint=digest)

    @contextlib.asynccontextmanager
    async def presence(self, wait: float) -> AsyncIterator[Presence]:
        """Whether the caller is still there, watched while something waits on their behalf."""
        presence = Presence()
        if wait <= 0:
            yield presence
            return
        watch = asyncio.create_task(self._watch(presence))
        try:
            yield presence
        finally:
            watch.cancel()

    async def authenticate(self) -> None:
        """Find out who calls.

        Raises:
            Unauthorized: nobody that is known.
        """
        key = self.header(b"x-api-key")
        if not key:
            scheme, _, token = self.header(b"authorization").partition(" ")
            key = token.strip() if scheme.lower() == "bearer" else ""
        if not key:
            raise Unauthorized
        self._caller = await self.platform.keys.caller(key)

    async def read_body(self) -> None:
        """Read the body.

        Raises:
            TooLarge: it has more than 10 MiB.
        """
        if (self.announced or 0) > MAX_BODY_BYTES:
            raise _too_large()
        chunks: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise _too_large()
        self.raw = b"".join(chunks)

    @property
    def announced(self) -> int | None:
        """How many bytes the body has, where that is said before it comes."""
        length = self.header(b"content-length")
        return int(length) if length.isdecimal() else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            Disconnected: the caller went away before all of it came.
        """
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            yield message.get("body", b"")
            more = message.get("more_body", False)

    async def _watch(self, presence: Presence) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        presence.leave()

    def _page(self) -> int:
        return self._number("page", 0, 0, MAX_OFFSET)

    def _size(self) -> int:
        return self._number("size", 10, 1, MAX_SIZE)

    def _number(self, name: str, default: int, least: int, most: int) -> int:
        text = self.query(name)
        if text is None:
            return default
        if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
            raise Invalid(errors=(FieldError(name, f"expected a whole number from {least} to {most}"),))
        return int(text)


def _too_large() -> TooLarge:
    return TooLarge(f"The body has more than {MAX_BODY_BYTES} bytes.")


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers by name; the lines of one name as one, as HTTP has it (RFC 9110, 5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found
