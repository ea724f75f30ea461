"""Where a benchmark keeps its data: in folders on a real disk, or in the databases of a PostgreSQL there."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from benchmarks.server import PROGRAM, Server, cpu_of_family, running_server
from data_factory.store.postgresql import PostgresqlStore
from data_factory.store.postgresql.migrating import prepare
from data_factory.store.promises import Store
from data_factory.store.sqlite import SqliteStore
from data_factory.store.sqlite.database import FILE_NAME
from tests.postgresql import PostgresServer, programs

StoreName = Literal["sqlite", "postgresql"]

STORES: Final[tuple[StoreName, ...]] = ("sqlite", "postgresql")

AS_SERVED: Final = {"fsync": "on", "shared_buffers": "1GB", "max_wal_size": "4GB"}
"""The settings of the PostgreSQL: durable, and with memory as it would have where it serves."""


class Data(msgspec.Struct, frozen=True):
    """What servers work on: a folder, and a database if there is a PostgreSQL."""

    directory: Path
    postgres: PostgresServer | None = None
    database: str = ""

    @property
    def url(self) -> str:
        """The address of the database."""
        assert self.postgres is not None
        return f"{self.postgres.url}/{self.database}"

    @contextlib.contextmanager
    def served(self, *, program: Sequence[str] = PROGRAM, kill: bool = False) -> Iterator[Server]:
        """A server on it; it is stopped afterwards, or killed. On a database there may be several."""
        arguments = () if self.postgres is None else ("--database", self.url)
        with running_server(self.directory, *arguments, program=program, kill=kill) as server:
            yield server

    async def open(self) -> Store:
        """The store itself, while no server works on it."""
        if self.postgres is None:
            return SqliteStore(self.directory)
        await prepare(self.url)
        return PostgresqlStore(self.url)

    def size(self) -> int:
        """Its bytes on the disk."""
        if self.postgres is None:
            return sum(file.stat().st_size for file in self.directory.glob(f"{FILE_NAME}*"))
        return int(self.postgres.sql(f"SELECT pg_database_size('{self.database}')"))

    def settle(self) -> None:
        """Do now what PostgreSQL does in the background, so that it does not come in between."""
        if self.postgres is not None:
            self.postgres.sql("VACUUM ANALYZE", "CHECKPOINT", database=self.database)


class Place(msgspec.Struct, frozen=True):
    """A place for data, below `where`."""

    where: Path
    postgres: PostgresServer | None = None

    @property
    def store(self) -> StoreName:
        """What is measured here."""
        return "sqlite" if self.postgres is None else "postgresql"

    @contextlib.contextmanager
    def data(self) -> Iterator[Data]:
        """Empty data, removed afterwards."""
        directory = Path(tempfile.mkdtemp(prefix="data-", dir=self.where))
        name = f"bench_{secrets.token_hex(4)}"
        if self.postgres is not None:
            self.postgres.sql(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield Data(directory, self.postgres, name)
        finally:
            shutil.rmtree(directory)
            if self.postgres is not None:
                self.postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")

    @contextlib.contextmanager
    def server(self) -> Iterator[Server]:
        """A server with nothing in it."""
        with self.data() as data, data.served() as server:
            yield server

    def kept(self, name: str, fill: Callable[[Data], None]) -> Data:
        """Data that stays between runs: filled when it is first asked for."""
        data = self._named(name)
        if not self._has(data):
            underway = self._named(f"{name}_underway")
            self._make_empty(underway)
            fill(underway)
            underway.directory.rename(data.directory)
            if self.postgres is not None:
                self.postgres.sql(f"ALTER DATABASE {underway.database} RENAME TO {data.database}")
        return data

    def _named(self, name: str) -> Data:
        return Data(self.where / "kept" / f"{self.store}-{name}", self.postgres, name)

    def _has(self, data: Data) -> bool:
        found = "SELECT 1 FROM pg_database WHERE datname = '{}'"
        return data.directory.exists() and (
            self.postgres is None or bool(self.postgres.sql(found.format(data.database)))
        )

    def _make_empty(self, data: Data) -> None:
        for one in (data, self._named(data.database.removesuffix("_underway"))):
            shutil.rmtree(one.directory, ignore_errors=True)
            if self.postgres is not None:
                self.postgres.sql(f"DROP DATABASE IF EXISTS {one.database} WITH (FORCE)")
        data.directory.mkdir(parents=True)
        if self.postgres is not None:
            self.postgres.sql(f"CREATE DATABASE {data.database} TEMPLATE template0")

    def database_cpu(self) -> float:
        """The CPU seconds of all processes of the PostgreSQL so far; nothing where there is none."""
        return 0.0 if self.postgres is None else cpu_of_family(self.postgres.pid)


@contextlib.contextmanager
def opened(where: Path, store: StoreName) -> Iterator[Place]:
    """A place for one store; what it keeps is there again the next time."""
    where.mkdir(parents=True, exist_ok=True)
    if store == "sqlite":
        yield Place(where)
        return
    directory = (where / f"postgresql-{programs().parent.name}").absolute()
    server = PostgresServer(directory, **AS_SERVED)
    if not (directory / "data" / "PG_VERSION").exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        server.create()
    (directory / "log").unlink(missing_ok=True)
    try:
        server.start()
        _remove_left(server)
        yield Place(where, server)
    finally:
        server.stop()


def _remove_left(server: PostgresServer) -> None:
    """Databases that an interrupted run has left."""
    for name in server.sql("SELECT datname FROM pg_database WHERE datname LIKE 'bench\\_%'").split():
        server.sql(f"DROP DATABASE {name} WITH (FORCE)")
