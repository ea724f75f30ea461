"""What users write: JSON files, and `name=value` pairs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.model.misfits import doubled

STDIN = "-"


def read_object(file: str | Path) -> dict[str, Any]:
    """The JSON object in a file, or on standard input for `-`; ends the command if there is none."""
    name = "standard input" if str(file) == STDIN else str(file)
    try:
        raw = sys.stdin.buffer.read() if str(file) == STDIN else Path(file).read_bytes()
        text = raw.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse_constant)
        twice = doubled(text)
    except OSError as error:
        raise Stop(ExitCode.USAGE, f"{name} cannot be read: {error.strerror}.") from error
    except json.JSONDecodeError as error:
        raise Stop(
            ExitCode.USAGE, f"{name} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise Stop(ExitCode.USAGE, f"{name} is not JSON in UTF-8: {error}.") from error
    if twice:
        raise Stop(ExitCode.USAGE, f"{name} is not valid:", (f"{one.path}: {one.message}" for one in twice))
    if not isinstance(value, dict):
        raise Stop(ExitCode.USAGE, f"{name} does not hold a JSON object {{…}}.")
    return value


def read_pairs(pairs: Iterable[str], option: str = "--input") -> dict[str, Any]:
    """The object that `name=value` pairs stand for; ends the command if one is no pair, or gives a value again.

    >>> read_pairs(["power=10", "name=Ada", 'digits="10"', "rows=[1,2]"])
    {'power': 10, 'name': 'Ada', 'digits': '10', 'rows': [1, 2]}
    """
    return {name: read_value(only(name, texts, option)) for name, texts in split_pairs(pairs, option).items()}


def split_pairs(pairs: Iterable[str], option: str = "--input") -> dict[str, list[str]]:
    """`name=value` pairs as they are typed, with all values of each name; ends the command if one is no pair."""
    values: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise Stop(ExitCode.USAGE, f"{option} {pair!r} is not name=value: for example {option} power=10.")
        values.setdefault(name, []).append(text)
    return values


def read_criterion(text: str) -> dict[str, Any]:
    """The criterion of a `--filter`; ends the command if it is no JSON object."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except ValueError as error:
        raise Stop(ExitCode.USAGE, f"--filter is not a JSON object: {error}.") from error


def only(name: str, texts: Sequence[str], option: str = "--input") -> str:
    """The value of what has one; ends the command if it was given more."""
    if len(texts) > 1:
        raise Stop(ExitCode.USAGE, f"{option} {name} is given {len(texts)} times, and has one value.")
    return texts[0]


def read_value(text: str) -> Any:
    """JSON where it is JSON, else the text itself."""
    try:
        return msgspec.json.decode(text)
    except ValueError:
        return text


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
