"""Places for the benchmarks: a folder, or the PostgreSQL that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.place import Place
from tests.postgresql import PostgresServer


@pytest.fixture
def sqlite(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def postgresql(tmp_path: Path, postgres: PostgresServer) -> Place:
    return Place(tmp_path, postgres)
