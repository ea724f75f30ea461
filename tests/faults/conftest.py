from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from data_factory.store.postgresql.migrating import prepare
from tests.postgresql import PostgresServer, running_postgres
from tests.running import Server, running_server

PATIENCE = float(os.environ.get("PATIENCE", "1"))
"""Seconds that an answer of a database is waited for here."""

IMPATIENT = {"DATA_FACTORY_DATABASE_TIMEOUT": str(PATIENCE)}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on SQLite."""
    with running_server(tmp_path / "data") as server:
        yield server


@pytest.fixture(scope="session")
def doomed() -> Iterator[PostgresServer]:
    """A PostgreSQL that may be killed, stopped and started."""
    with running_postgres() as postgres:
        postgres.sql("CREATE DATABASE doomed TEMPLATE template0")
        asyncio.run(prepare(f"{postgres.url}/doomed"))
        yield postgres


@contextmanager
def two_servers(folder: Path, url: str, *settings: dict[str, str]) -> Iterator[list[Server]]:
    """Two servers on one PostgreSQL, each with settings of its own if they are given."""
    each = settings or ({}, {})
    made = [
        Server(folder / name, DATABASE_URL=url, **IMPATIENT, **own)
        for name, own in zip(("one", "other"), each, strict=True)
    ]
    with ExitStack() as stack:
        for server in made:
            stack.enter_context(server)
        yield made


@pytest.fixture(scope="session")
def lasting(doomed: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with two_servers(tmp_path_factory.mktemp("pair"), f"{doomed.url}/doomed") as pair:
        yield pair


@pytest.fixture
def pair(lasting: list[Server]) -> list[Server]:
    """Two servers on a PostgreSQL that may be killed, which the tests share: they have survived those before."""
    for server in lasting:
        with server.client() as client:
            assert client.get(f"{server.address}/health/ready").status_code == 200
    return lasting
