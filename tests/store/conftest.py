"""The stores that are held to `store/promises/`. A further store is one more of the `PLACES`, and no other change."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from data_factory.model.records import AccountRecord, JobRecord, PipelineRecord, TaskRecord
from data_factory.store.postgresql import PostgresqlStore
from data_factory.store.promises import PATIENCE_S, Store
from data_factory.store.sqlite import SqliteStore
from data_factory.store.sqlite.database import FILE_NAME
from tests.postgresql import Database
from tests.store.rows import account, job, keep, pipeline, task


class Place(Protocol):
    """Where a store keeps things: what one store has kept there, the next that is opened finds."""

    async def open(self, patience: float = PATIENCE_S) -> Store: ...

    def held_up(self) -> AbstractContextManager[None]:
        """A time in which somebody else has hold of what is to be written."""
        ...

    def outage(self) -> AbstractContextManager[None]:
        """A time in which nothing can be written; then it can again, by the stores that are open."""
        ...


class SqlitePlace:
    """A directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def open(self, patience: float = PATIENCE_S) -> Store:
        return SqliteStore(self.directory, patience)

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Another program has locked the file."""
        with closing(sqlite3.connect(self.directory / FILE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def outage(self) -> Iterator[None]:
        """The disk is full, as far as this process is concerned."""
        with no_file_larger_than(0):
            yield


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class PostgresqlPlace:
    """A database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def open(self, patience: float = PATIENCE_S) -> Store:
        return PostgresqlStore(self.database.url, patience)

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Another session has locked the tables."""
        with self.database.locked("tasks", "job_executions"):
            yield

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Every connection is cut, and nobody can connect."""
        with self.database.refused():
            yield


PLACES = ("sqlite", "postgresql")


class House(msgspec.Struct):
    """An account with a default pipeline, a task and a job."""

    account: AccountRecord
    pipeline: PipelineRecord
    task: TaskRecord
    job: JobRecord


async def furnish(store: Store) -> House:
    """Keep a house in a store."""
    owner = account()
    line = pipeline(owner.id, is_default=1)
    house = House(owner, line, task(owner.id), job(owner.id, line.id))
    await keep(store, house.account, house.pipeline, house.task, house.job)
    return house


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "postgresql":
        return PostgresqlPlace(request.getfixturevalue("database"))
    return SqlitePlace(request.getfixturevalue("tmp_path") / "data")


@pytest.fixture
async def store(place: Place, anyio_backend: str) -> AsyncIterator[Store]:
    store = await place.open()
    yield store
    await store.close()


@pytest.fixture
async def house(store: Store) -> House:
    return await furnish(store)
