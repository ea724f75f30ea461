"""Reads answers into the structs of `model.resources`, also those of the hosted platform.

The hosted platform does not have the fields that we add, knows task types and statuses that we may not, and may
leave a field out. What is missing is given its neutral value (null, empty, 0); what is unknown is kept or ignored.
Only an answer that lacks its `id` or its `status`, or that has another shape, is refused.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

T = TypeVar("T")

UNKNOWN_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a time that the server did not tell."""

_NEEDED: Final = frozenset({"id", "status"})
_MISSING: Final = object()


def decode(body: bytes, result: type[T]) -> T:
    """The `result` that an answer holds; raises `ValueError` if it holds something else."""
    kind: Any = result
    try:
        value: T = _decoder(kind).decode(body)
    except msgspec.ValidationError:
        value = _build(_shape(kind), msgspec.json.decode(body), "$")
    return value


@lru_cache(maxsize=64)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@lru_cache(maxsize=64)
def _shape(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _build(shape: inspect.Type, value: Any, path: str) -> Any:
    match shape:
        case inspect.Metadata():
            return _build(shape.type, value, path)
        case inspect.UnionType():
            return _build_union(shape, value, path)
        case _ if value is _MISSING or value is None:
            return _neutral(shape, path)
        case inspect.StructType() if isinstance(value, dict):
            present = [field for field in shape.fields if field.required or field.encode_name in value]
            return shape.cls(**{field.name: _field(field, value, path) for field in present})
        case inspect.VarTupleType() | inspect.ListType() if isinstance(value, list):
            return tuple(_build(shape.item_type, item, f"{path}[{at}]") for at, item in enumerate(value))
        case inspect.DictType() if isinstance(value, dict):
            return {key: _build(shape.value_type, item, f"{path}.{key}") for key, item in value.items()}
        case inspect.AnyType() | inspect.LiteralType():
            return value
        case inspect.DateTimeType():
            return msgspec.convert(value, datetime)
        case inspect.StrType() if isinstance(value, str):
            return value
        case inspect.BoolType() if isinstance(value, bool):
            return value
        case inspect.IntType() | inspect.FloatType() if isinstance(value, int | float) and not isinstance(value, bool):
            return value
    raise ValueError(f"{path} is not what it should be")


def _build_union(shape: inspect.UnionType, value: Any, path: str) -> Any:
    if value is None or value is _MISSING:
        return None
    return _build(next(kind for kind in shape.types if not isinstance(kind, inspect.NoneType)), value, path)


def _field(field: inspect.Field, value: dict[str, Any], path: str) -> Any:
    given = value.get(field.encode_name, _MISSING)
    if given is _MISSING and field.encode_name in _NEEDED:
        raise ValueError(f"{path}.{field.encode_name} is missing")
    return _build(field.type, given, f"{path}.{field.encode_name}")


def _neutral(shape: inspect.Type, path: str) -> Any:
    match shape:
        case inspect.StructType():
            return _build(shape, {}, path)
        case inspect.VarTupleType() | inspect.ListType():
            return ()
        case inspect.DictType():
            return {}
        case inspect.DateTimeType():
            return UNKNOWN_TIME
        case inspect.StrType() | inspect.LiteralType():
            return ""
        case inspect.AnyType():
            return None
        case inspect.BoolType():
            return False
        case _:
            return 0
