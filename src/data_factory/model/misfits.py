"""What does not fit a struct, and what JSON must not have, in our words and with its path."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from data_factory.model.definitions import HINTS
from data_factory.model.errors import FieldError, member

NO_TIME: Final = "expected a time in ISO 8601 with its zone, such as 2026-11-28T16:30:00Z"
UNKNOWN: Final = "is not a field that is known here"
REQUIRED: Final = "is required"

BOUNDS: Final = {
    "minLength": "its length must be at least",
    "maxLength": "its length must be at most",
    "minItems": "the number of items must be at least",
    "maxItems": "the number of items must be at most",
    "minimum": "must be at least",
    "maximum": "must be at most",
}

_TYPES: Final = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
    "datetime": "a time",
}
_KINDS: Final = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_BOUND: Final = re.compile(r"Expected `([^`]+)`( of length)? ([<>])= (\S+)")
_PATTERN: Final = re.compile(r"Expected `str` matching regex '(.*)'")
_HINTS: Final = {repr(pattern)[1:-1]: hint.rstrip(".") for pattern, hint in HINTS.items()}
_FIELD: Final = re.compile(r"Object (missing required|contains unknown) field `(.*)`")
_VALUE: Final = re.compile(r"Invalid enum value (.*)")


def misfit(message: str, at: str = "") -> FieldError:
    """What msgspec says of a value that stands at a path, as we say it.

    >>> misfit("Expected `int`, got `str` - at `$.reports[0].id`")
    FieldError(path='reports[0].id', message='expected an integer, got a string')
    >>> misfit("Expected `array` of length <= 10000 - at `$.tasks`", "job")
    FieldError(path='job.tasks', message='the number of items must be at most 10000')
    >>> misfit("Object missing required field `name` - at `$[2]`", "tasks")
    FieldError(path='tasks[2].name', message='is required')
    """
    what, _, where = message.partition(" - at ")
    path = at + where.rpartition("`$")[2].rstrip("`")
    if not at:
        path = path.removeprefix(".")
    if field := _FIELD.fullmatch(what):
        return FieldError(member(path, field[2]), REQUIRED if field[1].startswith("missing") else UNKNOWN)
    return FieldError(path, _words(what))


def _words(what: str) -> str:
    if bound := _BOUND.fullmatch(what):
        length, side = (bound[2] or "").strip(), {"<": "maximum", ">": "minimum"}[bound[3]]
        name = f"{side[:3]}{'Items' if bound[1] == 'array' else 'Length'}" if length else side
        return f"{BOUNDS[name]} {bound[4]}"
    if kinds := _KINDS.fullmatch(what):
        wanted = " or ".join(_TYPES.get(kind, kind) for kind in kinds[1].split(" | "))
        return f"expected {wanted}, got {'a boolean' if kinds[2] == 'bool' else _TYPES.get(kinds[2], kinds[2])}"
    if pattern := _PATTERN.fullmatch(what):
        return _HINTS.get(pattern[1], f"must match {pattern[1]}")
    if value := _VALUE.fullmatch(what):
        return f"{value[1]} is none of the values that are known here"
    return NO_TIME if "datetime" in what else what


def doubled(text: str | bytes) -> tuple[FieldError, ...]:
    """The members that an object of a JSON text has twice: of two, all readers of JSON keep one, and say nothing.

    >>> doubled('{"tasks": [{"name": "a", "name": "b"}]}')
    (FieldError(path='tasks[0].name', message='is there twice'),)

    Raises:
        ValueError, RecursionError: it is not JSON.
    """
    found = False

    def read(pairs: list[tuple[str, Any]]) -> Any:
        nonlocal found
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        found = True
        return _Members(pairs)

    value = json.loads(text, object_pairs_hook=read, parse_int=str, parse_float=str)
    return tuple(_doubled(value, "")) if found else ()


class _Members(list[tuple[str, Any]]):
    """An object that has a member twice, as it is written."""


def _doubled(value: Any, path: str) -> Iterator[FieldError]:
    members: Iterable[tuple[str, Any]] = ()
    if isinstance(value, _Members):
        members = value
        for name, times in Counter(name for name, _ in value).items():
            if times > 1:
                yield FieldError(member(path, name), "is there twice" if times == 2 else f"is there {times} times")
    elif isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _doubled(inner, f"{path}[{index}]")
    for name, inner in members:
        yield from _doubled(inner, member(path, name))
