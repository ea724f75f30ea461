"""Asking before something is done that cannot be undone."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from data_factory.cli.exit_codes import ExitCode

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def ask_first(yes: bool, question: str) -> None:
    """Go on if that was said beforehand, if there is nobody to ask, or after a yes."""
    if not yes and is_asked():
        confirm(question)


def is_asked() -> bool:
    """Whether there is somebody to ask: both what is typed and what is said are on a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> None:
    """Go on after a yes; a no ends the command with 1, and Ctrl-C with 130."""
    try:
        typer.confirm(question, abort=True, err=True)
    except typer.Abort as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            typer.echo(err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        raise
