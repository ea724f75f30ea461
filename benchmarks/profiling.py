"""Where each microsecond of a job goes: the server under load, sampled by py-spy, and its CPU shared out by room.

A sample counts for the room of the innermost function that has one; what the standard library and C code do counts for
who called them, SQLite among it (to commit is `_write_now`). What PostgreSQL itself uses is measured, not sampled.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop
from rich.console import Console

from benchmarks.measuring import end_in_order, metered
from benchmarks.place import STORES, Place, StoreName, opened
from benchmarks.report import markdown_table
from benchmarks.scene import Scene, drive, prepare
from benchmarks.server import Server
from benchmarks.throughput import poll_and_patch

Load = Callable[[Server, Scene, int], Coroutine[Any, Any, None]]

LOADS: Final[dict[str, Load]] = {"throughput": drive, "polls": poll_and_patch}

SAMPLES_A_SECOND: Final = 200

JOBS: Final = 1_600
"""How many jobs are run before one looks whether it is enough."""

TOP: Final = 30
"""How many functions are shown."""

_FRAME: Final = re.compile(r"^(?P<function>.+) \((?P<file>[^()]+?)(?::\d+)?\)$")
_OURS: Final = re.compile(r"data_factory/(?P<room>\w+)/")
_LIBRARIES: Final = {
    "http: uvicorn, Starlette, httptools": re.compile(r"/(uvicorn|starlette|httptools)/"),
    "loop: uvloop, asyncio": re.compile(r"/(uvloop|asyncio)/|uvloop/|asyncio/"),
    "store: asyncpg": re.compile(r"asyncpg/"),
}
_NOWHERE: Final = "elsewhere"


class Profile(msgspec.Struct, frozen=True):
    """Samples by room, and by function; what a job costs the server in CPU, and the database, in microseconds."""

    rooms: Counter[str]
    functions: Counter[tuple[str, str]]
    server_us: float
    database_us: float


def room_of(file: str) -> str | None:
    """The room in which a file is; None for what works for whoever calls it.

    >>> room_of("/x/src/data_factory/engine/decider.py"), room_of("/x/lib/python3.11/json/__init__.py")
    ('engine', None)
    >>> room_of("/x/site-packages/uvicorn/server.py")
    'http: uvicorn, Starlette, httptools'
    """
    if ours := _OURS.search(file):
        return ours["room"]
    return next((room for room, pattern in _LIBRARIES.items() if pattern.search(file)), None)


def placed(stack: str) -> tuple[str, str]:
    """The room of a stack (outermost first, as py-spy writes it), and the function in it.

    >>> placed("run (/x/asyncio/runners.py);complete (/x/data_factory/engine/decider.py);loads (/x/json/__init__.py)")
    ('engine', 'decider.py complete')
    """
    for frame in reversed(stack.split(";")):
        found = _FRAME.match(frame)
        if found and (room := room_of(found["file"])):
            return room, f"{Path(found['file']).name} {found['function']}"
    return _NOWHERE, stack.rpartition(";")[2]


def shared_out(lines: Iterable[str]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Samples by room and by function: each line is a stack and how often it was seen."""
    rooms: Counter[str] = Counter()
    functions: Counter[tuple[str, str]] = Counter()
    for line in lines:
        stack, _, seen = line.rpartition(" ")
        room, function = placed(stack)
        rooms[room] += int(seen)
        functions[room, function] += int(seen)
    return rooms, functions


class NotAllowed(Exception):
    """py-spy may not look at the server: it has to be root, or ptrace has to be allowed."""


def profile(place: Place, load: Load, seconds: int, jobs: int = JOBS) -> Profile:
    """Run the load, first to see what it costs, and then to sample it for so many seconds, `jobs` at a time.

    Raises:
        NotAllowed: py-spy cannot do it; the message has what it says.
    """
    with place.server() as server, tempfile.TemporaryDirectory() as folder:
        scene = uvloop.run(prepare(server))
        uvloop.run(load(server, scene, jobs))
        with metered(place, server) as cost:
            uvloop.run(load(server, scene, 4 * jobs))
        file = Path(folder) / "stacks"
        arguments = f"--format raw --full-filenames --function --rate {SAMPLES_A_SECOND} --duration {seconds}".split()
        arguments.append("--nonblocking")  # a thread that sleeps would be woken by being stopped, and seem to work
        command = [
            str(Path(sys.executable).with_name("py-spy")),
            "record",
            "--pid",
            str(server.pid),
            "--output",
            str(file),
            *arguments,
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as spy:
            while spy.poll() is None:
                uvloop.run(load(server, scene, jobs))
            said, _ = spy.communicate()
        if spy.returncode:
            raise SystemExit(
                f"py-spy could not look at the server (it may need root, or ptrace to be allowed):\n{said}"
            )
        rooms, functions = shared_out(file.read_text().splitlines())
    server_us, database_us = (seconds / (4 * jobs) * 1e6 for seconds in (cost.server_cpu_s, cost.database_cpu_s))
    return Profile(rooms, functions, server_us, database_us)


def show(found: Profile, console: Console) -> None:
    """Print it, as Markdown."""
    each = found.server_us / found.rooms.total()
    rows = [
        [room, f"{seen * each:.0f}", f"{seen / found.rooms.total():.0%}"] for room, seen in found.rooms.most_common()
    ]
    rows.append(["**the server**", f"**{found.server_us:.0f}**", ""])
    if found.database_us:
        rows.append(["PostgreSQL's own processes", f"{found.database_us:.0f}", ""])
    console.print(markdown_table(["room", "µs a job", "of the server's"], rows), markup=False, highlight=False)
    top = [[room, function, f"{seen * each:.1f}"] for (room, function), seen in found.functions.most_common(TOP)]
    console.print(markdown_table(["room", "function", "µs a job"], top), markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Profile what was asked for."""
    parser = argparse.ArgumentParser(prog="make profile ARGS=…", description=__doc__)
    parser.add_argument("--load", choices=[*LOADS], default="throughput", help="what is done (throughput)")
    parser.add_argument("--store", choices=[*STORES, "both"], default="both", help="where it is kept (both)")
    parser.add_argument("--seconds", type=int, default=20, help="how long it is sampled (20)")
    parser.add_argument("--where", type=Path, default=Path(".benchmarks"), help="where the data goes: on a real disk")
    asked = parser.parse_args()
    end_in_order()
    console = Console(width=max(Console().width, 120))
    stores: tuple[StoreName, ...] = STORES if asked.store == "both" else (asked.store,)
    for store in stores:
        with opened(asked.where, store) as place:
            try:
                found = profile(place, LOADS[asked.load], asked.seconds)
            except NotAllowed as error:
                raise SystemExit(str(error)) from error
        console.print(f"\n{asked.load} on {store}\n", highlight=False)
        show(found, console)


if __name__ == "__main__":
    main()
