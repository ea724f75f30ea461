"""A client that speaks HTTP by hand: it can be slow, lie, and go away in the middle."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any

from tests.running import KEY, Server


class Wire:
    """One connection.

    with Wire(server) as wire:
        wire.send("GET", "/tasks")
        assert wire.answer()[0] == 200
    """

    def __init__(self, server: Server, timeout: float = 20) -> None:
        host, _, port = server.address.removeprefix("http://").rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout)
        self._file = self.socket.makefile("rb")

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self, method: str, path: str, **headers: str) -> bytes:
        """The first part of a request, up to the empty line."""
        lines = [f"{method} /v1/data_factory{path} HTTP/1.1", "Host: x", f"X-Api-Key: {KEY}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> None:
        if body is None:
            self.raw(self.head(method, path, **headers))
        else:
            text = json.dumps(body).encode()
            self.raw(self.head(method, path, Content_Length=str(len(text)), **headers) + text)

    def answer(self) -> tuple[int, dict[str, str], Any]:
        """The next answer: status, headers, body as JSON (or text)."""
        first = self._file.readline().decode()
        assert first, "the server closed the connection"
        headers: dict[str, str] = {}
        while line := self._file.readline().strip().decode("latin-1"):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = self._file.read(int(headers.get("content-length", "0")))
        return int(first.split()[1]), headers, json.loads(body) if "json" in headers.get("content-type", "") else body

    def closed(self) -> bool:
        """Whether the server closes the connection; waits for it."""
        try:
            self._file.read()
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True

    def leave(self) -> None:
        """Go away; what was sent is still read by the server."""
        self._file.close()
        self.socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()


@contextmanager
def wires(server: Server, count: int) -> Iterator[list[Wire]]:
    """Many connections."""
    with ExitStack() as stack:
        yield [stack.enter_context(Wire(server)) for _ in range(count)]
