"""What a JSON payload may hold: found out before it is sent, so that the error names the place."""

from __future__ import annotations

import math
from typing import Any


def first_flaw(value: Any, path: str = "") -> str | None:
    """What in `value` cannot be sent as JSON or stored, with its path; None if all of it can.

    >>> first_flaw({"rows": [1.5, float("nan")]})
    'rows[1]: nan is not a JSON number'
    """
    match value:
        case None | bool() | int():
            return None
        case str():
            return _flaw_of_text(value, path)
        case float():
            return None if math.isfinite(value) else _at(path, f"{value} is not a JSON number")
        case dict():
            for key, item in value.items():
                place = f"{path}.{key}" if path else str(key)
                if flaw := (_flaw_of_text(key, place) if isinstance(key, str) else None) or first_flaw(item, place):
                    return flaw
        case list() | tuple():
            for index, item in enumerate(value):
                if flaw := first_flaw(item, f"{path}[{index}]"):
                    return flaw
    return None


def _flaw_of_text(text: str, path: str) -> str | None:
    if "\0" in text:
        return _at(ascii(path)[1:-1], "text must not hold a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _at(ascii(path)[1:-1], "text must not hold half of a surrogate pair")
    return None


def _at(path: str, message: str) -> str:
    return f"{path}: {message}" if path else message
