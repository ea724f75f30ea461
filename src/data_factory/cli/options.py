"""What typer makes of the marks in the signature of a command that also works without it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from data_factory.cli.connection import URL
from data_factory.cli.parameters import Argument, Option, Parameter, parameters_of


def _option(mark: Option, flag: str) -> Any:
    return typer.Option(
        flag,
        envvar=mark.variable,
        metavar=mark.metavar,
        min=mark.least,
        max=mark.most,
        help=mark.help,
    )


Url = Annotated[str | None, _option(URL, "--url")]


def for_typer(function: Callable[..., None]) -> Callable[..., None]:
    """The command with a signature as typer reads it."""

    def command(**given: Any) -> None:
        function(**given)

    known = list(parameters_of(function))
    annotations: dict[str, Any] = {one.name: _annotation(one) for one in known}
    command.__name__, command.__doc__, command.__module__ = function.__name__, function.__doc__, function.__module__
    command.__annotations__ = {**annotations, "return": None}
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=kind)
            for one, kind in zip(known, annotations.values(), strict=True)
        ]
    )
    return command


def _annotation(one: Parameter) -> Any:
    match one.mark:
        case Argument(metavar=metavar, help=help):
            return Annotated[one.kind, typer.Argument(metavar=metavar, help=help, show_default=False)]
        case Option() as mark:
            kind: Any = one.kind if one.default is not None else one.kind | None
            return Annotated[kind, _option(mark, one.flag)]
