"""The API key as a parameter of the query string, as the hosted platform takes it: only where a server is told to.

An address is written down where a header is not: by proxies, in histories. Here nothing is: the key is taken out of the
address before anything else sees it, and is a header from then on.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus

from starlette.types import ASGIApp, Receive, Scope, Send

NAMES: Final = ("api_key", "apiKey", "X-Api-Key")
"""What the parameter may be called: the hosted platform does not document its name."""


class KeyInQuery:
    """An application whose callers may give their key in the query string. One in a header comes before it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(_with_header(scope) if scope.get("query_string") else scope, receive, send)


def _with_header(scope: Scope) -> Scope:
    """A request with its key in a header and nowhere else."""
    keys: list[bytes] = []
    rest: list[bytes] = []
    for part in scope["query_string"].split(b"&"):
        name, _, value = part.decode("latin-1").partition("=")
        if unquote_plus(name) in NAMES:
            keys.append(unquote_plus(value).encode())
        else:
            rest.append(part)
    if not keys:
        return scope
    headers = [*scope["headers"]]
    if not {b"x-api-key", b"authorization"} & {name for name, _ in headers}:
        headers.append((b"x-api-key", keys[0]))
    return {**scope, "headers": headers, "query_string": b"&".join(rest)}
