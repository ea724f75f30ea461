"""What a job asks for before it runs: whether it is asked well, and whether what a launch gives is what was asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET

from data_factory.model.definitions import (
    UserInput,
    UserInputBody,
    UserInputOption,
    UserInputOptionBody,
)
from data_factory.model.errors import FieldError, Invalid, first_errors, member
from data_factory.model.file_values import file_id

CONTEXT: Final = "context"
"""What the platform itself puts into the input of every execution."""

CHOICES: Final = ("SELECT", "MULTI_SELECT")

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?")


def user_input_errors(bodies: Sequence[UserInputBody]) -> Iterator[FieldError]:
    """What is wrong with the user inputs of a job, one by one, each with its path. One without a key (`""`) did not fit
    as it was sent."""
    keys: set[str] = set()
    for index, body in enumerate(bodies):
        path = f"userInputs[{index}]"
        if body.key == CONTEXT:
            yield FieldError(f"{path}.key", f"{CONTEXT!r} has a meaning of its own; choose another key")
        if body.key and body.key in keys:
            yield FieldError(f"{path}.key", f"{body.key!r} is already the key of an input before it")
        keys.add(body.key)
        errors = list(_option_errors(body, path))
        yield from errors
        if body.default is not None and body.default_value is not None and body.default != body.default_value:
            yield FieldError(f"{path}.default", f"differs from {path}.defaultValue: give one of the two")
        elif not errors:
            yield from _default_errors(body, path)


def user_inputs(bodies: Sequence[UserInputBody]) -> tuple[UserInput, ...]:
    """User inputs that were checked, in one spelling.

    >>> user_inputs([UserInputBody(key="lang", type="TEXT", default="eng")])[0].default_value
    'eng'
    """
    return tuple(
        UserInput(
            key=body.key,
            type=body.type,
            title=body.title,
            title_local=body.title_local,
            description=body.description,
            description_local=body.description_local,
            required=body.required,
            default_value=_default_of(body),
            options=tuple(
                UserInputOption(key=_key_of(option), title=option.title, title_local=option.title_local)
                for option in body.options
            ),
        )
        for body in bodies
    )


def launch_input(asked: Sequence[UserInput], input: str, file_ids: Collection[str]) -> str:
    """The input of a launch, as JSON, with the defaults of what it leaves out. What was not asked for is left alone.

    `file_ids` are those of the files that it names and that the account has.

    Raises:
        Invalid: with the path of every value that is not what was asked for.
    """
    given = msgspec.json.decode(input)
    if errors := first_errors(_value_errors(asked, given, file_ids)):
        raise Invalid(errors=errors)
    missing = {
        one.key: one.default_value for one in asked if one.default_value is not None and given.get(one.key) is None
    }
    return msgspec.json.encode({**given, **missing}).decode() if missing else input


def unanswerable(asked: Sequence[UserInput]) -> tuple[str, ...]:
    """The keys of what nobody can leave out: required, and without a default."""
    return tuple(one.key for one in asked if one.required and one.default_value is None)


def _value_errors(asked: Sequence[UserInput], given: dict[str, Any], file_ids: Collection[str]) -> Iterator[FieldError]:
    for one in asked:
        value, path = given.get(one.key), member("input", one.key)
        if value is None and one.default_value is not None:
            continue
        if one.required and value in (None, "", []):
            yield FieldError(path, "is required")
        elif value is not None:
            options = tuple(option.key for option in one.options)
            yield from _type_errors(one.type, options, value, path, file_ids)


def _default_errors(body: UserInputBody, path: str) -> Iterator[FieldError]:
    value, spelling = _default_of(body), "defaultValue" if body.default is None else "default"
    if value is not None:
        options = tuple(map(_key_of, body.options))
        yield from _type_errors(body.type, options, value, f"{path}.{spelling}", None)


def _option_errors(body: UserInputBody, path: str) -> Iterator[FieldError]:
    if body.type not in CHOICES:
        if body.options:
            yield FieldError(f"{path}.options", f"is not a field of a {body.type}")
        return
    if not body.options:
        yield FieldError(f"{path}.options", f"is required for a {body.type}")
    keys: set[str] = set()
    for index, option in enumerate(body.options):
        where = f"{path}.options[{index}]"
        if option.key is UNSET and option.value is UNSET:
            yield FieldError(f"{where}.key", "is required")
        elif UNSET not in (option.key, option.value) and option.key != option.value:
            yield FieldError(f"{where}.value", f"differs from {where}.key: give one of the two")
        elif (key := _key_of(option)) in keys:
            yield FieldError(f"{where}.key", f"{key!r} is already the key of an option before it")
        else:
            keys.add(key)


def _type_errors(
    type: str, options: Sequence[str], value: Any, path: str, file_ids: Collection[str] | None
) -> Iterator[FieldError]:
    """What is wrong with a value. Without `file_ids`, which files there are is not known."""
    match type:
        case "TEXT" | "TEXTAREA":
            if not isinstance(value, str):
                yield FieldError(path, "expected a text")
        case "NUMBER":
            if isinstance(value, bool) or not isinstance(value, int | float):
                yield FieldError(path, "expected a number")
        case "BOOLEAN":
            if not isinstance(value, bool):
                yield FieldError(path, "expected true or false")
        case "DATE":
            if not _is_date(value):
                yield FieldError(path, "expected a date, such as 2026-11-28 or 2026-11-28T16:30:00Z")
        case "SELECT":
            yield from _choice_errors(options, value, path)
        case "FILE":
            yield from _file_errors(value, path, file_ids)
        case "MULTI_SELECT" | "FILES" if not isinstance(value, list):
            yield FieldError(path, "expected a list")
        case "MULTI_SELECT" if len(value) > len(options):
            yield FieldError(path, f"has more items than the {len(options)} that there are")
        case "MULTI_SELECT":
            for index, one in enumerate(value):
                yield from _choice_errors(options, one, f"{path}[{index}]")
                if one in value[:index]:
                    yield FieldError(f"{path}[{index}]", f"{one!r} comes twice")
        case "FILES":
            for index, one in enumerate(value):
                yield from _file_errors(one, f"{path}[{index}]", file_ids)


def _choice_errors(options: Sequence[str], value: Any, path: str) -> Iterator[FieldError]:
    if value not in options:
        yield FieldError(path, f"expected one of {', '.join(options)}")


def _file_errors(value: Any, path: str, file_ids: Collection[str] | None) -> Iterator[FieldError]:
    id = file_id(value.get("url")) if isinstance(value, dict) else None
    if id is None:
        yield FieldError(path, 'expected a file: {"url": "…/v1/data_factory/files/<id>/content"}')
    elif file_ids is not None and id not in file_ids:
        yield FieldError(path, no_file(id))


def no_file(id: str) -> str:
    """What is wrong with a file that the account does not have."""
    return f"there is no file {id!r} in this account: upload it first (POST /v1/data_factory/files)"


def _is_date(value: Any) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _default_of(body: UserInputBody) -> Any:
    return body.default_value if body.default is None else body.default


def _key_of(option: UserInputOptionBody) -> str:
    given = option.value if option.key is UNSET else option.key
    return "" if given is UNSET else given
