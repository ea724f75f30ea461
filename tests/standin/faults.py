"""A proxy that breaks what passes through it, as it is told: cut connections, errors of servers and proxies."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Answer:
    """Answer this, and do not ask the server."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"<html>an error page of a proxy</html>"


@dataclass
class Cut:
    """Close the connection without an answer; `after` says whether the server was asked first."""

    after: bool


@dataclass
class Hold:
    """Keep the request, or the answer to it (`after`), until `release` is set; `reached` is set once it is there.

    `arrived` is set when the request has come, whichever of the two is kept. The answer is lost then, if it is to be
    `cut`.
    """

    after: bool = False
    cut: bool = False
    arrived: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        self.reached.set()
        self.release.wait(20)


Fault = Answer | Cut | Hold | None


class FaultProxy:
    """Passes requests on to `upstream`, but for those that a fault is planned for."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.seen: list[tuple[str, bytes]] = []
        self._plans: list[tuple[re.Pattern[str], deque[Fault]]] = []
        self._lock = threading.Lock()

    def plan(self, request: str, *faults: Fault) -> None:
        """The next requests of which `METHOD /path` matches get these faults, one each; None lets one pass."""
        self._plans.append((re.compile(request), deque(faults)))

    @property
    def done(self) -> bool:
        """Whether every fault that was planned has happened."""
        return not any(faults for _, faults in self._plans)

    def next_fault(self, request: str, body: bytes) -> Fault:
        with self._lock:
            self.seen.append((request, body))
            for pattern, faults in self._plans:
                if faults and pattern.search(request):
                    return faults.popleft()
        return None

    def requests(self, pattern: str) -> list[bytes]:
        """The bodies of the requests that came and match."""
        return [body for request, body in self.seen if re.search(pattern, request)]


@contextmanager
def faulty(upstream: str) -> Iterator[tuple[str, FaultProxy]]:
    """A proxy before `upstream`: its address, and the proxy to plan faults with."""
    proxy = FaultProxy(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size)
            if len(body) < size:
                # Whoever asked has gone in the middle of it.
                self.close_connection = True
                return
            fault = proxy.next_fault(f"{self.command} {self.path}", body)
            if isinstance(fault, Hold):
                fault.arrived.set()
            if isinstance(fault, Hold) and not fault.after:
                fault.wait()
            if isinstance(fault, Answer):
                self.answer(fault.status, fault.headers, fault.body)
                return
            if isinstance(fault, Cut) and not fault.after:
                self.close_connection = True
                return
            answer = self.forward(body)
            if isinstance(fault, Hold) and fault.after:
                fault.wait()
            if isinstance(fault, Cut) or (isinstance(fault, Hold) and fault.cut):
                self.close_connection = True
            else:
                self.answer(*answer)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.handle_any
            raise AttributeError(name)

        def forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = HTTPConnection(proxy.upstream.hostname or "", proxy.upstream.port, timeout=60)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                connection.request(self.command, self.path, body or None, headers)
                response = connection.getresponse()
                return response.status, dict(response.getheaders()), response.read()
            finally:
                connection.close()

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the tests say what matters."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
