"""How an endpoint is written: a function, and what it takes and gives, from which OpenAPI is made too.

@routes.post("/job_executions", body=LaunchRequest, answer=JobExecution, status=201)
async def launch(call: Call, body: LaunchRequest) -> Wire: ...
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from data_factory.api.bodies import Misfit, convert, encode, read_json
from data_factory.api.content import Content
from data_factory.api.presenting import Wire
from data_factory.api.problems import Headers, InternalError, MethodNotAllowed, problem
from data_factory.model.errors import (
    DataFactoryError,
    FieldError,
    Invalid,
    OutcomeUnknown,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from data_factory.model.ids import CURSOR_PATTERN, is_cursor
from data_factory.service.commands import IdempotencyKey
from data_factory.service.keys import Caller
from data_factory.service.paging import MAX_PAGE_BYTES, Part
from data_factory.service.platform import Platform
from data_factory.service.waiting_room import Presence

log = logging.getLogger(__name__)

PREFIX: Final = "/v1/data_factory"
MAX_BODY_BYTES: Final = 10 * 1024 * 1024
MAX_WAIT_S: Final = 60
MAX_SIZE: Final = 100
MAX_OFFSET: Final = 10_000

Handler = Callable[..., Awaitable[Wire | Content]]

_WAIT: Final = re.compile(r"(?i)(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})\b")
_JSON: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")
"""An answer is for who asked, and for now: a cache that gave a poll's answer twice would give its work twice."""
_encoder: Final = msgspec.json.Encoder()


class Query(msgspec.Struct, frozen=True):
    """A parameter of the query string, for the documentation."""

    name: str
    description: str
    schema: Wire = msgspec.field(default_factory=lambda: {"type": "string"})


PAGING: Final = (
    Query(
        "page",
        "Which page, from 0. Only for the first 10,000 of a list: `cursor` goes on from anywhere.",
        {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
    ),
    Query("size", "How many on a page.", {"type": "integer", "minimum": 1, "maximum": MAX_SIZE, "default": 10}),
    Query(
        "cursor",
        "Go on after this: the `nextCursor` of the answer before.",
        {"type": "string", "pattern": CURSOR_PATTERN},
    ),
)


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


class Disconnected(Exception):
    """The caller went away before the request was read: there is nobody to answer."""


class Endpoint(msgspec.Struct, frozen=True):
    """A method of a path: what it does, takes and gives.

    With `takes`, a GET hands something out: it has no HEAD. With `uploads`, the handler reads the body itself: a form
    with a part `file`. `refuse` says all that is wrong with a body that does not
    fit, where more can be said than that.
    """

    method: str
    path: str
    handler: Handler
    answer: Any
    body: type[Any] | None = None
    body_optional: bool = False
    echoes: frozenset[str] = frozenset()
    status: int = 200
    query: tuple[Query, ...] = ()
    errors: tuple[type[DataFactoryError], ...] = ()
    waits: bool = False
    takes: bool = False
    idempotent: bool = False
    uploads: bool = False
    refuse: Callable[[Call, Misfit], Awaitable[DataFactoryError]] | None = None

    @property
    def makes(self) -> bool:
        """Whether it makes something new."""
        return self.method == "POST" and self.status == HTTPStatus.CREATED

    def makes_another(self, call: Call) -> bool:
        """Whether to send a request again that was carried out would make the same thing a second time."""
        return self.makes and not (self.idempotent and call.header(b"idempotency-key"))

    async def answer_to(self, call: Call) -> bytes | Content:
        """Call the handler, with the body if there is one."""
        await call.authenticate()
        if self.method != "GET" and not self.uploads:
            await call.read_body()
        if self.body is None:
            answer = await self.handler(call)
            return answer if isinstance(answer, Content) else _encoder.encode(answer)
        if not call.raw and self.body_optional:
            return _encoder.encode(await self.handler(call, self.body()))
        value = read_json(call.raw)
        if self.echoes and isinstance(value, dict):
            if value.get("id", call.path["id"]) != call.path["id"]:
                raise Invalid(errors=(FieldError("id", "is not the id of the path"),))
            value = {name: member for name, member in value.items() if name not in self.echoes}
        try:
            body = convert(value, self.body, len(call.raw))
        except Misfit as misfit:
            if self.refuse is None:
                raise
            raise await self.refuse(call, misfit) from None
        return _encoder.encode(await self.handler(call, body))


class Routes:
    """The endpoints of one resource."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.endpoints: list[Endpoint] = []

    def get(self, path: str, **about: Any) -> Callable[[Handler], Handler]:
        """An endpoint that reads."""
        return self._add("GET", path, about)

    def post(self, path: str, **about: Any) -> Callable[[Handler], Handler]:
        """An endpoint that makes something."""
        return self._add("POST", path, about)

    def put(self, path: str, **about: Any) -> Callable[[Handler], Handler]:
        """An endpoint that replaces something."""
        return self._add("PUT", path, about)

    def patch(self, path: str, **about: Any) -> Callable[[Handler], Handler]:
        """An endpoint that changes a part of something."""
        return self._add("PATCH", path, about)

    def delete(self, path: str, **about: Any) -> Callable[[Handler], Handler]:
        """An endpoint that removes something."""
        return self._add("DELETE", path, about)

    def _add(self, method: str, path: str, about: dict[str, Any]) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            self.endpoints.append(Endpoint(method=method, path=PREFIX + path, handler=handler, **about))
            return handler

        return add


class Resource:
    """All methods of one path."""

    def __init__(self, platform: Platform, endpoints: Mapping[str, Endpoint]) -> None:
        self._platform = platform
        looking = {"HEAD": get} if (get := endpoints.get("GET")) and not get.takes else {}
        self._endpoints = {**endpoints, **looking}

    async def answer(self, scope: Scope, receive: Receive, send: Send, path: Mapping[str, str]) -> None:
        """Answer one request; `path` has the parameters of its path."""
        endpoint = self._endpoints.get(scope["method"])
        call = Call(scope, receive, self._platform, path)
        try:
            if endpoint is None:
                call.answer_headers.append((b"allow", ", ".join(self._endpoints).encode()))
                raise MethodNotAllowed(f"{call.method} is not available here.")
            body = await endpoint.answer_to(call)
            status, headers = endpoint.status, [*call.answer_headers]
            if not isinstance(body, Content):
                headers.append(_JSON)
        except Disconnected:
            return
        except asyncio.CancelledError:  # the server stops, and has waited long enough for the rest of the request
            status, headers, body = problem(Unavailable("The platform is stopping: try again."), call.header(b"accept"))
        except DataFactoryError as error:
            if isinstance(error, OutcomeUnknown) and endpoint is not None and not endpoint.makes_another(call):
                error = Unavailable("It is not known yet whether this was done: send it again, it is not done twice.")
            status, headers, body = problem(error, call.header(b"accept"))
            headers += call.answer_headers
        except Exception:
            log.exception("%s %s failed", call.method, call.url)
            status, headers, body = problem(InternalError(), call.header(b"accept"))
        if isinstance(body, Content):
            await body.send(send, headers, call.method)
        else:
            await respond(send, status, headers, body)


class Router:
    """Finds the resource of a path: in a tree of its segments, a look-up each, however many resources there are.

    It stands before Starlette, which has the pages: on the way of a request to a job, each microsecond counts.
    """

    def __init__(self, platform: Platform, resources: Iterable[Routes], otherwise: ASGIApp) -> None:
        self._otherwise = otherwise
        self._root = _Segment()
        by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in (endpoint for routes in resources for endpoint in routes.endpoints):
            by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
        for path, methods in by_path.items():
            segment = self._root
            for name in path.split("/"):
                segment = segment.make(name)
            segment.resource = Resource(platform, methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        parameters: dict[str, str] = {}
        resource = self._find(scope["path"], parameters) if scope["type"] == "http" else None
        if resource is None:
            await self._otherwise(scope, receive, send)
        else:
            await resource.answer(scope, receive, send, parameters)

    def _find(self, path: str, parameters: dict[str, str]) -> Resource | None:
        segment = self._root
        for name in path.split("/"):
            following = segment.find(name, parameters)
            if following is None:
                return None
            segment = following
        return segment.resource


class _Segment:
    """A part of a path between two slashes, and what may follow it."""

    def __init__(self) -> None:
        self.resource: Resource | None = None
        self._fixed: dict[str, _Segment] = {}
        self._any: _Segment | None = None
        self._parameter = ""

    def make(self, name: str) -> _Segment:
        """What follows, for a path as an endpoint has it."""
        if not name.startswith("{"):
            return self._fixed.setdefault(name, _Segment())
        self._parameter = name.strip("{}")
        self._any = self._any or _Segment()
        return self._any

    def find(self, name: str, parameters: dict[str, str]) -> _Segment | None:
        """What follows, for a path as a request has it; a parameter is noted."""
        found = self._fixed.get(name)
        if found is None and name and self._any is not None:
            parameters[self._parameter] = name
            return self._any
        return found


async def respond(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send an answer."""
    headers += [_NO_STORE, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def describe(status: int) -> str:
    """A status in words."""
    return HTTPStatus(status).phrase


__all__ = ["PAGING", "Call", "Endpoint", "Query", "Router", "Routes", "encode", "respond"]
