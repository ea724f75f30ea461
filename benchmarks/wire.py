"""A bare HTTP/1.1 client, so that the load costs little beside the server that is measured."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec


class Connection:
    """One kept-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, key: str) -> None:
        self._reader = reader
        self._writer = writer
        self._common = f"Host: {host}\r\nX-Api-Key: {key}\r\n"

    @classmethod
    async def open(cls, port: int, key: str) -> Connection:
        """Connect to a server on this machine."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(reader, writer, f"127.0.0.1:{port}", key)

    async def call(self, method: str, path: str, body: Any = None, *, wait: int | None = None) -> Any:
        """Send a request and read its JSON answer; an answer that is no success ends the benchmark."""
        status, answer = await self.answer(method, path, body, wait=wait)
        if status >= 300:
            raise RuntimeError(f"{method} {path} answered {status}: {answer}")
        return answer

    async def answer(self, method: str, path: str, body: Any = None, *, wait: int | None = None) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        payload = b"" if body is None else msgspec.json.encode(body)
        prefer = "" if wait is None else f"Prefer: wait={wait}\r\n"
        head = (
            f"{method} /v1/data_factory{path} HTTP/1.1\r\n{self._common}{prefer}Content-Length: {len(payload)}\r\n\r\n"
        )
        self._writer.write(head.encode() + payload)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return int(answer[9:12]), msgspec.json.decode(await self._reader.readexactly(length))

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
