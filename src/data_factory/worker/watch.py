"""A port on which a worker tells how it is: `/healthz` and `/metrics`. In its event loop: one that is stuck does not
answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from data_factory.worker.errors import UsageError
from data_factory.worker.vitals import Vitals

_LONGEST_REQUEST: Final = 8_192
_SECONDS: Final = 5.0
_REASONS: Final = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


@asynccontextmanager
async def watched(vitals: Vitals, port: int | None, host: str = "0.0.0.0") -> AsyncIterator[int | None]:  # noqa: S104
    """Listen on a port (0 is any free one) for as long as the block runs; gives the port. Without one, nothing."""
    if port is None:
        yield None
        return
    connections: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            connections.add(task)
            task.add_done_callback(connections.discard)
        try:
            async with asyncio.timeout(_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer(request, vitals))
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Whoever asked has gone, or asks for something else than this.
            return
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=_LONGEST_REQUEST)
    except OSError as error:
        raise UsageError(f"cannot listen on the port {port} for /healthz: {error.strerror or error}") from error
    async with server:
        yield server.sockets[0].getsockname()[1]
        for connection in connections:
            connection.cancel()


def _answer(request: bytes, vitals: Vitals) -> bytes:
    method, _, rest = request.partition(b" ")
    path = rest.split(b" ", 1)[0].split(b"?", 1)[0]
    kind = "text/plain; charset=utf-8"
    if method not in (b"GET", b"HEAD"):
        status, body = 405, "only GET\n"
    elif path == b"/healthz":
        status, body = (200 if vitals.healthy else 503), f"{vitals.why}\n"
    elif path == b"/metrics":
        status, body, kind = 200, vitals.metrics(), "text/plain; version=0.0.4; charset=utf-8"
    else:
        status, body = 404, "there are /healthz and /metrics\n"
    content = body.encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == b"HEAD" else content)
