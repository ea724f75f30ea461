"""What is said on standard error where nothing draws: a line, in colour on a terminal, without what it would obey."""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

import msgspec

_STYLES: Final = {"error": "1;31", "faint": "2"}


def cleaned(text: str) -> str:
    """Text from anywhere, without what a terminal would obey."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def has_colours(stream: TextIO) -> bool:
    """Whether to write in colour: on a terminal that knows some, unless `NO_COLOR` is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in ("dumb", "unknown")


def styled(text: str, style: str) -> str:
    """Cleaned text as standard error shows it in a style."""
    return f"\x1b[{_STYLES[style]}m{cleaned(text)}\x1b[0m" if has_colours(sys.stderr) else cleaned(text)


def say_error(message: str) -> None:
    """Say what went wrong."""
    print(styled("Error: ", "error") + cleaned(message), file=sys.stderr)


def note(text: str) -> None:
    """Say something beside what was asked for."""
    print(styled(text, "faint"), file=sys.stderr)


def print_line(json: bytes) -> None:
    """Print a JSON document on a line of standard output, for who reads line by line."""
    sys.stdout.flush()
    sys.stdout.buffer.write(json + b"\n")
    sys.stdout.buffer.flush()


def print_json(json: bytes) -> None:
    """Print a JSON document on standard output, laid out and otherwise exactly as it is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(msgspec.json.format(json, indent=2) + b"\n")
    sys.stdout.buffer.flush()
