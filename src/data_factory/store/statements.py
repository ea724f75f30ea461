"""The SQL of a store, in files beside its code: named statements, whose parameters are named too (`:id`)."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

import msgspec

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^--.*\n", re.MULTILINE)
_PARAMETER: Final = re.compile(r"(?<!:):([a-z]\w*)")


class Statement(msgspec.Struct, frozen=True):
    """A statement with numbered parameters, and their names in the order of their numbers."""

    sql: str
    parameters: tuple[str, ...]


def read_statements(package: str) -> dict[str, str]:
    """The statements in the `.sql` files of a package's folder `sql`, by their names.

    >>> "insert_account" in read_statements("data_factory.store.sqlite")
    True
    """
    found: dict[str, str] = {}
    for file in files(package).joinpath("sql").iterdir():
        _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, sql in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"two statements are called {name}")
            found[name] = sql.strip()
    return found


def numbered(sql: str, mark: str) -> Statement:
    """A statement with its parameters numbered, each number behind a `mark`.

    >>> numbered("SELECT :a::text, :b, :a", "$")
    Statement(sql='SELECT $1::text, $2, $1', parameters=('a', 'b'))
    """
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"{mark}{numbers.setdefault(found[1], len(numbers) + 1)}"

    text = _PARAMETER.sub(number, _COMMENT.sub("", sql)).strip().removesuffix(";")
    return Statement(text, tuple(numbers))
