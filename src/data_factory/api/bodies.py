"""Reading what was sent: JSON to structs, with every error and its path when it does not fit."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Final, TypeVar

import msgspec
from jsonschema import Draft202012Validator, FormatChecker

from data_factory.model.errors import MAX_ERRORS, FieldError, Invalid, first_errors, member
from data_factory.model.misfits import BOUNDS, NO_TIME, REQUIRED, UNKNOWN, doubled, misfit

T = TypeVar("T")
_Time = Annotated[datetime, msgspec.Meta(tz=True)]

MAX_DEPTH: Final = 200
MAX_EXPLAINED_BYTES: Final = 256 * 1024
"""The largest body of which every error is told; of a larger one, the first: looking for all would hold up the rest."""

_validators: Final[dict[type[Any], Draft202012Validator]] = {}
_fields: Final[dict[type[Any], tuple[msgspec.structs.FieldInfo, ...]]] = {}

COMMENT_LINE: Final = re.compile(rb"(?m)^[ \t]*#.*$")
_NUL: Final = b"\\u0000"

_TYPES: Final = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
_STEP: Final = re.compile(r"([^\[\].]+)|\[(\d+)\]")

_FORMATS: Final = FormatChecker(formats=())
"""Which formats of texts are looked at: that of times, as they are read."""


class Misfit(Invalid):
    """What was sent does not fit; `value` is all of it, for whoever can say more of the rest."""

    def __init__(self, errors: tuple[FieldError, ...], value: Any) -> None:
        super().__init__(errors=errors)
        self.value = value


@_FORMATS.checks("date-time", raises=msgspec.ValidationError)
def _is_time(value: object) -> bool:
    """Whether a text is a time as a body may have it; what is no text has another error."""
    return not isinstance(value, str) or bool(msgspec.convert(value, _Time))


def read_json(raw: bytes, what: str = "The body") -> Any:
    """The JSON value that was sent. `what` it is, for whoever is told that it is none.

    Raises:
        Invalid: it is not JSON, or it holds what cannot be kept: NUL, NaN, lone surrogates, more than 200 levels.
    """
    try:
        value = _decode(raw)
    except RecursionError:
        raise _too_deep(what) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{what} is not valid JSON in UTF-8: {error}.") from None
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise _too_deep(what)
    if _NUL in raw:
        paths = islice(_nul_paths(value, ""), MAX_ERRORS)
        if errors := tuple(FieldError(path, "the character NUL cannot be kept") for path in paths):
            raise Invalid(errors=errors)
    return value


def read_definition(raw: bytes, what: str = "The body") -> Any:
    """What `read_json` gives, of what people write by hand: a member that is there twice is a slip of theirs.

    Raises:
        Invalid: as `read_json`; or a member is there twice.
    """
    value = read_json(raw, what)
    if errors := first_errors(doubled(COMMENT_LINE.sub(b"", raw))):
        raise Invalid(errors=errors)
    return value


def _decode(raw: bytes) -> Any:
    """Decode JSON. Lines that begin with # are passed over: the platform's own sample of a launch has one, and no JSON
    value can hold such a line."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        if b"#" not in raw:
            raise
        return msgspec.json.decode(COMMENT_LINE.sub(b"", raw))


def convert(value: Any, type: type[T], size: int = 0) -> T:
    """The value as `type`; it came as `size` bytes.

    Raises:
        Misfit: with all that is wrong, up to a hundred things, each with its path, and that there is more.
    """
    try:
        return msgspec.convert(value, type)
    except msgspec.ValidationError as first:
        errors = set(islice(_errors(value, type), MAX_ERRORS + 1)) if size <= MAX_EXPLAINED_BYTES else set()
        in_order = sorted(errors, key=lambda error: (_steps(error.path), error.message))
        raise Misfit(first_errors(in_order or [misfit(str(first))]), value) from None


def what_fits(value: Any, type: type[Any]) -> dict[str, Any]:
    """The fields of a struct that convert by themselves, though the whole does not; the others are not there.

    >>> what_fits({"title": "at night", "slots": "many"}, PipelineDefinition)
    {'title': 'at night'}
    """
    fitting: dict[str, Any] = {}
    for field in _fields_of(type) if isinstance(value, dict) else ():
        if field.encode_name in value:
            with contextlib.suppress(msgspec.ValidationError):
                fitting[field.name] = msgspec.convert(value[field.encode_name], field.type)
    return fitting


def encode(value: Any) -> str:
    """A JSON value as it is kept."""
    return msgspec.json.encode(value).decode()


def _steps(path: str) -> list[tuple[str, int]]:
    """A path, to be sorted by: `tasks[2]` comes before `tasks[10]`."""
    return [(name, int(number or 0)) for name, number in _STEP.findall(path)]


def _errors(value: Any, type: type[Any]) -> Iterator[FieldError]:
    for error in _validator(type).iter_errors(value):
        yield from _explain(error)


def _validator(type: type[Any]) -> Draft202012Validator:
    validator = _validators.get(type)
    if validator is None:
        validator = _validators[type] = Draft202012Validator(msgspec.json.schema(type), format_checker=_FORMATS)
    return validator


def _fields_of(type: type[Any]) -> tuple[msgspec.structs.FieldInfo, ...]:
    fields = _fields.get(type)
    if fields is None:
        fields = _fields[type] = msgspec.structs.fields(type)
    return fields


def _explain(error: Any) -> Iterator[FieldError]:
    path = _path(error.absolute_path)
    if "propertyNames" in error.relative_schema_path:
        path = member(path, error.instance)
    match error.validator:
        case "anyOf":
            fitting = [one for one in error.context or () if one.validator != "type" or len(one.relative_path)]
            if fitting:  # it is of the right kind for one branch: that is the one that was meant
                meant = fitting[0].schema_path[0]
                for one in fitting:
                    if one.schema_path[0] == meant:
                        yield from _explain(one)
            else:
                kinds = [_TYPES[one.validator_value] for one in error.context or ()]
                yield FieldError(path, f"expected {' or '.join(kinds)}, got {_kind(error.instance)}")
        case "type":
            yield FieldError(path, f"expected {_TYPES[error.validator_value]}, got {_kind(error.instance)}")
        case "required":
            for name in error.validator_value:
                if name not in error.instance:
                    yield FieldError(member(path, name), REQUIRED)
        case "additionalProperties":
            known: Mapping[str, Any] = error.schema.get("properties", {})
            for name in error.instance.keys() - known.keys():
                yield FieldError(member(path, name), UNKNOWN)
        case "enum":
            yield FieldError(path, f"expected one of {', '.join(map(str, error.validator_value))}")
        case "format":
            yield FieldError(path, NO_TIME)
        case "pattern":
            hint = error.schema.get("description") or f"must match {error.validator_value}"
            yield FieldError(path, str(hint).rstrip("."))
        case "minLength" | "maxLength" | "minItems" | "maxItems" | "minimum" | "maximum":
            yield FieldError(path, f"{BOUNDS[error.validator]} {error.validator_value}")
        case _:
            yield FieldError(path, error.message)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def _path(parts: Any) -> str:
    path = ""
    for part in parts:
        path = f"{path}[{part}]" if isinstance(part, int) else member(path, part)
    return path


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether a value has more levels; it goes level by level, so that depth cannot exhaust the stack."""
    present = [value]
    while present and levels >= 0:
        levels -= 1
        present = [
            child
            for parent in present
            if isinstance(parent, (dict, list))
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return bool(present)


def _nul_paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, str) and "\0" in value:
        yield path
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nul_paths(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            if "\0" in name:
                yield member(path, name)
            yield from _nul_paths(item, member(path, name))


def _too_deep(what: str) -> Invalid:
    return Invalid(f"{what} has more than {MAX_DEPTH} levels.")
