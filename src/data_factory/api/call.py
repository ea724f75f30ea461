"""One request to an endpoint: who calls, and what is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import Any, Final, get_args
from urllib.parse import parse_qs

import msgspec
from starlette.types import Receive, Scope

from data_factory.api.presenting import Wire
from data_factory.api.problems import Headers
from data_factory.model.actors import SAID, Actor
from data_factory.model.errors import FieldError, Invalid, RateLimited, RoleNeeded, TooLarge, Unauthorized
from data_factory.model.ids import is_cursor
from data_factory.model.rates import Rate
from data_factory.model.status import Role
from data_factory.service.commands import IdempotencyKey
from data_factory.service.finding import Found
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
        self.id = b""
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

    @property
    def actor(self) -> Actor:
        """Who calls, from where, and by which way in, as what they do is written down.

        The address is that of the connection: what a header says of it, anybody can say.
        """
        address, _ = self._scope.get("client") or ("", 0)
        return Actor(self.caller.key_id, address, SAID.get(self.header(b"data-factory-origin"), "API"))

    def header(self, name: bytes) -> str:
        """A header, by its name in lower case; empty when it was not sent."""
        value = self.headers.get(name)
        return "" if value is None else value.decode("latin-1")

    @property
    def origin(self) -> str:
        """The address under which the caller asks, as far as the proxies before us tell it. It is for nobody else."""
        scheme = self.header(b"x-forwarded-proto") or self._scope["scheme"]
        host = self.header(b"x-forwarded-host") or self.header(b"host")
        return f"{scheme}://{host}" if host else ""

    def query(self, name: str) -> str | None:
        """A parameter of the query string."""
        values = self._asked().get(name)
        return values[0] if values else None

    @property
    def has_query(self) -> bool:
        """Whether there is a query string."""
        return bool(self._scope["query_string"])

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Hold the query string to the parameters that the endpoint knows.

        Raises:
            Invalid: there are others: a typing error would list what was not asked for.
        """
        if unknown := sorted(self._asked().keys() - {*known}):
            there_are = ", ".join(known) or "none"
            message = f"is not a parameter that is known here; there are: {there_are}"
            raise Invalid(errors=tuple(FieldError(name, message) for name in unknown))

    def _asked(self) -> dict[str, list[str]]:
        return parse_qs(self._scope["query_string"].decode("latin-1"), keep_blank_values=True)

    def part(self, more: int = 1) -> Part:
        """Which part of a list is asked for, and so many more items: one more tells whether there is more.

        Raises:
            Invalid: the numbers are out of their bounds.
        """
        errors: list[FieldError] = []
        for number in (self._page, self._size):
            try:
                number()
            except Invalid as error:
                errors += error.errors
        cursor = self.query("cursor")
        if cursor is not None and not is_cursor(cursor):
            errors.append(FieldError("cursor", "is not the `nextCursor` of an answer"))
        if not errors and self._page() * self._size() > MAX_OFFSET:
            errors.append(FieldError("page", f"goes to {MAX_OFFSET:,} items; use `cursor` to go on"))
        if errors:
            raise Invalid(errors=tuple(errors))
        return Part(cursor=cursor, offset=self._page() * self._size(), limit=self._size() + more)

    def listed(
        self, records: list[Any], present: Callable[[Any], Mapping[str, Any]], last: Callable[[Any], str]
    ) -> Wire:
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

    def found(self, found: Found[Any], present: Callable[[Any], Mapping[str, Any]], last: Callable[[Any], str]) -> Wire:
        """The answer to a find: `last` gives the id of an item. It may say that it is not complete."""
        answer = self.listed(found.records, present, last)
        if answer["nextCursor"] is None:
            answer["nextCursor"] = found.go_on
            if found.incomplete:
                answer["incomplete"] = True
        return answer

    def wait(self) -> float:
        """How long the caller would wait (`Prefer: wait=…`, RFC 7240), in seconds; what is granted is answered."""
        asked = self.header(b"prefer")
        match = _WAIT.search(asked) if asked else None
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
        """Whether the caller is still there, and their key valid, watched while something waits on their behalf.

        Raises:
            Unauthorized, AccountDisabled: it has become invalid since it was looked at.
        """
        presence = Presence()
        if wait <= 0:
            yield presence
            return
        watch = asyncio.create_task(self._watch(presence))
        keys = self.platform.keys
        try:
            with keys.attended(self.caller, presence):
                await keys.caller(self._key())
                yield presence
        finally:
            watch.cancel()

    async def authenticate(self, roles: Collection[Role]) -> None:
        """Find out who calls, and whether this is for them.

        Raises:
            Unauthorized: nobody that is known.
            RoleNeeded: the role of the key is none of these.
            AccountDisabled: their account is.
            RateLimited: they ask too often.
        """
        again = self._caller is not None  # who follows events is asked for again and again: that is one request
        self._caller = caller = await self.platform.keys.caller(self._key())
        if caller.rate is not None and not again:
            self._count(caller.key_id, caller.rate)
        if caller.role not in roles:
            raise RoleNeeded(f"This needs a key with the role {_either(roles)}; this one has the role {caller.role}.")

    def _key(self) -> str:
        """The key that was sent.

        Raises:
            Unauthorized: there is none.
        """
        key = self.header(b"x-api-key")
        if not key:
            scheme, _, token = self.header(b"authorization").partition(" ")
            key = token.strip() if scheme.lower() == "bearer" else ""
        if not key:
            raise Unauthorized
        return key

    def _count(self, key_id: str, rate: Rate) -> None:
        """Count this request of a key that has a limit; the answer says what is left (draft-ietf-httpapi-ratelimit)."""
        now = self.platform.clock()
        bucket = self.platform.rates.bucket(key_id, rate, now)
        try:
            room = bucket.take(now)
        except RateLimited:
            room = bucket.room(now)
            raise
        finally:
            self.answer_headers += [
                (b"ratelimit-policy", b'"key";q=%d;w=%d' % (rate.count, rate.window_ms // 1_000)),
                (b"ratelimit", b'"key";r=%d;t=%d' % (room.remaining, room.full_s)),
            ]

    async def read_body(self) -> None:
        """Read the body.

        Raises:
            TooLarge: it has more than 10 MiB.
        """
        if (self.announced or 0) > MAX_BODY_BYTES:
            raise _too_large()
        pieces: list[bytes] = []
        size, more = 0, True
        while more:
            piece, more = await self._piece()
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BODY_BYTES:
                raise _too_large()
        self.raw = b"".join(pieces)

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
            piece, more = await self._piece()
            yield piece

    async def _piece(self) -> tuple[bytes, bool]:
        """The next piece of the body, and whether there is more of it."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        return message.get("body", b""), message.get("more_body", False)

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
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise Invalid(errors=(FieldError(name, f"expected a whole number from {least} to {most}"),))
        return int(text)


def _either(roles: Collection[Role]) -> str:
    """Roles, the least of them first.

    >>> _either({"admin", "operator"})
    'operator or admin'
    """
    return " or ".join(role for role in reversed(get_args(Role)) if role in roles)


def _too_large() -> TooLarge:
    return TooLarge(f"The body has more than {MAX_BODY_BYTES} bytes.")


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers by name; the lines of one name as one, as HTTP has it (RFC 9110, 5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found
