"""The SQL of the SQLite store: named statements, each in a `.sql` file beside this module."""

from __future__ import annotations

from functools import cache

from data_factory.store.statements import read_migrations, read_statements

_HERE = "data_factory.store.sqlite"


@cache
def statements() -> dict[str, str]:
    """Every statement by its name."""
    return read_statements(_HERE)


def migrations() -> list[tuple[int, str]]:
    """The migrations in their order: the number of each and its SQL."""
    return read_migrations(_HERE)
