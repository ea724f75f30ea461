"""A real server in a process of its own, and what that process has used."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

TICKS: Final = os.sysconf("SC_CLK_TCK")

KEY: Final = "a-key-that-only-benchmarks-use"

PROGRAM: Final = ("-m", "data_factory.cli")


class Used(msgspec.Struct, frozen=True):
    """What a process has used so far: CPU seconds, memory in MiB, and bytes sent to the disk."""

    cpu_s: float
    rss_mb: float
    written_bytes: int

    def since(self, before: Used) -> Used:
        """The difference; memory as it is."""
        return Used(self.cpu_s - before.cpu_s, self.rss_mb, self.written_bytes - before.written_bytes)


class Server(msgspec.Struct, frozen=True):
    """A running server. `start_s` is how long it took until it was ready."""

    pid: int
    port: int
    start_s: float
    key: str = KEY

    def used(self) -> Used:
        """What it has used since it started."""
        process = Path(f"/proc/{self.pid}")
        stat = (process / "stat").read_text().rpartition(")")[2].split()
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        io = dict(line.split(": ") for line in (process / "io").read_text().splitlines())
        return Used(
            cpu_s=(int(stat[11]) + int(stat[12])) / TICKS,
            rss_mb=int(status["VmRSS"].split()[0]) / 1024,
            written_bytes=int(io["write_bytes"]),
        )

    def peak_mb(self) -> float:
        """The most memory that it has had, in MiB, since it started or the peak was forgotten."""
        status = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        return int(status["VmHWM"].split()[0]) / 1024

    def forget_peak(self) -> None:
        """The peak is what it has now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


def cpu_of_family(pid: int) -> float:
    """The CPU seconds of a process and all that descend from it, those that have ended included."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # one that has just ended
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
            ticks[int(stat.parent.name)] = sum(map(int, fields[11:15]))
    family = [pid]
    for one in family:
        family += children.get(one, [])
    return sum(ticks.get(one, 0) for one in family) / TICKS


@contextlib.contextmanager
def running_server(
    directory: Path, *arguments: str, program: Sequence[str] = PROGRAM, kill: bool = False
) -> Iterator[Server]:
    """Start a server on a data directory; stop it afterwards, or `kill` it.

    `program` is what Python is told to run with the arguments of a server.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, *program, "server", "--port", str(port), "--data-dir", str(directory), *arguments]
    log = directory / f"log-{port}"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, "DATA_FACTORY_API_KEY": KEY}, stderr=output)
    try:
        _wait_until_ready(process, port, log)
        yield Server(pid=process.pid, port=port, start_s=time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        process.wait(timeout=60)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5).close()
            return
        time.sleep(0.005)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")
