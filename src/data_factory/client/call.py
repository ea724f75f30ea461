"""A call of the HTTP API as a value: what to send, and the type of the answer. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec import UNSET

from data_factory.client.transfer import Download, Upload

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

PREFIX: Final = "/v1/data_factory"
DEFAULT_SIZE: Final = 10

Repeat = Literal["always", "keyed", "unsent"]
"""When a call that got no good answer may be sent again: `always` (it is idempotent), `keyed` (it carries an
`Idempotency-Key`, so wherever the server knows that header), or `unsent` (only if the server cannot have acted)."""


class Call(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One request and the type of its answer.

    `wait` is for how many seconds the server may hold the answer back. An `upload` is sent in the place of a `body`;
    what a `download` takes is not in the answer.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    result: type[T]
    params: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: Any = UNSET
    wait: float = 0
    repeat: Repeat = "always"
    upload: Upload | None = None
    download: Download | None = None

    def __iter__(self) -> Generator[Call[Any], Any, T]:
        """A call is the shortest plan: itself, and its answer is the result."""
        result: T = yield self
        return result


class Plan(Protocol[T_co]):
    """Calls, one after the other, that lead to one result: a `Call`, or a generator that yields calls.

    What `yield from call` gives is the call's answer, typed; an `ApiError` is raised at the same place.
    """

    def __iter__(self) -> Generator[Call[Any], Any, T_co]: ...


class Reply(msgspec.Struct, frozen=True):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Lost(msgspec.Struct, frozen=True):
    """No answer came. `sent` false says that the server cannot have acted on the request."""

    sent: bool
    reason: str


class Listing(msgspec.Struct, Generic[T], frozen=True, kw_only=True, rename="camel"):
    """One page of a list. `next_cursor` is UNSET where the server does not know cursors, None at the end."""

    data: tuple[T, ...]
    next_cursor: str | None | msgspec.UnsetType = UNSET


class Pages(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A list to be read page by page: by cursor where the server gives one, else by page number. With a `body`, what it
    asks for is read of it."""

    path: str
    result: type[Listing[T]]
    params: dict[str, str] = {}
    size: int = 100
    body: Any = UNSET

    def first(self) -> Call[Listing[T]]:
        """The call of the first page."""
        return self._call({})

    def after(self, call: Call[Listing[T]], listing: Listing[T]) -> Call[Listing[T]] | None:
        """The call of the page after `listing`, which answered `call`; None at the end.

        A server without cursors may give smaller pages than were asked for, though none smaller than the default
        size: a page below that is its last.
        """
        if listing.next_cursor is None:
            return None
        if listing.next_cursor is not UNSET:
            return self._call({"cursor": listing.next_cursor})
        if len(listing.data) < min(self.size, DEFAULT_SIZE):
            return None
        return self._call({"page": str(int(call.params.get("page", "0")) + 1)})

    def _call(self, position: dict[str, str]) -> Call[Listing[T]]:
        params = {**self.params, "size": str(self.size), **position}
        method: Literal["GET", "POST"] = "GET" if self.body is UNSET else "POST"
        return Call(method=method, path=self.path, params=params, body=self.body, result=self.result)


Steps = Generator[Call[Any], Any, T]
"""A generator that yields calls and returns a `T`: the way to write a `Plan` of more than one call."""
