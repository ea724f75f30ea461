"""The SQL of the SQLite store: named statements, each in a `.sql` file beside this module."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements() -> dict[str, str]:
    """Every statement by its name.

    >>> "insert_account" in statements()
    True
    """
    found: dict[str, str] = {}
    for file in files(__package__).joinpath("sql").iterdir():
        _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, sql in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"two statements are called {name}")
            found[name] = sql.strip()
    return found


def migrations() -> list[tuple[int, str]]:
    """The migrations in their order: the number of each and its SQL."""
    scripts = sorted(files(__package__).joinpath("migrations").iterdir(), key=lambda file: file.name)
    return [(int(file.name[:4]), file.read_text(encoding="utf-8")) for file in scripts if file.name.endswith(".sql")]
