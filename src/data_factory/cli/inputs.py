"""The input of a launch as it is typed: each value is read as the job asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from data_factory.cli.documents import read_value, split_pairs
from data_factory.model.definitions import UserInput
from data_factory.model.file_values import CONTENT_PATH

TEXTS: Final = ("TEXT", "TEXTAREA", "DATE", "SELECT")
"""What is a text, whatever it looks like."""


Upload = Callable[[str], str]
"""Uploads the file with a path; the URL of its content."""

_FILE_ID: Final = re.compile(r"[0-9a-f]{64}")


def read_input(pairs: Iterable[str], asked: Sequence[UserInput], upload: Upload) -> dict[str, Any]:
    """The object that `name=value` pairs stand for, to a job that asks for these; ends the command if one is no pair.

    >>> asked = [UserInput(key="zip", type="TEXT"), UserInput(key="rates", type="FILE")]
    >>> read_input(["zip=01234", "count=7", "rates=@rates.csv"], asked, lambda path: f"the URL of {path}")
    {'zip': '01234', 'count': 7, 'rates': {'url': 'the URL of rates.csv'}}
    """
    types = {one.key: one.type for one in asked}
    return {name: _read(types.get(name), text, upload) for name, text in split_pairs(pairs).items()}


def _read(type: str | None, text: str, upload: Upload) -> Any:
    if type in TEXTS:
        return text
    value = text if _FILE_ID.fullmatch(text) else read_value(text)
    if type in ("MULTI_SELECT", "FILES") and value is not None and not isinstance(value, list):
        value = [text if type == "MULTI_SELECT" else value]
    if type == "FILES" and value is not None:
        return [_file(one, upload) for one in value]
    return _file(value, upload) if type == "FILE" else value


def _file(value: Any, upload: Upload) -> Any:
    """A file as it is typed: its id, or `@` and the path of one that is to be uploaded."""
    if not isinstance(value, str):
        return value
    if value.startswith("@"):
        return {"url": upload(value[1:])}
    return {"url": CONTENT_PATH.format(id=value)} if _FILE_ID.fullmatch(value) else value
