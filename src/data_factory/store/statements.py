"""The SQL of a store, in files beside its code: named statements, whose parameters are named too (`:id`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import product
from typing import Final

import msgspec

_NAME: Final = re.compile(r"^-- name: (\S+)$", re.MULTILINE)
_CHOICE: Final = re.compile(r"{([^}]*)}")
_CHOSEN: Final = re.compile(r"{(\d):([^}]*)}")
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
        for names, text in zip(parts[::2], parts[1::2], strict=True):
            for name, sql in alternatives(names, text.strip()):
                if name in found:
                    raise ValueError(f"two statements are called {name}")
                found[name] = sql
    return found


def alternatives(name: str, sql: str) -> Iterator[tuple[str, str]]:
    """The statements that are written as one: a name with choices in it, by whose number the SQL says what follows.

    >>> dict(alternatives("first_{of|but}", "SELECT min(id) FROM a WHERE b {1:=|<>} :b"))
    {'first_of': 'SELECT min(id) FROM a WHERE b = :b', 'first_but': 'SELECT min(id) FROM a WHERE b <> :b'}
    """
    choices = [range(choice.count("|") + 1) for choice in _CHOICE.findall(name)]
    for chosen in product(*choices):
        turn = iter(chosen)
        yield (
            _CHOICE.sub(lambda found: found[1].split("|")[next(turn)], name),  # noqa: B023 - done at once
            _CHOSEN.sub(lambda found: found[2].split("|")[chosen[int(found[1]) - 1]], sql),  # noqa: B023
        )


def way(job_execution_id: str | None, ascending: bool) -> str:
    """Which of the statements that go through what job executions have: how its name ends.

    >>> way(None, ascending=True), way("01a2098b3c8759d89d78fd05", ascending=False)
    ('account_ascending', 'job_execution')
    """
    return f"{'account' if job_execution_id is None else 'job_execution'}{'_ascending' if ascending else ''}"


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
