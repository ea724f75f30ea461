"""Whether a program says what the page shows: the same, but for what differs each time.

An id, a time or a duration on the page stands for any, and the same id for the same one wherever it comes again, in
commands too. `…` stands for anything within a line; a line that is nothing else, for any number of lines. Two spaces or
more within a line are the gap between two columns, which are as wide as what stands in them.
"""

from __future__ import annotations

import json
import re
from typing import Final

_VARIES: Final = re.compile(
    r"(?P<id>\b(?:[0-9a-f]{64}|[0-9a-f]{24})\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"
    r"|(?P<second>\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)"
    r"|(?P<date>\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT)"
    r"|(?P<clock>\b\d\d:\d\d:\d\d\b)"
    r"|(?P<took>\b\d+(?:\.\d+)? (?:ms|s)\b)"
    r"|(?P<lines>^[ ]*…\n)"
    r"|(?P<gap>…)"
    r"|(?P<columns>(?<=\S)  +(?=\S))",
    re.MULTILINE,
)

_ANY: Final = {
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "second": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC",
    "date": r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT",
    "clock": r"\d\d:\d\d:\d\d",
    "took": r"\d+(?:\.\d+)? (?:ms|s)",
    "lines": r"(?:.*\n)*?",
    "gap": r".*?",
    "columns": r"  +",
}


class Ids:
    """Which id on the page stands for which real one."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def in_commands(self, text: str) -> str:
        """Commands as they are run: with the real ids."""
        return re.sub(r"\b(?:[0-9a-f]{64}|[0-9a-f]{24})\b", lambda id: self._real.get(id[0], id[0]), text)

    def match(self, shown: str, said: str, *, whole: bool = True) -> bool:
        """Whether `said` is like what is `shown`; if it is, the ids that are new on the page are remembered."""
        names: dict[str, str] = {}
        pattern, end = "", 0
        for varying in _VARIES.finditer(shown):
            pattern += re.escape(shown[end : varying.start()]) + self._pattern(varying, names)
            end = varying.end()
        pattern += re.escape(shown[end:])
        compiled = re.compile(pattern)
        found = compiled.fullmatch(said) if whole else compiled.match(said)
        if found is None:
            return False
        self._real |= {id: found[name] for id, name in names.items()}
        return True

    def _pattern(self, varying: re.Match[str], names: dict[str, str]) -> str:
        kind = varying.lastgroup or ""
        if kind != "id":
            return _ANY[kind]
        id = varying[0]
        if id in self._real:
            return re.escape(self._real[id])
        if id in names:
            return f"(?P={names[id]})"
        names[id] = f"id{len(names)}"
        return f"(?P<{names[id]}>[0-9a-f]{{{len(id)}}})"


def canonical(text: str) -> str:
    """JSON in one form, whatever its spaces and the order of its members."""
    return json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
