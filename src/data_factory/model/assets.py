"""Files that a job brings with it: `file://assets/<path>` and `@<path>` in its values, and what stands for them later.

>>> names_asset("file://assets/style.xslt"), names_asset("@style.xslt"), names_asset("style.xslt")
('style.xslt', None, None)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from data_factory.model.errors import member

FOLDER: Final = "assets/"

_PREFIX: Final = "file://assets/"
_SHORT: Final = "@"
_VALUES: Final = frozenset({"input", "inputParameters", "output", "outputParameters", "default", "defaultValue"})
"""The fields of a job whose values may name assets."""


def names_asset(value: Any, known: Collection[str] = ()) -> str | None:
    """The asset that a value names; `@<path>` is only one if that is `known`: it may be anything else."""
    if not isinstance(value, str):
        return None
    if value.startswith(_PREFIX):
        return value.removeprefix(_PREFIX)
    return value[1:] if value.startswith(_SHORT) and value[1:] in known else None


def missing_assets(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """The assets that are still named in a value: the path of each, and its name.

    >>> list(missing_assets({"a": ["file://assets/b.xml"]}, "input"))
    [('input.a[0]', 'b.xml')]
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from missing_assets(inner, member(path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from missing_assets(inner, f"{path}[{index}]")
    elif (name := names_asset(value)) is not None:
        yield path, name


def assets_in(job: Any, known: Collection[str]) -> set[str]:
    """The assets that a job names, as it is written, of those known."""
    found: set[str] = set()
    _replaced(job, known, found.add, inside=False)
    return found


def with_assets(job: Any, files: Mapping[str, Mapping[str, str]]) -> Any:
    """A job, as it is written, in which files stand for the assets of these names.

    >>> with_assets({"output": {"a": "@b.xml"}}, {"b.xml": {"url": "/b"}})
    {'output': {'a': {'url': '/b'}}}
    """
    return _replaced(job, files.keys(), lambda name: dict(files[name]), inside=False)


def _replaced(value: Any, known: Collection[str], stand_in: Any, *, inside: bool) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(inner, known, stand_in, inside=inside or key in _VALUES) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, known, stand_in, inside=inside) for inner in value]
    name = names_asset(value, known) if inside else None
    return value if name is None or name not in known else stand_in(name)
