"""Between JSON objects and the types of a task: input is read strictly, output is checked before it is sent.

A type is a dataclass, a `TypedDict`, a msgspec `Struct`, a pydantic model, or a plain `dict` (also: no annotation).
pydantic is never imported here: its models bring what is needed with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from inspect import Parameter
from operator import or_
from pathlib import PurePath
from types import UnionType
from typing import Any, Final, Protocol, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from data_factory.client.payload import first_flaw
from data_factory.model.errors import DataFactoryError
from data_factory.worker import pydantic_models
from data_factory.worker.complaints import Complaint, explain_msgspec
from data_factory.worker.errors import UsageError

CORRELATION: Final = "eventCorrelationId"
_METADATA: Final = frozenset({CORRELATION, "context"})

Reader = Callable[[Mapping[str, Any]], Any]
Upload = Callable[[str], dict[str, Any]]


class Writer(Protocol):
    """Turns what a task returns into its output."""

    def __call__(self, value: Any, upload: Upload | None = None) -> dict[str, Any]: ...


class NotFitting(DataFactoryError):
    """An object is not what it has to be: `errors` says so for each member, the message in one line."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        super().__init__("; ".join(map(str, complaints)))
        self.errors = [{"path": one.path, "message": one.message} for one in complaints]


class InputInvalid(NotFitting):
    """The input is not what the task takes."""

    code = "input_invalid"


class OutputInvalid(NotFitting):
    """The output is not what the task promises."""

    code = "output_invalid"


def is_plain(kind: Any) -> bool:
    """Whether a type says nothing about the members of the object."""
    return kind in (None, type(None), Any, object, dict, Mapping) or kind in (dict[str, Any], Mapping[str, Any])


def is_object(kind: Any) -> bool:
    """Whether this is the type of a JSON object."""
    if is_plain(kind) or pydantic_models.is_model(kind):
        return True
    try:
        member_names(kind)
    except TypeError:
        return False
    return True


def union_without(kind: Any, classes: tuple[type, ...]) -> Any:
    """A type without those of its alternatives that are of these classes.

    >>> union_without(int | str | ValueError, (Exception,))
    int | str
    """
    alternatives = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    left = [one for one in alternatives if not (isinstance(one, type) and issubclass(one, classes))]
    return reduce(or_, left) if left else None


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
        raise InputInvalid(_of_model(error)) from None


def _read_typed(kind: Any, hidden: frozenset[str], payload: Mapping[str, Any]) -> Any:
    business = _without(hidden, payload)
    try:
        return msgspec.convert(business, kind, dec_hook=pydantic_models.decode_nested)
    except msgspec.ValidationError as error:
        raise InputInvalid(explain_msgspec(kind, business, str(error))) from None


def named_type(name: str, parameters: Sequence[Parameter], hints: Mapping[str, Any]) -> type[msgspec.Struct]:
    """The type of an input of which each member is one parameter of a function."""
    for one in parameters:
        shape = inspect.type_info(hints.get(one.name, Any))
        if isinstance(shape, inspect.CustomType) and not pydantic_models.is_model(shape.cls):
            raise UsageError(f"{name}: {one.name} cannot be read from JSON: it is a {shape.cls.__name__}")
    fields = [(one.name, hints.get(one.name, Any), msgspec.field(**_default_of(one))) for one in parameters]
    return msgspec.defstruct(name, fields, kw_only=True)


def named_reader(kind: type[msgspec.Struct]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """How to read it: the value of each parameter."""
    read = reader_of(kind)
    names = kind.__struct_fields__
    return lambda payload: {one: getattr(value, one) for value in (read(payload),) for one in names}


def _default_of(parameter: Parameter) -> dict[str, Any]:
    if parameter.default is parameter.empty:
        return {}
    return {"default_factory": lambda: parameter.default}


def to_saved(value: Any) -> dict[str, Any]:
    """A copy, as JSON has it, of something that a task has so far; raises `TypeError` or `ValueError`."""
    plain = _to_plain(value, None)
    msgspec.json.encode(plain)
    return plain


def _of_model(error: pydantic_models.NotValid) -> list[Complaint]:
    return [Complaint(path, message) for path, message in error.places]


def _without(hidden: frozenset[str], payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in hidden}


def writer_of(kind: Any) -> Writer:
    """How to turn what a task returns into its output; raises `OutputInvalid`.

    The output is checked even if it is a plain `dict` where the task promises a type, and is a copy: what the task
    does to its objects afterwards does not change it. A path in it is what `upload` makes of the file there.
    """

    def writer(value: Any, upload: Upload | None = None) -> dict[str, Any]:
        try:
            plain = _to_plain(value, kind, upload)
            if not is_plain(kind) and not pydantic_models.is_model(kind):
                msgspec.convert(plain, kind, dec_hook=_decode_output)
            msgspec.json.encode(plain)
        except msgspec.ValidationError as error:
            raise OutputInvalid(explain_msgspec(kind, plain, str(error))) from None
        except RecursionError:
            raise OutputInvalid([Complaint("", "it is nested too deeply: does it contain itself?")]) from None
        except pydantic_models.NotValid as error:
            raise OutputInvalid(_of_model(error)) from None
        except (TypeError, ValueError, OverflowError) as error:
            raise OutputInvalid([Complaint("", str(error))]) from None
        return plain

    return writer


def _to_plain(value: Any, kind: Any, upload: Upload | None = None) -> dict[str, Any]:
    if value is None and is_plain(kind):
        return {}
    if pydantic_models.is_model(kind) and not isinstance(value, kind):
        value = pydantic_models.read(kind, _to_builtins(value, upload))
    plain = _to_builtins(value, upload)
    if not isinstance(plain, dict):
        raise TypeError(f"Expected an object, got `{type(value).__name__}`")
    if flaw := first_flaw(plain):
        raise ValueError(flaw)
    return plain


def _to_builtins(value: Any, upload: Upload | None) -> Any:
    def encode(one: Any) -> Any:
        if upload is not None and isinstance(one, PurePath):
            return upload(str(one))
        return pydantic_models.encode(one)

    return msgspec.to_builtins(value, str_keys=True, enc_hook=encode)


def _decode_output(kind: type, value: Any) -> Any:
    if issubclass(kind, PurePath) and isinstance(value, dict) and "id" in value:
        # It was a path, and is the file now.
        return kind()
    return pydantic_models.decode_nested(kind, value)


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
