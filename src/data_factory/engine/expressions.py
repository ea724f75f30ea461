"""The `${…}` expressions of a job: compiled with the job, evaluated for each of its executions.

    template = compile_template({"power": "${workflow.input.power}", "note": "of ${first.output.name}"})
    template.reads  # frozenset({"first"}): what to load before evaluating
    template.resolve(scope)  # {"power": 10, "note": "of Ada"}

- A string that is one expression and nothing else becomes the value itself, whatever its type. Beside other text or
  another expression, a value is inserted as text: a string as it is, anything else as compact JSON.
- A path that leads nowhere gives null, and "" under `workflow.variable`. `${}` gives "". Evaluation never fails.
- `$${x}` is the text `${x}`. A `${` that is never closed is text too, as in Conductor.
- `${a.output.${b.output.key}}` is evaluated inside out: the inner value becomes a part of the outer path. Between
  quotes (`${a.output['${b.output.key}']}`) it is that name or string and nothing else, whatever it holds. The whole
  path is then known only at evaluation; one that is not valid gives null.
- What was inserted is never read for expressions again.

`data_factory.engine.paths` says what may stand in an expression.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from data_factory.engine.interpolation import MAX_NESTING, Expression, NestedTooDeep, parse
from data_factory.engine.paths import MAX_STEPS, WORKFLOW, Lookup, PathError, compile_path
from data_factory.model.errors import FieldError, Invalid, member
from data_factory.model.variables import changed, has_marks, shown_text

MAX_DEPTH = 100
MAX_ERRORS = 100

_BEGINNING = re.compile(r"\s*(?:\$\.)?([A-Za-z0-9_-]+)(?=[.\[])(?:\.([A-Za-z0-9_-]+)(?=[.\[]))?")
"""A path whose end is not known: what it reads first and, where a dot or a bracket comes after it, which member."""


class ExpressionErrors(Invalid):
    """The expressions are not valid. `mentions` are those of the expressions that are."""

    def __init__(self, errors: tuple[FieldError, ...], mentions: tuple[Mention, ...]) -> None:
        super().__init__(errors=errors)
        self.mentions = mentions


class ValueTooLarge(Exception):
    """The value would be larger than it may be."""


class Room:
    """How much larger a value may become, in characters of JSON."""

    __slots__ = ("_left", "_size")

    def __init__(self, size: int) -> None:
        self._left = self._size = size

    def take(self, length: int) -> None:
        """A text of this length is made; raises `ValueTooLarge` when there is no room for it."""
        self._left -= length
        if self._left < 0:
            raise ValueTooLarge

    def hold(self, value: Any) -> None:
        """Raise `ValueTooLarge` when a value surely has more characters; it looks at no more than there is room for.

        Parts of a value that are the same object take no memory again, but each is written again.
        """
        if self._size == sys.maxsize:
            return
        left = self._size
        waiting = [value]
        while waiting:
            one = waiting.pop()
            match one:
                case str():
                    left -= len(one) + 2
                case dict():
                    left -= 1 + 2 * len(one)
                    waiting += one.keys()
                    waiting += one.values()
                case list():
                    left -= 1 + len(one)
                    waiting += one
                case _:
                    left -= 1
            if left < 0:
                raise ValueTooLarge


@dataclass(frozen=True, slots=True)
class Mention:
    """What an expression reads: where it stands, `workflow` or a task, its text, and which member is read.

    `reference` is None when it is known only at evaluation which task that is (`${${workflow.input.task}.output}`), and
    `member` when it is not one name or place, or known only then.
    """

    path: str
    reference: str | None
    text: str
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A JSON value with expressions in it, compiled.

    `reads` names the tasks that evaluating may read, `reads_all` says that it may be any, `reads_workflow` whether
    `workflow` is read, and `reads_variables` whether variables of the account may be. `mentions` lists the same for
    each expression, in the order of the value. `copies` is how many times what is read may stand in the value, at the
    most.
    """

    reads: frozenset[str]
    reads_all: bool
    reads_workflow: bool
    reads_variables: bool
    mentions: tuple[Mention, ...]
    copies: int
    _root: _Node

    def resolve(self, scope: Mapping[str, Any], size: int = sys.maxsize) -> Any:
        """The value with each expression replaced by what it reads in `scope`.

        Raises `ValueTooLarge` rather than give a value that, as JSON, has more than `size` characters: what is put
        together from a large input many times over must not fill the memory first.

        `scope` is `{"workflow": {…}, "<reference>": {"input": …, "output": …, "status": …}, …}`. Parts of the scope and
        of the template stand in the result as they are, not copied: do not change it in place.
        """
        room = Room(size)
        value = self._root.resolve(scope, room)
        room.hold(value)
        return value


def compile_template(value: Any, path: str = "") -> Template:
    """Compile a JSON value that stands at `path`; `ExpressionErrors` names what is wrong with it, up to 100 things."""
    compiler = _Compiler()
    root = compiler.value(value, path, depth=0)
    if compiler.errors:
        raise compiler.refusal()
    names = {mention.reference for mention in compiler.mentions}
    return Template(
        reads=frozenset(name for name in names if name not in (WORKFLOW, None)),
        reads_all=None in names,
        reads_workflow=not names.isdisjoint({WORKFLOW, None}),
        reads_variables=compiler.reads_variables,
        mentions=tuple(compiler.mentions),
        copies=compiler.copies,
        _root=root,
    )


class _Node(Protocol):
    """A part of a template; `engine.paths` has two more: `Lookup` and `Query`."""

    def resolve(self, scope: Mapping[str, Any], room: Room) -> Any: ...


@dataclass(frozen=True, slots=True)
class _Constant:
    value: Any

    def resolve(self, scope: Mapping[str, Any], room: Room) -> Any:  # noqa: ARG002
        return self.value


@dataclass(frozen=True, slots=True)
class _Object:
    """`constants` has every key, so that copying it keeps their order."""

    constants: dict[str, Any]
    nodes: tuple[tuple[str, _Node], ...]

    def resolve(self, scope: Mapping[str, Any], room: Room) -> dict[str, Any]:
        resolved = self.constants.copy()
        for key, node in self.nodes:
            resolved[key] = node.resolve(scope, room)
        return resolved


@dataclass(frozen=True, slots=True)
class _Array:
    nodes: tuple[_Node, ...]

    def resolve(self, scope: Mapping[str, Any], room: Room) -> list[Any]:
        return [node.resolve(scope, room) for node in self.nodes]


@dataclass(frozen=True, slots=True)
class _Text:
    parts: tuple[str | _Node, ...]

    def resolve(self, scope: Mapping[str, Any], room: Room) -> str:
        texts = []
        for part in self.parts:
            texts.append(part if isinstance(part, str) else _as_text(part.resolve(scope, room)))
            room.take(len(texts[-1]))
        return "".join(texts)


@dataclass(frozen=True, slots=True)
class _Quoted:
    """A value between quotes in a path: it cannot end the string that it stands in."""

    node: _Node
    quote: str

    def resolve(self, scope: Mapping[str, Any], room: Room) -> str:
        escaped = _quoted(_as_text(self.node.resolve(scope, room)))[1:-1]
        return escaped if self.quote == '"' else escaped.replace('\\"', '"').replace("'", "\\'")


@dataclass(frozen=True, slots=True)
class _Dynamic:
    """An expression whose path is itself a template. It may read what was announced (`reference`; None: any task)."""

    source: _Text
    reference: str | None

    def resolve(self, scope: Mapping[str, Any], room: Room) -> Any:
        source = self.source.resolve(scope, room).strip()
        if not source:
            return ""
        try:
            path = compile_path(source)
        except PathError:
            return None
        if self.reference is not None and path.references != {self.reference}:
            return None
        return path.resolve(scope, room)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        text = msgspec.json.encode(value).decode()
        # A secret cannot come into a text within a text: what it has of quotes would have to be escaped there.
        return msgspec.json.encode(changed(value, shown_text)).decode() if has_marks(text) else text
    except (RecursionError, UnicodeEncodeError):  # deeper than the stack, or half a surrogate pair in it
        return "null"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@dataclass(slots=True)
class _Compiler:
    """Walks a value and collects what there is to say about it."""

    errors: list[FieldError] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    reads_variables: bool = False
    copies: int = 0

    def value(self, value: Any, path: str, depth: int) -> _Node:
        match value:
            case str() if "${" in value:
                return self.string(value, path)
            case dict() | list() if depth == MAX_DEPTH:
                self.error(path, f"nested more than {MAX_DEPTH} deep")
            case dict():
                members = {key: self.value(item, member(path, key), depth + 1) for key, item in value.items()}
                changing = tuple((key, node) for key, node in members.items() if not isinstance(node, _Constant))
                constants = {key: node.value if isinstance(node, _Constant) else None for key, node in members.items()}
                return _Object(constants, changing) if changing else _Constant(constants)
            case list():
                nodes = tuple(self.value(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value))
                constant = [node.value for node in nodes if isinstance(node, _Constant)]
                return _Constant(constant) if len(constant) == len(nodes) else _Array(nodes)
        return _Constant(value)

    def string(self, text: str, path: str) -> _Node:
        try:
            parts = parse(text)
        except NestedTooDeep:
            self.error(path, f"expressions nested more than {MAX_NESTING} deep")
            return _Constant(text)
        match parts:
            case (Expression() as expression,):
                return self.expression(expression, path)
            case (str(only),):
                return _Constant(only)
        return _Text(tuple(part if isinstance(part, str) else self.expression(part, path) for part in parts))

    def expression(self, expression: Expression, path: str) -> _Node:
        match expression.parts:
            case ():
                return _Constant("")
            case (str(source),):
                return self.fixed(source.strip(), expression.text, path)
        return self.dynamic(expression, path)

    def fixed(self, source: str, text: str, path: str) -> _Node:
        if not source:
            return _Constant("")
        try:
            compiled = compile_path(source)
        except PathError as error:
            shown = text if len(text) <= 200 else f"{text[:200]}…"
            self.error(path, f"{shown} is not a valid expression: {error}")
            return _Constant(None)
        self.copies += 1 if isinstance(compiled, Lookup) else MAX_STEPS
        self.reads_variables |= WORKFLOW in compiled.references and "variable" in source
        for reference, name in sorted(compiled.reads, key=lambda read: (read[0], read[1] or "")):
            self.mentions.append(Mention(path, reference, text, name))
        return compiled

    def dynamic(self, expression: Expression, path: str) -> _Node:
        self.copies += MAX_STEPS
        written = [part if isinstance(part, str) else "" for part in expression.parts]
        begin = _BEGINNING.match(written[0])
        names_more = "$" in "".join(written)[begin.end() if begin else 0 :]
        if begin:
            self.mentions.append(Mention(path, begin[1], expression.text, begin[2]))
        if not begin or names_more:
            self.mentions.append(Mention(path, None, expression.text))
        self.reads_variables |= not begin or names_more or begin[1] == WORKFLOW
        parts = tuple(part if isinstance(part, str) else self.inner(part, path) for part in expression.parts)
        return _Dynamic(_Text(parts), reference=begin[1] if begin and not names_more else None)

    def inner(self, expression: Expression, path: str) -> _Node:
        node = self.expression(expression, path)
        return _Quoted(node, expression.quote) if expression.quote else node

    def error(self, path: str, message: str) -> None:
        self.errors.append(FieldError(path, message))
        if len(self.errors) == MAX_ERRORS:  # reading what is no path takes its time: not a million times
            raise self.refusal()

    def refusal(self) -> ExpressionErrors:
        return ExpressionErrors(tuple(self.errors), tuple(self.mentions))
