"""The SQL of the PostgreSQL store: named statements, each in a `.sql` file beside this module.

The files name parameters (`:id`), as SQLite's do; PostgreSQL numbers them (`$1`).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import msgspec

from data_factory.store.migrations import Migration, read_migrations
from data_factory.store.statements import read_statements

_HERE: Final = "data_factory.store.postgresql"
_COMMENT: Final = re.compile(r"^--.*\n", re.MULTILINE)
_PARAMETER: Final = re.compile(r"(?<!:):([a-z]\w*)")


class Statement(msgspec.Struct, frozen=True):
    """A statement as PostgreSQL reads it, and the names of its parameters in the order of their numbers."""

    sql: str
    parameters: tuple[str, ...]


@cache
def statements() -> dict[str, Statement]:
    """Every statement by its name.

    >>> statements()["first_account"].parameters
    ()
    """
    return {name: numbered(sql) for name, sql in read_statements(_HERE).items()}


def numbered(sql: str) -> Statement:
    """A statement with its parameters numbered.

    >>> numbered("SELECT :a::text, :b, :a")
    Statement(sql='SELECT $1::text, $2, $1', parameters=('a', 'b'))
    """
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${numbers.setdefault(found[1], len(numbers) + 1)}"

    text = _PARAMETER.sub(number, _COMMENT.sub("", sql)).strip().removesuffix(";")
    return Statement(text, tuple(numbers))


@cache
def migrations() -> list[Migration]:
    """The migrations in their order."""
    return read_migrations(_HERE)
