"""A real `data-factory server`, in a process of its own, for the tests that look at it from outside."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import httpx

KEY = "a-key-that-only-tests-use"
COMMAND = Path(sys.executable).with_name("data-factory")

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of plain HTTP: each would read the certificates of the whole world first, which takes 30 ms."""

_LISTENS = re.compile(r"listens on (http://\S+?)[,\s]")


def until(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for other processes, whose clock is not ours."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


class Server:
    """A server on a data directory; it can be stopped or killed, and started again at the same address.

    with Server(tmp_path) as server, server.client() as api:
        api.get("/tasks")
    """

    def __init__(self, directory: Path, key: str | None = KEY, **settings: str) -> None:
        self.directory = directory
        self.key = key
        self.address = ""
        self.output = directory.with_name(f"{directory.name}.out")
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that runs now, or ran last."""
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def log(self) -> str:
        """All that it has ever printed."""
        return self.output.read_text(encoding="utf-8")

    def launch(self, *arguments: str) -> None:
        """Begin to start, with no setting but ours, in a folder without a `.env`."""
        folder = self.directory.parent
        own = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / ".config")}
        own |= {
            "DATA_FACTORY_DATA_DIR": str(self.directory),
            "DATA_FACTORY_PORT": self.address.rpartition(":")[2] or "0",
        }
        if self.key is not None:
            own["DATA_FACTORY_API_KEY"] = self.key
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [COMMAND, "server", *arguments],
                cwd=folder,
                env={**own, **self.settings},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def start(self, *arguments: str) -> None:
        """Start, and return once it listens."""
        begin = self.output.stat().st_size if self.output.exists() else 0
        self.launch(*arguments)

        def listens() -> bool:
            printed = self.output.read_bytes()[begin:].decode(errors="replace")
            assert self.process.poll() is None, printed
            if found := _LISTENS.search(printed):
                self.address = found[1]
            return found is not None

        until(listens, "the server listens")

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def client(self, key: str | None = None, timeout: float = 30) -> httpx.Client:
        """Speaks plain HTTP to its API, with its key or another."""
        base = f"{self.address}/v1/data_factory"
        headers = {"X-Api-Key": key or self.key or ""}
        return httpx.Client(base_url=base, headers=headers, timeout=timeout, verify=NO_TLS)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
                raise


def logs_in(folder: Path, lines: int = 60) -> Iterator[tuple[str, str]]:
    """The end of what each server of a folder has printed, or, where it has failed to answer, what it says of that."""
    for output in sorted(folder.glob("*.out")):
        printed = output.read_text(encoding="utf-8", errors="replace").splitlines()
        first = next((number for number, line in enumerate(printed) if line.startswith("Traceback")), len(printed))
        begin = max(0, min(first - 2, len(printed) - lines))
        yield output.stem, "\n".join(printed[begin : begin + lines])


@contextmanager
def running_server(directory: Path, key: str | None = KEY, **settings: str) -> Iterator[Server]:
    """A server that has started, on a directory that need not exist."""
    with Server(directory, key, **settings) as server:
        yield server
