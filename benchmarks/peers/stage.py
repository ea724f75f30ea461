"""Where one system runs, once: an empty folder, a database, and programs that all end when it is left."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from benchmarks.peers.tools import Tools
from benchmarks.place import Data, Place
from benchmarks.server import cpu_of_family

Role = Literal["server", "worker", "client"]

ROOT: Final = Path(__file__).parents[2]
PROGRAMS: Final = Path(__file__).parent / "programs"

START_S: Final = 180
"""How long a program may take until it is ready."""

GRACE_S: Final = 10
"""How long a program may take to stop when it is told to."""


class Failed(Exception):
    """A system did not start, or did not do its work."""


class Stage:
    """What a system is started on; `directory` is on the disk that all are measured on."""

    def __init__(self, data: Data, place: Place, tools: Tools, stack: contextlib.ExitStack) -> None:
        self.data = data
        self.directory = data.directory.absolute()
        self.store = place.store
        self.tools = tools
        self.driver: Driver | None = None
        self._place = place
        self._stack = stack
        self._roles: list[tuple[Role, int]] = []
        self.variables = {"ARRIVALS": str(self.directory / "arrivals"), "PYTHONPATH": str(ROOT)}

    def start(
        self,
        role: Role,
        command: Sequence[str | Path],
        ready: Callable[[], bool] | None = None,
        word: bytes = b"ready",
        **variables: str | int | Path,
    ) -> None:
        """Start a program, and return when it is `ready`; if that is not given, when it has printed the word."""
        log = self.directory / f"{len(self._roles)}-{Path(command[0]).name}.log"
        with log.open("wb") as output:
            process = self._process(command, variables, stdout=output, stderr=output)
        self._roles.append((role, process.pid))
        check = ready or (lambda: word in log.read_bytes())
        deadline = time.monotonic() + START_S
        while not check():
            if process.poll() is not None or time.monotonic() > deadline:
                how = "is not ready in time" if process.poll() is None else f"has ended with {process.poll()}"
                raise Failed(f"{Path(command[0]).name} {how}: {_last_words(log)}")
            time.sleep(0.05)

    def adopt(self, role: Role, pid: int) -> None:
        """Count the CPU of a process that something else has started, and ends."""
        self._roles.append((role, pid))

    def drive(self, command: Sequence[str | Path], role: Role = "client", **variables: str | int | Path) -> None:
        """Start the program that brings the load (see `programs/driving.py`)."""
        log = self.directory / "driver.log"
        with log.open("wb") as errors:
            process = self._process(command, variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        self._roles.append((role, process.pid))
        self.driver = Driver(process, log)
        self.driver.hear(START_S)

    def enter(self, manager: contextlib.AbstractContextManager[Any]) -> Any:
        """Something that ends with the stage."""
        return self._stack.enter_context(manager)

    def cpu(self) -> dict[str, float]:
        """The CPU seconds of each role so far, and those of the database."""
        seconds: dict[str, float] = {}
        for role, pid in self._roles:
            seconds[role] = seconds.get(role, 0.0) + cpu_of_family(pid)
        return {**seconds, "database": self._place.database_cpu()}

    def _process(
        self, command: Sequence[str | Path], variables: dict[str, str | int | Path], **streams: Any
    ) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **self.variables, **{name: str(value) for name, value in variables.items()}}
        process = subprocess.Popen(command, cwd=PROGRAMS, env=environment, start_new_session=True, **streams)
        self._stack.callback(_end, process)
        return process


class Driver:
    """The program that brings the load, and takes the times."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self._heard = b""

    def ask(self, measure: str, patience_s: float, **arguments: float) -> Any:
        """Have a measure taken: what was found."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"measure": measure, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        return self.hear(patience_s)

    def hear(self, patience_s: float) -> Any:
        """The next thing that it says."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + patience_s
        while b"\n" not in self._heard:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise Failed(f"nothing came back within {patience_s:.0f} seconds: {_last_words(self._log)}")
            if not (piece := os.read(self._process.stdout.fileno(), 1 << 20)):
                raise self._ended()
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    def _ended(self) -> Failed:
        return Failed(f"the load has ended, with {self._process.wait(GRACE_S)}: {_last_words(self._log)}")


@contextlib.contextmanager
def set_up(place: Place, tools: Tools) -> Iterator[Stage]:
    """An empty stage; whatever was started on it has ended afterwards, and its data is gone."""
    with place.data() as data, contextlib.ExitStack() as stack:
        yield Stage(data, place, tools, stack)


def answers(port: int, path: str = "") -> Callable[[], bool]:
    """Whether somebody listens on a port; where there is a path, whether a GET of it succeeds."""

    def listens() -> bool:
        with contextlib.closing(socket.socket()) as found:
            return found.connect_ex(("127.0.0.1", port)) == 0

    def succeeds() -> bool:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as found:
            try:
                found.request("GET", path)
                return found.getresponse().status == 200
            except OSError:
                return False

    return succeeds if path else listens


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it has started: it is asked to, and made to."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it said nothing"])[-1].strip()[:300]
