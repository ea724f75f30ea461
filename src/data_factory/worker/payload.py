"""Between JSON objects and the types of a task: input is read strictly, output is checked before it is sent.

A type is a dataclass, a `TypedDict`, a msgspec `Struct`, a pydantic model, or a plain `dict` (also: no annotation).
pydantic is never imported here: its models bring what is needed with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import inspect

from data_factory.client.payload import first_flaw
from data_factory.model.errors import DataFactoryError
from data_factory.worker import pydantic_models
from data_factory.worker.complaints import explain_msgspec

CORRELATION: Final = "eventCorrelationId"
_METADATA: Final = frozenset({CORRELATION, "context"})

Reader = Callable[[Mapping[str, Any]], Any]
Writer = Callable[[Any], dict[str, Any]]


class InputInvalid(DataFactoryError):
    """The input is not what the task takes."""

    code = "input_invalid"


class OutputInvalid(DataFactoryError):
    """The output is not what the task promises."""

    code = "output_invalid"


def is_plain(kind: Any) -> bool:
    """Whether a type says nothing about the members of the object."""
    return kind in (None, type(None), Any, object, dict, Mapping) or kind in (dict[str, Any], Mapping[str, Any])


def reader_of(kind: Any) -> Reader:
    """How to read an input of this type; raises `InputInvalid` with what is wrong with each field.

    What the platform adds to an input is not the business of the task: `eventCorrelationId` is taken out, and
    `context` too, unless the type has a member of that name. Other members that the type does not know are ignored.
    """
    if is_plain(kind):
        return partial(_without, frozenset({CORRELATION}))
    if pydantic_models.is_model(kind):
        return partial(_read_model, kind, _METADATA - pydantic_models.member_names(kind))
    return partial(_read_typed, kind, _METADATA - member_names(kind))


def _read_model(kind: Any, hidden: frozenset[str], payload: Mapping[str, Any]) -> Any:
    try:
        return pydantic_models.read(kind, _without(hidden, payload))
    except pydantic_models.NotValid as error:
        raise InputInvalid(error.message) from None


def _read_typed(kind: Any, hidden: frozenset[str], payload: Mapping[str, Any]) -> Any:
    business = _without(hidden, payload)
    try:
        return msgspec.convert(business, kind, dec_hook=pydantic_models.decode_nested)
    except msgspec.ValidationError as error:
        raise InputInvalid(explain_msgspec(kind, business, str(error))) from None


def _without(hidden: frozenset[str], payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in hidden}


def writer_of(kind: Any) -> Writer:
    """How to turn what a task returns into its output; raises `OutputInvalid`.

    The output is checked even if it is a plain `dict` where the task promises a type, and is a copy: what the task
    does to its objects afterwards does not change it.
    """

    def writer(value: Any) -> dict[str, Any]:
        try:
            plain = _to_plain(value, kind)
            if not is_plain(kind) and not pydantic_models.is_model(kind):
                msgspec.convert(plain, kind, dec_hook=pydantic_models.decode_nested)
            msgspec.json.encode(plain)
        except msgspec.ValidationError as error:
            raise OutputInvalid(explain_msgspec(kind, plain, str(error))) from None
        except RecursionError:
            raise OutputInvalid("it is nested too deeply: does it contain itself?") from None
        except (TypeError, ValueError, OverflowError, pydantic_models.NotValid) as error:
            raise OutputInvalid(str(error)) from None
        return plain

    return writer


def _to_plain(value: Any, kind: Any) -> dict[str, Any]:
    if value is None and is_plain(kind):
        return {}
    if pydantic_models.is_model(kind) and not isinstance(value, kind):
        value = pydantic_models.read(kind, _to_builtins(value))
    plain = _to_builtins(value)
    if not isinstance(plain, dict):
        raise TypeError(f"Expected an object, got `{type(value).__name__}`")
    if flaw := first_flaw(plain):
        raise ValueError(flaw)
    return plain


def _to_builtins(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True, enc_hook=pydantic_models.encode)


def member_names(kind: Any) -> frozenset[str]:
    """The names of the members of a type, as they are in JSON; raises `TypeError` if it is not the type of an object.

    >>> sorted(member_names(msgspec.defstruct("Point", ["x", "y"])))
    ['x', 'y']
    """
    return _members(inspect.type_info(kind), kind)


def _members(shape: inspect.Type, kind: Any) -> frozenset[str]:
    match shape:
        case inspect.Metadata():
            return _members(shape.type, kind)
        case inspect.StructType() | inspect.DataclassType() | inspect.TypedDictType():
            return frozenset(field.encode_name for field in shape.fields)
        case inspect.UnionType():
            return frozenset().union(*(_members(one, kind) for one in shape.types))
        case inspect.DictType() | inspect.AnyType():
            return frozenset()
    raise TypeError(f"{kind.__name__ if isinstance(kind, type) else kind} is not the type of a JSON object")
