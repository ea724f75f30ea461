"""JSONPath as expressions read it: RFC 9535 on a scope of named tasks, with bounded work.

A path begins with `workflow` or the reference name of a task. One that can name only one value (keys and indexes) gives
that value or `None`; any other (wildcard, filter, slice, `..`) gives the list of its matches:

    compile_path("extract.output.rows[0].my-key").resolve(scope)
    compile_path("extract.output.rows[?@.price > 10].sku").resolve(scope)

Wider than the RFC: `$.` before the first name may be left out, and a name after a dot may begin with a digit or hold
hyphens. Narrower: the functions with regular expressions, `match` and `search`, do not exist, since a pattern can be
written that never ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathMatch
from jsonpath.exceptions import JSONPathError
from jsonpath.filter import BaseExpression, IntegerLiteral, RelativeFilterQuery, RootFilterQuery, walk
from jsonpath.function_extensions import Count, Length, Value
from jsonpath.lex import Lexer
from jsonpath.parse import Parser
from jsonpath.segments import JSONPathChildSegment, JSONPathSegment
from jsonpath.selectors import Filter, IndexSelector, JSONPathSelector, KeysFilter, NameSelector, SliceSelector
from jsonpath.stream import TokenStream

WORKFLOW = "workflow"
MAX_LENGTH = 4_000
MAX_PARTS = 100
MAX_STEPS = 500_000

Read = tuple[str, str | None]
"""What a path reads first: `workflow` or a task, and which member of it, or `[…]`, by its place; else None."""

_PART = re.compile(r"[.\[(?!]|&&|\|\|")
_REFERENCE = re.compile(r"[A-Za-z0-9_-]+")
_INTEGER = re.compile(r"-?[0-9]+")


class PathError(ValueError):
    """The path is not one; the message says why."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A path to one value, walked key by key: the library takes some fifty times as long for the same."""

    keys: tuple[str | int, ...]
    reads: frozenset[Read]
    missing: str | None

    @property
    def references(self) -> frozenset[str]:
        return frozenset(reference for reference, _ in self.reads)

    def resolve(self, scope: Mapping[str, Any], room: object = None) -> Any:  # noqa: ARG002
        """The value, as it stands in the scope, or `missing` where there is none."""
        value: Any = scope
        try:
            for key in self.keys:
                if isinstance(value, str):  # in Python, "text"[0] is a letter
                    return self.missing
                value = value[key]
        except (LookupError, TypeError):
            return self.missing
        return value


@dataclass(frozen=True, slots=True)
class Query:
    """A path to any number of values."""

    path: JSONPath
    reads: frozenset[Read]

    @property
    def references(self) -> frozenset[str]:
        return frozenset(reference for reference, _ in self.reads)

    def resolve(self, scope: Mapping[str, Any], room: object = None) -> list[Any] | None:  # noqa: ARG002
        """The matches in document order; `None` when finding them takes more than `MAX_STEPS` or goes too deep."""
        try:
            return self.path.findall(scope, filter_context={"steps": MAX_STEPS})
        except (_TooMuchWork, JSONPathError, RecursionError):
            return None


@lru_cache(maxsize=1_024)
def compile_path(text: str) -> Lookup | Query:
    """Read a path, or raise `PathError`. Remembered, for the paths that are put together at evaluation."""
    if len(text) > MAX_LENGTH:
        raise PathError(f"longer than {MAX_LENGTH} characters")
    if len(_PART.findall(text)) > MAX_PARTS:
        raise PathError(f"more than {MAX_PARTS} steps and operators")
    root = "" if text.startswith("$") else "$" if text.startswith("[") else "$."
    try:
        tokens = TokenStream(_ENVIRONMENT.lexer.tokenize(root + text))
        path = _Path(env=_ENVIRONMENT, segments=_ENVIRONMENT.parser.parse(tokens))
        reads = frozenset(_reads(path))
    except JSONPathError as error:
        place = error.token.index - len(root) if error.token else -1
        where = f" at character {place + 1}" if place >= 0 else ""
        raise PathError(str(error.args[0]).replace("TOKEN_", "") + where) from error
    except (ValueError, OverflowError) as error:
        raise PathError(str(error)) from error
    if not path.singular_query():
        return Query(path, reads)
    keys = tuple(_key(segment.selectors[0]) for segment in path.segments)
    of_variable = len(keys) > 2 and keys[:2] == (WORKFLOW, "variable")
    return Lookup(keys, reads, missing="" if of_variable else None)


def _key(selector: JSONPathSelector) -> str | int:
    match selector:
        case NameSelector(name=str(name)):
            return name
        case IndexSelector(index=int(index)):
            return index
    raise TypeError(f"not a key: {selector}")


def _reads(path: JSONPath) -> Iterator[Read]:
    """The beginning of the path, and those of the `$` paths in its filters."""
    yield _beginning(path)
    for segment in path.segments:
        for selector in segment.selectors:
            if isinstance(selector, Filter):
                inner = (part.path for part in walk(selector.expression) if isinstance(part, RootFilterQuery))
                yield from map(_beginning, inner)


def _beginning(path: JSONPath) -> Read:
    first, second = path.segments[:1], path.segments[1:2]
    reference = _only_name(first)
    if reference is None or not _REFERENCE.fullmatch(reference):
        raise PathError(f"a path begins with `{WORKFLOW}` or the reference name of a task")
    return reference, _only_name(second) or _only_places(second)


def _only_places(segments: Sequence[JSONPathSegment]) -> str | None:
    """What is read by its place, as in an array: `[0]`, `[1:3]`."""
    match segments:
        case (JSONPathChildSegment(selectors=(IndexSelector() | SliceSelector() as place,)),):
            return f"[{place}]"
    return None


def _only_name(segments: Sequence[JSONPathSegment]) -> str | None:
    match segments:
        case (JSONPathChildSegment(selectors=(NameSelector(name=str(name)),)),):
            return name
    return None


class _TooMuchWork(Exception):
    """A query has used up its steps."""


def _spend(node: JSONPathMatch, steps: int) -> None:
    """Count the work where it is done: a short path (`..*..*..*`) may ask for more than any machine can do.

    The count travels in what the library calls the filter context, which it hands on from node to node.
    """
    left = cast("dict[str, int]", node.filter_context())
    left["steps"] -= steps
    if left["steps"] < 0:
        raise _TooMuchWork


class _Node(JSONPathMatch):
    """A match that counts, and that does not keep the path to itself, which nobody reads."""

    __slots__ = ()

    def new_child(self, obj: object, key: int | str) -> JSONPathMatch:  # noqa: ARG002
        _spend(self, 1)
        return _Node(filter_context=self.filter_context(), obj=obj, parent=None, parts=(), path="", root=self.root)

    def add_child(self, *children: JSONPathMatch) -> None:
        pass


class _Path(JSONPath):
    __slots__ = ()

    def finditer(self, data: Any, *, filter_context: Mapping[str, Any] | None = None) -> Iterable[JSONPathMatch]:
        root = _Node(filter_context=filter_context or {}, obj=data, parent=None, parts=(), path="", root=data)
        _spend(root, 1)
        matches: Iterable[JSONPathMatch] = (root,)
        for segment in self.segments:
            matches = segment.resolve(matches)
        return matches


class _Filter(Filter):
    __slots__ = ()

    def resolve(self, node: JSONPathMatch) -> Iterable[JSONPathMatch]:
        if isinstance(node.obj, Mapping | Sequence):
            _spend(node, len(node.obj))
        return super().resolve(node)


class _Slice(SliceSelector):
    """A slice of an array: the library also cuts strings, which the RFC does not."""

    __slots__ = ()

    def resolve(self, node: JSONPathMatch) -> Iterable[JSONPathMatch]:
        return () if isinstance(node.obj, str) else super().resolve(node)


class _Lexer(Lexer):
    key_pattern = r"[\u0080-\U0010FFFFA-Za-z0-9_-]+"


class _Parser(Parser):
    """Makes the nodes above, and keeps integers exact, which the library reads as floats."""

    def parse_absolute_query(self, stream: TokenStream) -> BaseExpression:
        stream.next()
        return RootFilterQuery(_Path(env=self.env, segments=self.parse_query(stream)))

    def parse_relative_query(self, stream: TokenStream) -> BaseExpression:
        stream.next()
        return RelativeFilterQuery(_Path(env=self.env, segments=self.parse_query(stream)))

    def parse_filter_selector(self, stream: TokenStream, *, keys: bool = False) -> Filter | KeysFilter:
        parsed = super().parse_filter_selector(stream, keys=keys)
        return _Filter(env=self.env, token=parsed.token, expression=parsed.expression)

    def parse_slice(self, stream: TokenStream) -> SliceSelector:
        parsed = super().parse_slice(stream)
        cut = parsed.slice
        return _Slice(env=self.env, token=parsed.token, start=cut.start, stop=cut.stop, step=cut.step)

    def parse_integer_literal(self, stream: TokenStream) -> BaseExpression:
        digits = stream.current().value
        parsed = super().parse_integer_literal(stream)
        return IntegerLiteral(value=int(digits)) if _INTEGER.fullmatch(digits) else parsed


class _Environment(JSONPathEnvironment):
    lexer_class = _Lexer
    parser_class = _Parser

    def setup_function_extensions(self) -> None:
        """Without `match` and `search`: `match(@.a, '(a+)+')` takes twice as long for each letter more in `a`."""
        self.function_extensions = {"count": Count(), "length": Length(), "value": Value()}


_ENVIRONMENT = _Environment(strict=True)
