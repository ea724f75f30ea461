"""Reads and writes pydantic models without importing pydantic: a model class carries its validator with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from data_factory.model.errors import DataFactoryError


class NotValid(DataFactoryError):
    """The value does not fit the model; `places` has the path and the message of each wrong field."""

    code = "not_valid"

    def __init__(self, places: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path}: {message}" if path else message for path, message in places))
        self.places = tuple(places)


def is_model(kind: Any) -> bool:
    """Whether this is a pydantic model, or a dataclass of pydantic's."""
    return isinstance(kind, type) and hasattr(kind, "__pydantic_validator__")


def member_names(kind: Any) -> frozenset[str]:
    """The names under which a model reads its members."""
    names: set[str] = set()
    for name, field in kind.__pydantic_fields__.items():
        aliases = (field.alias, field.validation_alias)
        names.update((name, *(alias for alias in aliases if isinstance(alias, str))))
    return frozenset(names)


def json_schema(kind: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema of a model, and the definitions that it refers to."""
    schema: dict[str, Any] = kind.model_json_schema() if hasattr(kind, "model_json_schema") else {"type": "object"}
    return schema, schema.pop("$defs", {})


def read(kind: Any, payload: Any) -> Any:
    """The model that a JSON value holds, read strictly; raises `NotValid` with every wrong field."""
    try:
        return kind.__pydantic_validator__.validate_json(msgspec.json.encode(payload), strict=True)
    except ValueError as error:
        raise NotValid(_explain(error)) from None


def encode(value: Any) -> Any:
    """The JSON value of a model; `TypeError` for an object that is none (an `enc_hook` of msgspec)."""
    kind = type(value)
    if not is_model(kind):
        raise TypeError(f"`{kind.__name__}` cannot be sent as JSON")
    return kind.__pydantic_serializer__.to_python(value, mode="json", by_alias=True, warnings=False)


def decode_nested(kind: type, value: Any) -> Any:
    """A model inside another type (a `dec_hook` of msgspec)."""
    if not is_model(kind):
        raise TypeError(f"{kind.__name__} is not a type that can be read from JSON")
    try:
        return read(kind, value)
    except NotValid as error:
        raise ValueError(str(error)) from None


def _explain(error: ValueError) -> list[tuple[str, str]]:
    errors = getattr(error, "errors", None)
    if errors is None:
        return [("", str(error))]
    details = errors(include_url=False, include_context=False, include_input=False)
    return [(_path(detail["loc"]), detail["msg"]) for detail in details]


def _path(location: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
