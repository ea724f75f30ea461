"""How many requests are allowed, as it is said on the command line."""

from __future__ import annotations

import typer

from data_factory.model.rates import parse_rate


def rate(text: str | None) -> str | None:
    """A rate, or none; for typer, which says what is wrong with it."""
    if not text:
        return None
    try:
        parse_rate(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text
