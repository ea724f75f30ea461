"""Between our values and httpx: what a `Call` looks like as an HTTP request, and what an exception of httpx means."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import httpx
import msgspec

from data_factory.client.call import Call, Lost, Reply
from data_factory.client.settings import Settings

_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 30.0

_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def headers(settings: Settings, origin: str | None = None) -> dict[str, str]:
    """The headers of every request; `origin` is the way in by which what they ask for is said to be done."""
    known = {"Accept": "application/json, application/problem+json", "User-Agent": f"data-factory-python/{_version()}"}
    if origin is not None:
        known["Data-Factory-Origin"] = origin
    return known | ({"X-Api-Key": settings.token} if settings.token else {})


def trusted(settings: Settings) -> ssl.SSLContext | bool:
    """Whose certificates are trusted: over plain HTTP nobody's, so that no program waits until all of them are read."""
    return not settings.base_url.startswith("http:") or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@contextmanager
def request(call: Call[Any], base_url: str) -> Iterator[dict[str, Any]]:
    """The arguments with which httpx sends `call`, and what it sends is open meanwhile."""
    arguments = _arguments(call, base_url)
    if call.download is not None:
        arguments["headers"] = {
            **call.headers,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **call.download.headers(),
        }
    if call.upload is None:
        yield arguments
    else:
        with call.upload.opened() as content:
            yield {**arguments, "files": {"file": (call.upload.filename, content, call.upload.content_type)}}


def _arguments(call: Call[Any], base_url: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "method": call.method,
        "url": base_url + call.path,
        "headers": call.headers,
        "timeout": httpx.Timeout(_ANSWER_SECONDS + call.wait, connect=_CONNECT_SECONDS),
    }
    if call.params:
        arguments["params"] = call.params
    if call.body is not msgspec.UNSET:
        arguments["content"] = msgspec.json.encode(call.body)
        arguments["headers"] = {**call.headers, "Content-Type": "application/json"}
    return arguments


def reply(response: httpx.Response) -> Reply:
    """What was answered; the names of headers are in lower case."""
    return Reply(status=response.status_code, headers=dict(response.headers), body=response.content)


def taken(response: httpx.Response) -> Reply:
    """What stands for an answer whose content a download has taken."""
    return Reply(status=response.status_code, headers=dict(response.headers), body=b"null")


def lost(error: httpx.TransportError) -> Lost:
    """What is known of a request that got no answer."""
    reason = str(error) or type(error).__name__
    return Lost(sent=not isinstance(error, _UNSENT), reason=reason)


def _version() -> str:
    try:
        return version("data-factory")
    except PackageNotFoundError:
        return "dev"
