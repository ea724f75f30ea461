"""A real server in a process of its own, and what that process has used."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.postgresql import PostgresServer

TICKS = os.sysconf("SC_CLK_TCK")


class Used(msgspec.Struct, frozen=True):
    """What a process has used so far: CPU seconds, memory, and calls that read or wrote."""

    cpu_s: float
    rss_mb: float
    io_calls: int

    def since(self, before: Used) -> Used:
        """The difference; memory as it is."""
        return Used(self.cpu_s - before.cpu_s, self.rss_mb, self.io_calls - before.io_calls)


class Server(msgspec.Struct, frozen=True):
    """A running server."""

    pid: int
    port: int
    key: str
    directory: Path

    def used(self) -> Used:
        """What it has used since it started."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        status = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        io = dict(line.split(": ") for line in Path(f"/proc/{self.pid}/io").read_text().splitlines())
        return Used(
            cpu_s=(int(stat[11]) + int(stat[12])) / TICKS,
            rss_mb=int(status["VmRSS"].split()[0]) / 1024,
            io_calls=int(io["syscr"]) + int(io["syscw"]),
        )


class Place(msgspec.Struct, frozen=True):
    """Where a benchmark keeps its data: in folders below `where`, on a real disk, or in a PostgreSQL there."""

    where: Path
    postgres: PostgresServer | None = None

    @contextlib.contextmanager
    def server(self) -> Iterator[Server]:
        """A server with nothing in it."""
        if self.postgres is None:
            with running_server(self.where) as server:
                yield server
        else:
            name = f"bench_{secrets.token_hex(4)}"
            self.postgres.sql(f"CREATE DATABASE {name} TEMPLATE template0")
            with running_server(self.where, "--database", f"{self.postgres.url}/{name}") as server:
                yield server
            self.postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def running_server(where: Path, *arguments: str) -> Iterator[Server]:
    """Start a server with an empty data directory below `where`; stop it and remove the data afterwards."""
    where.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(dir=where))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    key = secrets.token_urlsafe(24)
    command = [sys.executable, "-m", "data_factory.cli", "server", "--port", str(port), "--data-dir", str(directory)]
    command += arguments
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, "DATA_FACTORY_API_KEY": key}, stderr=output)
    try:
        _wait_until_ready(process, port, log)
        yield Server(pid=process.pid, port=port, key=key, directory=directory)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        shutil.rmtree(directory)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5).close()
            return
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")
