"""What several tests of services on a real store share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data_factory.store.postgresql import PostgresqlStore
from data_factory.store.promises import Store
from data_factory.store.sqlite import SqliteStore
from tests.postgresql import Database


@pytest.fixture(params=["sqlite", "postgresql"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Opens the store of this test, as often as it is asked."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path)
    database: Database = request.getfixturevalue("database")
    return lambda: PostgresqlStore(database.url)
