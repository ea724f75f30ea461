"""How a command ends: its exit code and, when it did not do what was asked, one sentence that says why."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import IntEnum

from data_factory.cli.plain import cleaned, say_error


class ExitCode(IntEnum):
    """What a command ends with. Ctrl-C gives 130, as everywhere."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    UNFINISHED = 4
    INTERRUPTED = 130


class Stop(Exception):
    """Ends a command with an error: what is wrong and what to do, then the details, one a line."""

    def __init__(self, code: ExitCode, message: str, details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(details)

    def show(self) -> None:
        """Print it, on standard error."""
        say_error(self.message)
        for detail in self.details:
            print(f"  {cleaned(detail)}", file=sys.stderr)
