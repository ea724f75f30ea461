from __future__ import annotations

from pathlib import Path

import pytest

from tests.postgresql import Database, PostgresServer
from tests.upgrade.next_version import make_next_version


@pytest.fixture(scope="session")
def next_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What comes first on the path of a program that is to be of the next version."""
    return make_next_version(tmp_path_factory.mktemp("next") / "version")


@pytest.fixture
def deployed(postgres: PostgresServer) -> Database:
    """A database of its own, empty, because its schema is changed for good."""
    return Database(postgres)
