"""The input of a launch as it is typed: each value is read as the job asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from data_factory.cli.documents import only, read_value, split_pairs
from data_factory.model.definitions import UserInput
from data_factory.model.file_values import CONTENT_PATH

TEXTS: Final = ("TEXT", "TEXTAREA", "DATE", "SELECT")
"""What is a text, whatever it looks like."""

SEVERAL: Final = ("MULTI_SELECT", "FILES")
"""What may be given more than once."""


Upload = Callable[[str], str]
"""Uploads the file with a path; the URL of its content."""

_FILE_ID: Final = re.compile(r"[0-9a-f]{64}")


def read_input(pairs: Iterable[str], asked: Sequence[UserInput], upload: Upload) -> dict[str, Any]:
    """The object that `name=value` pairs stand for, to a job that asks for these; ends the command if one is no pair,
    or gives again what has one value.

    >>> asked = [UserInput(key="zip", type="TEXT"), UserInput(key="rates", type="FILES")]
    >>> read_input(["zip=01234", "count=7", "rates=@a.csv", "rates=@b.csv"], asked, lambda path: f"the URL of {path}")
    {'zip': '01234', 'count': 7, 'rates': [{'url': 'the URL of a.csv'}, {'url': 'the URL of b.csv'}]}
    """
    types = {one.key: one.type for one in asked}
    values = split_pairs(pairs)
    for name, texts in values.items():
        if types.get(name) not in SEVERAL:
            only(name, texts)  # before anything is uploaded
    return {name: _read(types.get(name), texts, upload) for name, texts in values.items()}


def _read(type: str | None, texts: Sequence[str], upload: Upload) -> Any:
    if type in SEVERAL:
        values = [_several(type, text) for text in texts]
        if values == [None]:
            return None
        return [_file(one, upload) if type == "FILES" else one for value in values for one in value or ()]
    (text,) = texts
    if type in TEXTS:
        return text
    return _file(_value(text), upload) if type == "FILE" else _value(text)


def _several(type: str | None, text: str) -> list[Any] | None:
    value = _value(text)
    if value is None or isinstance(value, list):
        return value
    return [text if type == "MULTI_SELECT" else value]


def _value(text: str) -> Any:
    return text if _FILE_ID.fullmatch(text) else read_value(text)


def _file(value: Any, upload: Upload) -> Any:
    """A file as it is typed: its id, or `@` and the path of one that is to be uploaded."""
    if not isinstance(value, str):
        return value
    if value.startswith("@"):
        return {"url": upload(value[1:])}
    return {"url": CONTENT_PATH.format(id=value)} if _FILE_ID.fullmatch(value) else value
