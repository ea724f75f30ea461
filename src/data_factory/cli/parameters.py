"""The parameters of commands that work without typer: marks in their signatures, and what argparse makes of them.

    def greet(
        name: Annotated[str, Argument("NAME", "Whom.")],
        times: Annotated[int, Option("How often.", variable="GREET_TIMES", least=1)] = 1,
    ) -> None: ...

Where typer is installed, `options` reads the same marks for it: there is one signature, and one help.
"""

from __future__ import annotations

import argparse
import inspect
import os
from collections.abc import Callable, Iterator
from enum import StrEnum
from types import NoneType
from typing import Any, get_args, get_type_hints

import msgspec


class Argument(msgspec.Struct, frozen=True):
    """A mark: this parameter is given by its place."""

    metavar: str
    help: str


class Option(msgspec.Struct, frozen=True):
    """A mark: this parameter is given as `--its-name`, or by a variable of the environment."""

    help: str
    variable: str | None = None
    metavar: str | None = None
    least: float | None = None
    most: float | None = None


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of a command. `kind` is its type, without the None that stands for "not given"."""

    name: str
    kind: type
    mark: Argument | Option
    default: Any

    @property
    def flag(self) -> str:
        """The option as it is typed."""
        return f"--{self.name.replace('_', '-')}"


def parameters_of(function: Callable[..., None]) -> Iterator[Parameter]:
    """What a command takes."""
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        annotated, mark = get_args(hints[name])
        kinds = [kind for kind in get_args(annotated) if kind is not NoneType] or [annotated]
        yield Parameter(name, kinds[0], mark, parameter.default)


def about(function: Callable[..., None]) -> str:
    """The help of a command, without the marks that typer needs in it."""
    return (inspect.getdoc(function) or "").replace("\b\n", "")


def add_parameters(parser: argparse.ArgumentParser, function: Callable[..., None]) -> None:
    """Have a parser of the standard library take what the command takes."""
    for one in parameters_of(function):
        match one.mark:
            case Argument(metavar=metavar, help=help):
                parser.add_argument(one.name, metavar=metavar, help=help)
            case Option() if one.kind is bool:
                parser.add_argument(
                    one.flag, action="store_true", help=_help_of(one, one.mark), default=_is_set(one.mark.variable)
                )
            case Option() as mark:
                parser.add_argument(
                    one.flag,
                    dest=one.name,
                    type=_converter(one.kind, mark),
                    metavar=mark.metavar or _metavar_of(one.kind),
                    # As text, the standard library checks what the environment says as if it had been typed.
                    default=(mark.variable and os.environ.get(mark.variable)) or one.default,
                    help=_help_of(one, mark),
                )


def _help_of(one: Parameter, mark: Option) -> str:
    notes = [f"env var: {mark.variable}"] if mark.variable else []
    if one.default not in (None, False):
        notes.append(f"default: {one.default}")
    text = mark.help + (f"  [{'; '.join(notes)}]" if notes else "")
    return text.replace("%", "%%")


def _metavar_of(kind: type) -> str:
    if issubclass(kind, StrEnum):
        return f"[{'|'.join(kind)}]"
    return {int: "INTEGER", float: "FLOAT"}.get(kind, "TEXT")


def _is_set(variable: str | None) -> bool:
    return (os.environ.get(variable or "") or "").lower() in ("1", "true", "t", "yes", "y", "on")


def _converter(kind: type, mark: Option) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            wanted = f"one of {', '.join(kind)}" if issubclass(kind, StrEnum) else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}") from None
        if mark.least is not None and value < mark.least:
            raise argparse.ArgumentTypeError(f"{text} is less than {mark.least:g}")
        if mark.most is not None and value > mark.most:
            raise argparse.ArgumentTypeError(f"{text} is more than {mark.most:g}")
        return value

    return convert
