"""HTTP/1.1 as uvicorn and httptools read it, with a limit to what a client can make the server remember; an answer is
written in one go."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 * 1024


class InOneGo:
    """A transport that sends the head of an answer together with what follows it: to write to a socket is one of the
    dearest parts of a short answer. A head that nothing follows is sent by the next turn of the loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self._sending: asyncio.Handle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send these bytes, after all that came before."""
        if self._sending is not None:
            self._transport.write(self._taken() + data)
        elif data.startswith(b"HTTP/1.1 "):
            self._head = data
            self._sending = self._loop.call_soon(self._send)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close it once everything is sent."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._sending is not None:
            self._transport.write(self._taken())

    def _taken(self) -> bytes:
        if self._sending is not None:
            self._sending.cancel()
        self._sending, head, self._head = None, self._head, b""
        return head


class BoundedHttp(HttpToolsProtocol):
    """Refuses a request whose first line and headers do not come to an end.

    The parser keeps them until they do, and has no limit of its own: without one, whoever can connect could fill the
    memory, with no key at all.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head_bytes = 0
        self._requests = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(cast(asyncio.Transport, InOneGo(transport, self.loop)))

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or of several."""
        requests = self._requests
        super().data_received(data)
        if self._in_head and requests == self._requests:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(f"The request line and the headers have more than {MAX_HEAD_BYTES} bytes.")

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete; what comes now is the head of the next."""
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = 0
        self._requests += 1
