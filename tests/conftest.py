"""What all tests share: how long the property tests look, and which event loop async tests run on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from data_factory.store.postgresql.migrating import prepare
from tests.postgresql import Database, PostgresServer, running_postgres
from tests.running import logs_in

TEMPLATE = "factory"

# A shell that starts the tests in the background has them ignore Ctrl-C, and with them all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# `HYPOTHESIS_PROFILE=deep make test ARGS="tests/properties"` looks for as long as you have time.
_SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
settings.register_profile("quick", deadline=None, print_blob=True, max_examples=60)
settings.register_profile(
    "deep", deadline=None, print_blob=True, max_examples=5_000, suppress_health_check=_SLOW_IS_FINE
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the servers of a test that failed have logged is shown: it says what no answer of theirs does."""
    report = yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and folder is not None:
        report.sections += [(f"log of the server {name}", end) for name, end in logs_in(folder)]
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that all tests share, with a template of our schema."""
    with running_postgres() as server:
        server.sql(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
        asyncio.run(prepare(f"{server.url}/{TEMPLATE}"))
        yield server


@pytest.fixture(scope="session")
def our_database(postgres: PostgresServer) -> Database:
    return Database(postgres, TEMPLATE)


@pytest.fixture
def database(our_database: Database) -> Iterator[Database]:
    """An empty database with our schema."""
    yield our_database
    our_database.empty()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
