"""In which line of a JSON text a path leads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from data_factory.model.errors import member

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_LAST: Final = re.compile(r'(?:^|\.)[^.\[\]]+$|\[(?:\d+|"(?:[^"\\]|\\.)*")\]$')

Token = tuple[str, int]


def lines_of(text: str) -> dict[str, int]:
    """The line of each value of a JSON text, from 1, by its path; of a member, that of its name.

    >>> lines_of('{\\n"tasks": [\\n{"name": 1}]}')["tasks[0].name"]
    3
    """
    found: dict[str, int] = {}
    tokens = _tokens(text)
    _read(next(tokens), tokens, "", found)
    return found


def line_of(lines: dict[str, int], path: str) -> int | None:
    """The line to look at for a path: that of what holds it, if it leads to something that is not there."""
    while path not in lines and path:
        last = _LAST.search(path)
        path = path[: last.start()] if last else ""
    return lines.get(path)


def _tokens(text: str) -> Iterator[Token]:
    line, end = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", end, match.start())
        end = match.start()
        yield match[0], line


def _read(first: Token, tokens: Iterator[Token], path: str, found: dict[str, int]) -> None:
    """Note the value that begins with a token, and all in it."""
    part, line = first
    found.setdefault(path, line)
    index = 0
    if part == "{":
        for name, line in tokens:
            if name == "}":
                return
            if name != ",":
                inner = member(path, json.loads(name))
                found.setdefault(inner, line)
                next(tokens)  # the colon
                _read(next(tokens), tokens, inner, found)
    elif part == "[":
        for item in tokens:
            if item[0] == "]":
                return
            if item[0] != ",":
                _read(item, tokens, f"{path}[{index}]", found)
                index += 1
