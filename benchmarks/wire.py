"""A bare HTTP/1.1 client, so that the load costs little beside the server that is measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec

from benchmarks.server import Server

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Connection(asyncio.Protocol):
    """One kept-alive connection; one request at a time."""

    def __init__(self, host: str, key: str) -> None:
        self._common = f"Host: {host}\r\nX-Api-Key: {key}\r\n"
        self._received = b""
        self._answer: asyncio.Future[tuple[int, Any]] | None = None
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, port: int, key: str) -> Connection:
        """Connect to a server on this machine."""
        host = f"127.0.0.1:{port}"
        _, connection = await asyncio.get_running_loop().create_connection(lambda: cls(host, key), "127.0.0.1", port)
        return connection

    async def call(self, method: str, path: str, body: Any = None, *, wait: int | None = None) -> Any:
        """Send a request and read its JSON answer; an answer that is no success ends the benchmark."""
        status, answer = await self.answer(method, path, body, wait=wait)
        if status >= 300:
            raise RuntimeError(f"{method} {path} answered {status}: {answer}")
        return answer

    async def answer(self, method: str, path: str, body: Any = None, *, wait: int | None = None) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        assert self._transport is not None and self._answer is None, "one request at a time"
        payload = b"" if body is None else _encode(body)
        prefer = "" if wait is None else f"Prefer: wait={wait}\r\n"
        head = f"{method} /v1/data_factory{path} HTTP/1.1\r\n{self._common}{prefer}"
        self._transport.write(f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
        self._answer = self._loop.create_future()
        try:
            return await self._answer
        finally:
            self._answer = None

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(rest) >= length and self._answer is not None and not self._answer.done():
            self._received = rest[length:]
            self._answer.set_result((int(head[9:12]), _decode(rest[:length])))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the server hung up"))


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Connection]:
    """A connection to a server."""
    async with all_connected([server]) as (connection,):
        yield connection


@asynccontextmanager
async def all_connected(servers: Sequence[Server]) -> AsyncIterator[list[Connection]]:
    """A connection to each of these servers, of which one may be named often."""
    connections: list[Connection] = []
    try:
        for server in servers:
            connections.append(await Connection.open(server.port, server.key))  # noqa: PERF401 - all are closed
        yield connections
    finally:
        for connection in connections:
            connection.close()
