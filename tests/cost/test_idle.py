"""Nothing is done while nothing happens."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from tests.running import KEY, Server, running_server, until

STRETCH_S = 1.0
"""In so long a stretch, whoever looks from time to time whether there is something to do has looked."""


def test_a_server_with_nothing_to_do_is_not_woken(tmp_path: Path) -> None:
    """None of its threads is: one that sleeps has gone to sleep by itself. A long poll that waits changes nothing."""
    with running_server(tmp_path) as server, server.client() as client:
        task = client.post("/tasks", json={"key": "work"}).raise_for_status().json()
        with socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2]))) as waiting:
            path = f"/v1/data_factory/tasks/{task['id']}/poll"
            waiting.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\nPrefer: wait=60\r\n\r\n".encode())
            until(lambda: _sleeps_through(server), "a stretch in which the server is not woken", seconds=15)


def _sleeps_through(server: Server) -> bool:
    before = _times_asleep(server.process.pid)
    time.sleep(STRETCH_S)
    return _times_asleep(server.process.pid) == before


def _times_asleep(pid: int) -> dict[str, int]:
    """How often each thread of a process has gone to sleep."""
    found = {}
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        found[status.parent.name] = int(fields["voluntary_ctxt_switches"])
    return found
