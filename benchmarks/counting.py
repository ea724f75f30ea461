"""What a server asks of its database, counted: every statement, every commit, every byte.

On SQLite the server itself counts (see `counted`); on PostgreSQL the database logs every statement.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.counted import COUNTS
from benchmarks.place import Data
from benchmarks.server import PROGRAM, Server

COUNTING: Final = ("-m", "benchmarks.counted")

_STATEMENT: Final = re.compile(r"^\S+ \S+ \S+ \[(?P<pid>\d+)\] (?P<database>\S+) LOG:  (?:execute [^:]*|statement): ")

_WRITES: Final = re.compile(r"INSERT|UPDATE|DELETE|WITH (?!RECURSIVE)")


class Count(msgspec.Struct, frozen=True):
    """Statements, commits that each write to the disk, and bytes written."""

    statements: int
    commits: int
    written_bytes: int

    def since(self, before: Count) -> Count:
        """The difference."""
        return Count(
            self.statements - before.statements,
            self.commits - before.commits,
            self.written_bytes - before.written_bytes,
        )


class Counter:
    """Counts what the servers on some data do."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._servers: list[Server] = []

    @contextlib.contextmanager
    def served(self) -> Iterator[Server]:
        """A server whose work is counted."""
        if (postgres := self._data.postgres) is not None:
            postgres.sql(f"ALTER DATABASE {self._data.database} SET log_statement = 'all'")
        with self._data.served(program=COUNTING if postgres is None else PROGRAM) as server:
            self._servers.append(server)
            yield server

    def count(self) -> Count:
        """What was counted so far."""
        if self._data.postgres is not None:
            return self._logged()
        statements, commits = COUNTS.unpack((self._data.directory / "counts").read_bytes())
        return Count(statements, commits, sum(server.used().written_bytes for server in self._servers))

    def _logged(self) -> Count:
        postgres = self._data.postgres
        assert postgres is not None
        written = int(postgres.sql("SELECT pg_current_wal_insert_lsn() - '0/0'"))
        statements, commits, writing = 0, 0, set()
        with Path(postgres.directory / "log").open(errors="replace") as log:
            for line in log:
                found = _STATEMENT.match(line)
                if found is None or found["database"] != self._data.database:
                    continue
                statements += 1
                sql = line[found.end() :].strip()
                if "COMMIT" in sql and found["pid"] in writing:
                    commits += 1
                    writing.discard(found["pid"])
                elif _WRITES.match(sql):
                    writing.add(found["pid"])
        return Count(statements, commits, written)
