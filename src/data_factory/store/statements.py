"""The SQL of a store, in files beside its code: named statements."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


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
