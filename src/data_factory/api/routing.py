"""How an endpoint is written: a function, and what it takes and gives, from which OpenAPI is made too.

@routes.post("/job_executions", body=LaunchRequest, answer=JobExecution, status=201)
async def launch(call: Call, body: LaunchRequest) -> Wire: ...
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from data_factory.api.access import roles_for
from data_factory.api.bodies import Misfit, convert, read_definition, read_json
from data_factory.api.call import MAX_OFFSET, MAX_SIZE, Call, Disconnected
from data_factory.api.content import Content
from data_factory.api.presenting import Wire
from data_factory.api.problems import Headers, InternalError, MethodNotAllowed, problem
from data_factory.api.request_ids import HEADER, RequestIds
from data_factory.model.errors import (
    DataFactoryError,
    FieldError,
    Invalid,
    OutcomeUnknown,
    Unavailable,
)
from data_factory.model.ids import CURSOR_PATTERN
from data_factory.model.status import Role
from data_factory.service.platform import Platform

log = logging.getLogger(__name__)

PREFIX: Final = "/v1/data_factory"

Handler = Callable[..., Awaitable[Wire | Content]]

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


class Endpoint(msgspec.Struct, frozen=True):
    """A method of a path: what it does, takes and gives.

    With `takes`, a GET hands something out: it has no HEAD. With `uploads`, the handler reads the body itself: a form
    with a part `file`. With `by_hand`, the body is what people write, and may have no member twice. `refuse` says all
    that is wrong with a body that does not fit, where more can be said than that. `roles` are those of the API keys
    that it is for. With `streams`, the answer is a stream of server-sent events, of which this is an example.
    """

    method: str
    path: str
    handler: Handler
    answer: Any
    body: type[Any] | None = None
    body_optional: bool = False
    by_hand: bool = False
    echoes: frozenset[str] = frozenset()
    status: int = 200
    query: tuple[Query, ...] = ()
    errors: tuple[type[DataFactoryError], ...] = ()
    waits: bool = False
    takes: bool = False
    idempotent: bool = False
    uploads: bool = False
    streams: str = ""
    refuse: Callable[[Call, Misfit], Awaitable[DataFactoryError]] | None = None
    roles: frozenset[Role] = frozenset()

    @property
    def makes(self) -> bool:
        """Whether it makes something new."""
        return self.method == "POST" and self.status == HTTPStatus.CREATED

    def makes_another(self, call: Call) -> bool:
        """Whether to send a request again that was carried out would make the same thing a second time."""
        return self.makes and not (self.idempotent and call.header(b"idempotency-key"))

    async def answer_to(self, call: Call) -> bytes | Content:
        """Call the handler, with the body if there is one."""
        await call.authenticate(self.roles)
        if call.has_query:
            call.refuse_unknown([one.name for one in self.query])
        if self.method != "GET" and not self.uploads:
            await call.read_body()
        if self.body is None:
            answer = await self.handler(call)
            return answer if isinstance(answer, Content) else _encoder.encode(answer)
        if not call.raw and self.body_optional:
            return _encoder.encode(await self.handler(call, self.body()))
        value = read_definition(call.raw) if self.by_hand else read_json(call.raw)
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
            roles = roles_for(method, PREFIX + path)
            self.endpoints.append(Endpoint(method=method, path=PREFIX + path, handler=handler, roles=roles, **about))
            return handler

        return add


class Resource:
    """All methods of one path."""

    def __init__(self, platform: Platform, endpoints: Mapping[str, Endpoint], ids: RequestIds) -> None:
        self._platform = platform
        self._ids = ids
        looking = {"HEAD": get} if (get := endpoints.get("GET")) and not get.takes else {}
        self._endpoints = {**endpoints, **looking}

    async def answer(self, scope: Scope, receive: Receive, send: Send, path: Mapping[str, str]) -> None:
        """Answer one request; `path` has the parameters of its path."""
        endpoint = self._endpoints.get(scope["method"])
        call = Call(scope, receive, self._platform, path)
        call.id = self._ids.of(call.headers.get(HEADER, b""))
        call.answer_headers.append((HEADER, call.id))
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
            status, headers, body = self._refuse(call, Unavailable("The platform is stopping: try again."))
        except DataFactoryError as error:
            if isinstance(error, OutcomeUnknown) and endpoint is not None and not endpoint.makes_another(call):
                error = Unavailable("It is not known yet whether this was done: send it again, it is not done twice.")
            status, headers, body = self._refuse(call, error)
        except Exception:
            log.exception("%s %s failed (request %s)", call.method, call.url, call.id.decode())
            status, headers, body = self._refuse(call, InternalError())
        if isinstance(body, Content):
            await body.send(send, headers, call.method)
        else:
            await respond(send, status, headers, body)

    def _refuse(self, call: Call, error: DataFactoryError) -> tuple[int, Headers, bytes]:
        status, headers, body = problem(error, call.header(b"accept"), call.id)
        return status, headers + call.answer_headers, body


class Router:
    """Finds the resource of a path: in a tree of its segments, a look-up each, however many resources there are.

    It stands before Starlette, which has the pages: on the way of a request to a job, each microsecond counts.
    """

    def __init__(self, platform: Platform, resources: Iterable[Routes], otherwise: ASGIApp) -> None:
        self._otherwise = otherwise
        self._root = _Segment()
        self.ids = RequestIds()
        by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in (endpoint for routes in resources for endpoint in routes.endpoints):
            by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
        for path, methods in by_path.items():
            segment = self._root
            for name in path.split("/"):
                segment = segment.make(name)
            segment.resource = Resource(platform, methods, self.ids)

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
