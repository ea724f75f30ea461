"""The JavaScript of a job: the `expression` of a SWITCH and the `loopCondition` of a DO_WHILE, in a sandbox.

    evaluate(Script("$.power > 9 ? 'BIG' : 'SMALL'", '{"power": 10}'))    # Verdict(value='"BIG"', error=None)

A script has its data as `$` and nothing else: no file, no network, no clock to wait for, nothing of the script before.
Its value is that of its last statement, as in a console. It is given little time and memory, which it may use up.
"""

from __future__ import annotations

import json
import re
from typing import Final

import msgspec
import quickjs

MAX_SCRIPT_MS: Final = 100
"""How long a script may compute, in milliseconds of the processor."""

MAX_SCRIPT_BYTES: Final = 64 * 1024 * 1024
"""How much memory it may use, its data included."""

_STACK_BYTES: Final = 256 * 1024
_MESSAGE_LENGTH: Final = 300

_UNKEEPABLE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])", re.IGNORECASE)
"""In JSON as the engine writes it, where a whole pair of surrogates is never escaped."""

_RUN: Final = """(data, source) => {
    const { parse, stringify } = JSON, run = eval;
    globalThis.$ = parse(data);
    return stringify(run(source));
}"""


class Script(msgspec.Struct, frozen=True):
    """A script and its data, which is a JSON object."""

    source: str
    data: str


class Verdict(msgspec.Struct, frozen=True):
    """What a script gives: a JSON value (null for what JSON cannot say), or the `error` that it ended with."""

    value: str = "null"
    error: str | None = None

    @property
    def is_true(self) -> bool:
        """Whether the value is true as JavaScript sees it."""
        return self.value not in ("null", "false", "0", '""')

    @property
    def text(self) -> str:
        """The value as the name of a case: a string as it is, anything else as JSON."""
        return str(json.loads(self.value)) if self.value.startswith('"') else self.value


def evaluate(script: Script) -> Verdict:
    """Run a script. What is wrong with it is a part of the verdict, and never raised."""
    try:
        value = _context().eval(_RUN)(script.data, script.source)
    except quickjs.JSException as error:
        return Verdict(error=_what_went_wrong(error))
    if value is None:
        return Verdict()
    if "\\u" in value and _UNKEEPABLE.search(value):
        return Verdict(error="its value has a NUL character or half of a surrogate pair, which cannot be kept")
    return Verdict(value)


def syntax_error(source: str) -> str | None:
    """Why a text is not JavaScript; None if it is.

    >>> syntax_error("$.power > 9"), syntax_error("$.power >")
    (None, "SyntaxError: unexpected token in expression: '}'")
    """
    try:
        _context().eval(f"if (false) {{{source}\n}}")
    except quickjs.JSException as error:
        return _what_went_wrong(error)
    return None


def _context() -> quickjs.Context:
    context = quickjs.Context()
    context.set_memory_limit(MAX_SCRIPT_BYTES)
    context.set_max_stack_size(_STACK_BYTES)
    context.set_time_limit(MAX_SCRIPT_MS / 1000)
    return context


def _what_went_wrong(error: Exception) -> str:
    """The first line of what the engine says, in our words where it has none."""
    said = str(error).partition("\n")[0]
    match said:
        case "InternalError: interrupted":
            return f"it took longer than {MAX_SCRIPT_MS} milliseconds"
        case "null" | "InternalError: out of memory":
            return f"it needs more memory than {MAX_SCRIPT_BYTES // 1024**2} MiB"
        case _ if said.startswith("(Failed obtaining"):
            return "it threw something that cannot be shown as text"
    return said if len(said) <= _MESSAGE_LENGTH else f"{said[:_MESSAGE_LENGTH]}…"
