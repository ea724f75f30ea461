"""The server that a command talks to: which one, with which key, and in plain words what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec

from data_factory.cli.credentials import LOOPBACK, key_of
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.parameters import Option
from data_factory.client.blocking import Client
from data_factory.client.call import Call, Listing, Pages
from data_factory.client.decoding import decode
from data_factory.client.errors import (
    ApiError,
    ConnectionFailed,
    NotUnderstood,
    RateLimited,
    ServerFailed,
    Unauthorized,
)
from data_factory.client.retry import RetryPolicy
from data_factory.client.settings import DEFAULT_BASE_URL, TOKEN_VARIABLE, ConfigurationError, Settings, load_settings

URL: Final = Option(f"The server. [else API_BASE_PATH, else {DEFAULT_BASE_URL}]", metavar="URL")

_RETRIES: Final = RetryPolicy(attempts=3, longest_pause=5)

T = TypeVar("T")


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """What the server answered: the resource, and the JSON that it was read from."""

    value: T
    json: bytes


class Connection:
    """A server, and a key that it may accept."""

    def __init__(self, client: Client, given_url: str | None) -> None:
        self.client = client
        self.url = client.base_url
        self._given_url = given_url

    def ask(self, call: Call[T]) -> Answer[T]:
        """Carry out a call of the API."""
        raw: Call[Any] = msgspec.structs.replace(call, result=msgspec.Raw)
        json = bytes(self.client.send(raw))
        try:
            return Answer(decode(json, call.result), json)
        except ValueError as error:
            raise NotUnderstood(f"{self.url} answered something that is not the API's: {error}") from error

    def read(self, pages: Pages[T]) -> Iterator[Answer[T]]:
        """A list, of which pages are read as they are needed."""
        call: Call[Listing[T]] | None = pages.first()
        while call is not None:
            page = self.ask(call)
            items = msgspec.json.decode(page.json, type=Listing[msgspec.Raw]).data
            for value, json in zip(page.value.data, items, strict=True):
                yield Answer(value, bytes(json))
            call = pages.after(call, page.value)

    def some(self, pages: Pages[T], limit: int) -> tuple[list[Answer[T]], bool]:
        """The first of a list, and whether there are more."""
        found = list(islice(self.read(msgspec.structs.replace(pages, size=min(limit + 1, 100))), limit + 1))
        return found[:limit], len(found) > limit

    def command(self, words: str) -> str:
        """A command to try next, which reaches the same server."""
        return f"data-factory {words}" + (f" --url {self._given_url}" if self._given_url else "")


@contextmanager
def connected(url: str | None) -> Iterator[Connection]:
    """A connection for the length of a command, which ends with a clear sentence if the server refuses something."""
    try:
        settings = load_settings(url)
    except ConfigurationError as error:
        raise Stop(ExitCode.USAGE, error.message) from error
    token = settings.token or key_of(settings.base_url)
    with Client(settings.base_url, token, retries=_RETRIES, origin="CLI") as client:
        try:
            if token is None:
                client.health()  # that no server answers would be the better answer
                raise _no_key(client.base_url)
            yield Connection(client, url)
        except ApiError as error:
            raise _explained(error, settings) from error


def _no_key(url: str) -> Stop:
    where = "in the environment or in a file .env here"
    return Stop(ExitCode.UNREACHABLE, f"No API key for {url}: set {TOKEN_VARIABLE}, {where}.")


def _explained(error: ApiError, settings: Settings) -> Stop:
    url = settings.base_url
    match error:
        case ConnectionFailed(sent=False):
            hint = f": start one with `{_start_command(url)}`" if _is_here(url) else f" ({error.message})"
            return Stop(ExitCode.UNREACHABLE, f"No server answers at {url}{hint}.")
        case Unauthorized():
            source = TOKEN_VARIABLE if settings.token else "the key that was kept when a server of yours last ran there"
            return Stop(ExitCode.UNREACHABLE, f"{url} does not accept the API key ({source}): {error.message}")
        case ServerFailed(request_id=str(id)):
            return Stop(ExitCode.UNREACHABLE, error.message, [f"The server calls this request {id}."])
        case ConnectionFailed() | NotUnderstood() | RateLimited() | ServerFailed():
            return Stop(ExitCode.UNREACHABLE, error.message)
        case _ if error.errors:
            return Stop(ExitCode.USAGE, "The server does not accept this:", field_errors(error))
        case _:
            return Stop(ExitCode.USAGE, error.message)


def field_errors(error: ApiError) -> list[str]:
    """Everything that is wrong with what was sent, each with its path."""
    return [f"{wrong.path}: {wrong.message}" if wrong.path else wrong.message for wrong in error.errors]


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK


def _start_command(url: str) -> str:
    port = urlsplit(url).port
    return "data-factory server" + (f" --port {port}" if port not in (None, 8080) else "")
