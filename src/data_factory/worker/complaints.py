"""Says what is wrong with an object in the words of the official worker: `power: Expected `int`, got `str``.

msgspec stops at the first wrong field. On the way to an error message there is time to look at the others too.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, Final, NotRequired, Required, get_args, get_origin, get_type_hints

import msgspec

from data_factory.worker import pydantic_models

_PLACED: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<where>[^`]*)`)?$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>[^`]*)`$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<name>[^`]*)`$")


class Complaint(msgspec.Struct, frozen=True):
    """One thing that is wrong, and where: the path of a member, empty for the object itself."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def explain_msgspec(kind: Any, payload: Any, first: str) -> list[Complaint]:
    """Everything that is wrong with `payload` as a `kind`, `first` being what msgspec said.

    >>> [str(one) for one in explain_msgspec(msgspec.defstruct("Point", [("x", int), ("y", int)]), {"x": "1"}, "")]
    ['x: Expected `int`, got `str`', 'y: is missing']
    """
    found = list(_wrong_fields(kind, payload)) if isinstance(payload, dict) else []
    return found or [place(first)]


def place(message: str, inside: str = "") -> Complaint:
    """A message of msgspec with its place in front.

    >>> str(place("Expected `int`, got `str` - at `$.rows[0].power`"))
    'rows[0].power: Expected `int`, got `str`'
    """
    parts = _PLACED.match(message)
    what, where = (parts["what"], parts["where"] or "") if parts else (message, "")
    path = inside + where.removeprefix("$")
    if missing := _MISSING.match(what):
        path, what = f"{path}.{missing['name']}", "is missing"
    elif unknown := _UNKNOWN.match(what):
        path, what = f"{path}.{unknown['name']}", "is not known"
    return Complaint(path.removeprefix("."), what)


def _wrong_fields(kind: Any, payload: dict[str, Any]) -> Iterator[Complaint]:
    for name, type_, required in _fields(kind):
        if name not in payload:
            if required:
                yield Complaint(name, "is missing")
            continue
        try:
            msgspec.convert(payload[name], type_, dec_hook=pydantic_models.decode_nested)
        except msgspec.ValidationError as error:
            yield place(str(error), name)


def _fields(kind: Any) -> Iterator[tuple[str, Any, bool]]:
    """The members of a type: name in JSON, type, and whether it has to be there. None for a type without members."""
    origin = get_origin(kind) or kind
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            yield field.encode_name, field.type, field.required
    elif dataclasses.is_dataclass(origin):
        hints = get_type_hints(origin, include_extras=True)
        for member in dataclasses.fields(origin):
            if member.init:
                unset = dataclasses.MISSING
                yield member.name, hints[member.name], member.default is unset and member.default_factory is unset
    elif hasattr(origin, "__required_keys__"):
        for name, hint in get_type_hints(origin, include_extras=True).items():
            type_ = get_args(hint)[0] if get_origin(hint) in (Required, NotRequired) else hint
            yield name, type_, name in origin.__required_keys__
