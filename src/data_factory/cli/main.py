"""`data-factory`: where the command line begins, with whatever of it is installed."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from dotenv import load_dotenv

from data_factory.cli.exit_codes import ExitCode, Stop

_DRAWN_BY: Final = ("typer", "rich")


def main() -> None:
    """Run the command line, with the settings of `.env` where the environment does not have them.

    Without typer and rich it has the commands for who writes tasks, and says of all others what to install.
    """
    sys.modules["httpx._main"] = None  # type: ignore[assignment] # a command line of its own: half of its import
    load_dotenv(Path(".env"), interpolate=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no `…` is no reason to fail
    try:
        _run()
    except Stop as error:
        error.show()
        sys.exit(error.code)


def _run() -> None:
    try:
        from data_factory.cli.app import app
    except ModuleNotFoundError as missing:
        if missing.name not in _DRAWN_BY:
            raise
        from data_factory.cli.bare import run

        try:
            run(sys.argv[1:])
        except KeyboardInterrupt:
            sys.exit(ExitCode.INTERRUPTED)
    else:
        app()
