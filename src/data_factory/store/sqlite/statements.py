"""The SQL of the SQLite store: named statements, each in a `.sql` file beside this module."""

from __future__ import annotations

from functools import cache

from data_factory.store.migrations import Migration, read_migrations
from data_factory.store.statements import read_statements

_HERE = "data_factory.store.sqlite"


@cache
def statements() -> dict[str, str]:
    """Every statement by its name."""
    return read_statements(_HERE)


@cache
def migrations() -> list[Migration]:
    """The migrations in their order."""
    return read_migrations(_HERE)
