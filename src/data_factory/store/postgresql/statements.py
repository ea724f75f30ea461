"""The SQL of the PostgreSQL store: named statements, each in a `.sql` file beside this module.

The files name parameters (`:id`), as SQLite's do; PostgreSQL numbers them (`$1`).
"""

from __future__ import annotations

from functools import cache
from typing import Final

from data_factory.store.migrations import Migration, read_migrations
from data_factory.store.statements import Statement, numbered, read_statements

_HERE: Final = "data_factory.store.postgresql"


@cache
def statements() -> dict[str, Statement]:
    """Every statement by its name.

    >>> statements()["first_account"].parameters
    ()
    """
    return {name: numbered(sql, "$") for name, sql in read_statements(_HERE).items()}


@cache
def migrations() -> list[Migration]:
    """The migrations in their order."""
    return read_migrations(_HERE)
