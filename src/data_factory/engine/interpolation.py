"""Where the expressions are in a string.

    parse("of ${first.output.name}")    # ("of ", Expression("${first.output.name}", ("first.output.name",), …))

`$${` stands for the text `${`. A `${` that is never closed is text, as in Conductor. A `}` between the quotes of a path
(`${first.output['}']}`) does not end the expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import cast

MAX_NESTING = 10

_MARK = re.compile(r"""\$\$\{|\$\{|\}|\\[\\'"]|['"]""")


@dataclass(frozen=True, slots=True)
class Expression:
    """One `${…}`: all its text, and the parts of what is between the braces.

    `quote` is the quote that is open around it, when it stands in another expression. `height` counts the levels.
    """

    text: str
    parts: tuple[str | Expression, ...]
    quote: str
    height: int


class NestedTooDeep(Exception):
    """There are more than `MAX_NESTING` expressions in one another."""


@dataclass(slots=True)
class _Open:
    """A `${` whose end is not found yet; the first one stands for the whole string."""

    start: int
    quote: str = ""
    parts: list[str | Expression] = field(default_factory=list)


def parse(text: str, *, heed_quotes: bool = True) -> tuple[str | Expression, ...]:
    """The texts and expressions that a string is made of, in order and none empty; `NestedTooDeep` may be raised."""
    stack = [_Open(0)]
    position = 0
    for found in _MARK.finditer(text):
        top, mark = stack[-1], found[0]
        top.parts.append(text[position : found.start()])
        position = found.end()
        if mark == "${":
            stack.append(_Open(found.start()))
        elif mark == "}" and len(stack) > 1 and not top.quote:
            stack.pop()
            stack[-1].parts.append(_close(top, text[top.start : position], stack[-1].quote))
        else:
            top.parts.append("${" if mark == "$${" else mark)
            if mark in ("'", '"') and len(stack) > 1 and heed_quotes:
                top.quote = "" if mark == top.quote else top.quote or mark
    stack[-1].parts.append(text[position:])
    if any(unclosed.quote for unclosed in stack):
        return parse(text, heed_quotes=False)  # a quote without its other half must not hide the brace that ends it
    first, *unclosed = stack
    return _joined([*first.parts, *chain.from_iterable(("${", *each.parts) for each in unclosed)])


def _close(opened: _Open, text: str, quote: str) -> Expression:
    parts = _joined(opened.parts)
    height = 1 + max((part.height for part in parts if isinstance(part, Expression)), default=0)
    if height > MAX_NESTING:
        raise NestedTooDeep
    return Expression(text, parts, quote, height)


def _joined(parts: list[str | Expression]) -> tuple[str | Expression, ...]:
    """The parts with texts that follow each other made one, and none of them empty."""
    joined: list[str | Expression] = []
    for is_text, run in groupby(parts, key=lambda part: isinstance(part, str)):
        pieces = list(run)
        if is_text:
            pieces = ["".join(cast("list[str]", pieces))]
        joined.extend(piece for piece in pieces if piece)
    return tuple(joined)
