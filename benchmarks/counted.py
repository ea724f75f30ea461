"""`python -m benchmarks.counted server …`: the command line, with every statement counted that SQLite runs.

The counts are in a file of the data directory, `counts`, where another process may read them at any time.
"""

from __future__ import annotations

import mmap
import sqlite3
import struct
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

COUNTS: Final = struct.Struct("=QQ")
"""Statements run, and commits that wrote something."""


class Counts(msgspec.Struct):
    """What was counted so far, shown in a file as it is counted."""

    shown: mmap.mmap
    statements: int = 0
    commits: int = 0

    def show(self) -> None:
        COUNTS.pack_into(self.shown, 0, self.statements, self.commits)


def main() -> None:
    """Run the command line."""
    directory = Path(sys.argv[sys.argv.index("--data-dir") + 1])
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "counts"
    file.write_bytes(bytes(COUNTS.size))
    with file.open("r+b") as opened:
        counts = Counts(mmap.mmap(opened.fileno(), COUNTS.size))
    setattr(sqlite3, "connect", partial(_connected, counts, sqlite3.connect))  # noqa: B010 - its type is its own
    from data_factory.cli.main import main as command_line

    command_line()


def _connected(counts: Counts, connect: Callable[..., sqlite3.Connection], *args: Any, **settings: Any) -> Any:
    """A connection that counts."""
    connection = connect(*args, **settings)
    changed_before = connection.total_changes

    def ran(sql: str) -> None:
        nonlocal changed_before
        if sql.startswith("--"):  # what a trigger runs, which is a part of the statement that set it off
            return
        counts.statements += 1
        if sql == "COMMIT" and connection.total_changes != changed_before:
            counts.commits += 1
            changed_before = connection.total_changes
        counts.show()

    connection.set_trace_callback(ran)
    return connection


if __name__ == "__main__":
    main()
