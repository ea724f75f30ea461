"""A receiver of webhooks: a real HTTP server in a thread, which checks each signature as Standard Webhooks says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

SECRET = "whsec_" + base64.b64encode(b"0123456789" * 4).decode()


class Received(NamedTuple):
    """One request: its headers and its body."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """Checked without a line of ours."""
        signed = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        ours = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return ours in self.headers["webhook-signature"].split(" ")


class Receiver:
    """What has come is in `received`, in its order; `answer` gives the status, and headers if there are any."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.received: queue.Queue[Received] = queue.Queue()
        self.answer: Callable[[Received], tuple[int, dict[str, str]]] = lambda _: (204, {})

    def next(self) -> Received:
        """What comes next; it comes, or the test fails."""
        return self.received.get(timeout=60)

    def answers(self, *statuses: int, **headers: str) -> None:
        """Answer with these, one after the other, and then with 204."""
        left = list(statuses)
        self.answer = lambda _: (left.pop(0) if left else 204, headers)


@contextmanager
def receiver(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            status, headers = here.answer(got)
            here.received.put(got)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    here = Receiver(f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
