"""HTTP/1.1 as uvicorn and httptools read it, with a limit to what a client can make the server remember."""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 * 1024


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
