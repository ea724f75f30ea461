"""Takes secrets out of what is written to a log: what is known to be one, and what is called like one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

MASK: Final = "***"

_CALLED: Final = re.compile(
    r"(passw(or)?d|passphrase|secret|token|api_?key|private_?key|credentials?)s?$", re.IGNORECASE
)
_SHORTEST: Final = 4
"""What is shorter would be found in too much that is no secret."""


def secrets_in(values: Mapping[str, Any]) -> Iterator[str]:
    """The texts in an object, at any depth, whose name says that they are secret.

    >>> list(secrets_in({"apiKey": "k-123", "shop": {"password": "hunter2", "city": "Rome"}}))
    ['k-123', 'hunter2']
    """
    waiting: list[Any] = [values]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, Mapping):
            for name, inner in value.items():
                if isinstance(inner, str) and _CALLED.search(str(name)):
                    yield inner
                else:
                    waiting.append(inner)
        elif isinstance(value, list | tuple):
            waiting += value


def masked(text: str, secrets: Iterable[str]) -> str:
    """A text with each secret replaced, the longest first.

    >>> masked("key k-123, again k-123", ["k-123"])
    'key ***, again ***'
    """
    for secret in sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
