"""Where the variables of an account stand in a payload, until it is handed out.

An expression `${workflow.variable.token}` leaves a mark in the input of a task execution: the key of the variable, and
what may be shown of its value (`***` of a secret, or before it was ever handed out). Its value comes with the hand-out,
and is kept nowhere. A mark is written between NULs, which no payload has that came from outside: nobody can make one.

>>> marked = '{"token":"\\\\u0000token\\\\u0000***\\\\u0000"}'
>>> shown(marked)
'{"token":"***"}'
>>> filled(marked, {"token": Value("s3cret", is_secret=True)})
('{"token":"s3cret"}', '{"token":"\\\\u0000token\\\\u0000***\\\\u0000"}')
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

HIDDEN: Final = "***"
"""What is shown of a secret."""

_MARK: Final = re.compile("\0([^\0]*)\0([^\0]*)\0")
_LONG_LINE: Final = 8
"""From how many characters on a line of a secret is masked by itself: logs come line by line."""

_NUL: Final = "\\u0000"

_decode = msgspec.json.decode


class Value(msgspec.Struct, frozen=True):
    """What a variable has. One that is not there, or is INACTIVE, is as good as empty."""

    text: str = ""
    is_secret: bool = False


def mark(key: str, seen: str = HIDDEN) -> str:
    """What stands for a variable."""
    return f"\0{key}\0{seen}\0"


def has_marks(payload: str) -> bool:
    """Whether a variable may stand in a payload; it costs a look at each character, and no more."""
    return _NUL in payload


def keys_in(payload: str) -> set[str]:
    """The keys of the variables that stand in a payload."""
    if not has_marks(payload):
        return set()
    keys: set[str] = set()

    def note(text: str) -> str:
        keys.update(found[1] for found in _MARK.finditer(text))
        return text

    changed(_decode(payload), note)
    return keys


def shown(payload: str) -> str:
    """A payload as anybody may see it."""
    if not has_marks(payload):
        return payload
    return _encode(changed(_decode(payload), shown_text))


def shown_text(text: str) -> str:
    """A text as anybody may see it."""
    return _MARK.sub(r"\2", text)


def filled(payload: str, values: Mapping[str, Value]) -> tuple[str, str]:
    """A payload with the values in their places, and the same as it is kept: marked, with what may be shown now."""
    if not has_marks(payload):
        return payload, payload
    value = _decode(payload)

    def given(found: re.Match[str]) -> str:
        return values.get(found[1], Value()).text

    def kept(found: re.Match[str]) -> str:
        one = values.get(found[1], Value())
        return mark(found[1], HIDDEN if one.is_secret else one.text)

    inside = changed(value, lambda text: _MARK.sub(given, text))
    return _encode(inside), _encode(changed(value, lambda text: _MARK.sub(kept, text)))


def changed(value: Any, text: Callable[[str], str]) -> Any:
    """A JSON value with each of its texts changed, the names of members too."""
    match value:
        case str():
            return text(value)
        case dict():
            return {text(name): changed(one, text) for name, one in value.items()}
        case list():
            return [changed(one, text) for one in value]
    return value


class Mask:
    """Takes secrets out of what is to be kept, in every spelling in which a program is likely to pass them on.

    >>> Mask(["s3cret"]).text("the token is s3cret")
    'the token is ***'
    >>> Mask(["1234"]).payload('{"pin":1234,"note":"no"}')
    '{"pin":"***","note":"no"}'
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = frozenset(secret for secret in secrets if secret)
        spellings = {spelling for secret in self._secrets for spelling in _spellings(secret)}
        longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    def text(self, text: str) -> str:
        """A text without them."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)

    def payload(self, payload: str) -> str:
        """A JSON payload without them."""
        if self._pattern is None:
            return payload
        value = _decode(payload)
        masked = self._masked(value)
        return payload if masked == value else _encode(masked)

    def _masked(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(name): self._masked(one) for name, one in value.items()}
            case list():
                return [self._masked(one) for one in value]
            case bool() | None:
                return value
        return HIDDEN if str(value) in self._secrets else value


def _spellings(secret: str) -> Iterable[str]:
    for text in (secret, *(line for line in secret.splitlines() if len(line) >= _LONG_LINE)):
        yield text
        yield _encode(text)[1:-1]
        yield json.dumps(text)[1:-1]
        yield quote(text)
        yield quote(text, safe="")
        yield b64encode(text.encode()).decode()


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()
