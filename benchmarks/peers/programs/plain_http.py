"""A bare HTTP/1.1 client of kept-alive connections, as the one that ours is measured with: the load costs little."""

from __future__ import annotations

import asyncio


class Http:
    """Requests to one server; as many connections as requests at a time."""

    def __init__(self, host: str, port: int, headers: str = "") -> None:
        self._host, self._port = host, port
        self._headers = f"Host: {host}:{port}\r\n{headers}"
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The body of the answer, which has to be a success."""
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection(self._host, self._port)
        kind = "Content-Type: application/json\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}{kind}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not answer.startswith(b"http/1.1 2"):
            raise RuntimeError(f"{method} {path} answered {answer.decode()}")
        length = int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        content = await reader.readexactly(length)
        self._free.append((reader, writer))
        return content
