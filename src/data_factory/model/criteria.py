"""What a find asks for: a criterion, or several of which all or any must hold; and what can be asked of a resource."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType

Operator = Literal[
    "eq",
    "neq",
    "in",
    "exists",
    "greater",
    "greaterOrEqual",
    "lower",
    "lowerOrEqual",
    "contains",
    "startsWith",
    "search",
]
CriterionType = Literal["and", "or", Operator]
Kind = Literal["text", "choice", "number", "boolean", "time"]

EVERY: Final = frozenset[str]({"eq", "neq", "in", "exists"})
ORDER: Final = frozenset[str]({"greater", "greaterOrEqual", "lower", "lowerOrEqual"})
OPERATORS: Final[dict[Kind, frozenset[str]]] = {
    "text": frozenset(get_args(Operator)),
    "choice": EVERY,
    "number": EVERY | ORDER,
    "boolean": frozenset({"eq", "neq", "exists"}),
    "time": EVERY | ORDER,
}
"""What can be asked of a field of each kind."""


class Criterion(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is looked for: `field` compared with `value`, or `queries` of which all (`and`) or any (`or`) must hold.

    Without anything it holds for all.
    """

    type: CriterionType | UnsetType = UNSET
    field: str | UnsetType = UNSET
    value: Any = UNSET
    case_sensitive: bool = False
    queries: tuple[Criterion, ...] | UnsetType = UNSET


class Field(msgspec.Struct, frozen=True):
    """A field that can be looked for: of which kind it is, and, of a choice, what it can be."""

    kind: Kind
    values: tuple[str, ...] = ()


def fields_of(resource: type[msgspec.Struct]) -> dict[str, Field]:
    """What can be looked for in a resource: each of its fields that is one value, by its name in the API.

    >>> from data_factory.model.resources import JobExecution
    >>> fields_of(JobExecution)["failure.code"].kind
    'text'
    """
    found: dict[str, Field] = {}
    _collect(msgspec.inspect.type_info(resource), "", found)
    return found


def _collect(type: msgspec.inspect.Type, path: str, found: dict[str, Field]) -> None:
    if isinstance(type, msgspec.inspect.Metadata):
        type = type.type
    if isinstance(type, msgspec.inspect.UnionType):
        some = [one for one in type.types if not isinstance(one, msgspec.inspect.NoneType)]
        if len(some) == 1:
            _collect(some[0], path, found)
    elif isinstance(type, msgspec.inspect.StructType):
        for field in type.fields:
            _collect(field.type, f"{path}.{field.encode_name}" if path else field.encode_name, found)
    elif isinstance(type, msgspec.inspect.LiteralType):
        found[path] = Field("choice", tuple(map(str, type.values)))
    elif kind := _KINDS.get(type.__class__):
        found[path] = Field(kind)


_KINDS: Final[dict[type, Kind]] = {
    msgspec.inspect.StrType: "text",
    msgspec.inspect.IntType: "number",
    msgspec.inspect.FloatType: "number",
    msgspec.inspect.BoolType: "boolean",
    msgspec.inspect.DateTimeType: "time",
}
