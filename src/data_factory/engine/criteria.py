"""Whether a resource is what a find asks for: a criterion, checked and compiled to a function of the resource as the
API shows it. It is the one meaning of a criterion, whatever store the resource is kept in."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import UNSET

from data_factory.model.criteria import OPERATORS, Criterion, Field
from data_factory.model.errors import FieldError, Invalid, first_errors, member

Predicate = Callable[[Mapping[str, Any]], bool]
Fields = Mapping[str, Field]

MAX_DEPTH: Final = 10
MAX_CRITERIA: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ORDERED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "greater": operator.gt,
    "greaterOrEqual": operator.ge,
    "lower": operator.lt,
    "lowerOrEqual": operator.le,
}


def compile_criterion(criterion: Criterion, fields: Fields, path: str = "") -> Predicate:
    """A function that says whether a resource is what is looked for; `path` is where the criterion was sent.

    Raises:
        Invalid: with everything that is wrong: an unknown field, an operator that does not fit it, a wrong value.

    >>> is_wanted = compile_criterion(Criterion(type="contains", field="title", value="Ü"), {"title": Field("text")})
    >>> is_wanted({"title": "über"}), is_wanted({"title": None})
    (True, False)
    """
    if errors := first_errors(_errors(criterion, fields, path)):
        raise Invalid(errors=errors)
    return _compiled(criterion, fields)


def value_at(shown: Mapping[str, Any], name: str) -> Any:
    """What a resource has in a field; None where the way to it ends.

    >>> value_at({"failure": {"code": "x"}}, "failure.code"), value_at({"failure": None}, "failure.code")
    ('x', None)
    """
    value: Any = shown
    for step in name.split("."):
        if isinstance(value, msgspec.Raw):
            value = msgspec.json.decode(value)
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def pinned(criterion: Criterion, field: str) -> frozenset[str] | None:
    """The only texts that a field can have where a criterion holds, in lower case; None if it can have others.

    >>> pinned(Criterion(type="in", field="status", value=["FAILED", "PENDING"]), "status") == {"failed", "pending"}
    True
    """
    match criterion.type:
        case "eq" if criterion.field == field and isinstance(criterion.value, str):
            return frozenset({criterion.value.lower()})
        case "in" if criterion.field == field and all(isinstance(one, str) for one in criterion.value):
            return frozenset(one.lower() for one in criterion.value)
        case "and" | "or":
            inner = [pinned(one, field) for one in criterion.queries or ()]
            known = [one for one in inner if one is not None]
            if criterion.type == "or":
                return frozenset[str]().union(*known) if inner and len(known) == len(inner) else None
            return known[0].intersection(*known[1:]) if known else None
    return None


def bounds(criterion: Criterion, field: str) -> tuple[int | None, int | None]:
    """Between which times, in milliseconds, a field must be where a criterion holds; None: no bound."""
    match criterion.type:
        case "greater" | "greaterOrEqual" if criterion.field == field:
            return _instant(criterion.value) // 1000, None
        case "lower" | "lowerOrEqual" if criterion.field == field:
            return None, _instant(criterion.value) // 1000
        case "and":
            inner = [bounds(one, field) for one in criterion.queries or ()]
            least = max((low for low, _ in inner if low is not None), default=None)
            return least, min((high for _, high in inner if high is not None), default=None)
    return None, None


def _compiled(criterion: Criterion, fields: Fields) -> Predicate:
    if criterion.type is UNSET:
        return lambda _shown: True
    if criterion.type in ("and", "or"):
        inner = [_compiled(one, fields) for one in criterion.queries or ()]
        if criterion.type == "and":
            return lambda shown: all(holds(shown) for holds in inner)
        return lambda shown: any(holds(shown) for holds in inner)
    name, field = str(criterion.field), fields[str(criterion.field)]
    holds = _comparison(criterion, field)
    if "." in name:
        return lambda shown: holds(value_at(shown, name))
    return lambda shown: holds(shown.get(name))


def _comparison(criterion: Criterion, field: Field) -> Callable[[Any], bool]:
    """What must hold for the value of the field."""
    folded = field.kind == "text" and not criterion.case_sensitive

    def plain(value: Any) -> Any:
        if field.kind == "time" and value is not None:
            return _instant(value)
        return value.casefold() if folded and isinstance(value, str) else value

    seen = plain if folded or field.kind == "time" else lambda value: value
    if criterion.type == "exists":
        return lambda value: (value is not None) == (criterion.value is not False)
    if criterion.type == "in":
        wanted_ones = [plain(one) for one in criterion.value]
        return lambda value: seen(value) in wanted_ones
    wanted = plain(criterion.value)
    match criterion.type:
        case "eq":
            return lambda value: bool(seen(value) == wanted)
        case "neq":
            return lambda value: bool(seen(value) != wanted)
        case "contains":
            return lambda value: value is not None and wanted in seen(value)
        case "startsWith":
            return lambda value: value is not None and seen(value).startswith(wanted)
        case "search":
            words = wanted.split()
            return lambda value: value is not None and all(word in seen(value) for word in words)
    compare = _ORDERED[str(criterion.type)]
    return lambda value: value is not None and compare(seen(value), wanted)


def _errors(criterion: Criterion, fields: Fields, path: str) -> Iterator[FieldError]:
    if sum(1 for _ in _all(criterion, 0)) > MAX_CRITERIA:
        yield FieldError(path, f"has more than {MAX_CRITERIA} criteria, or more than {MAX_DEPTH} in each other")
        return
    yield from _errors_in(criterion, fields, path)


def _all(criterion: Criterion, depth: int) -> Iterator[Criterion]:
    """All criteria in one; more than there may be if they are too deep."""
    if depth > MAX_DEPTH:
        yield from [criterion] * (MAX_CRITERIA + 1)
        return
    yield criterion
    for one in criterion.queries or ():
        yield from _all(one, depth + 1)


def _errors_in(criterion: Criterion, fields: Fields, path: str) -> Iterator[FieldError]:
    if criterion.type in ("and", "or"):
        for name in ("field", "value"):
            if getattr(criterion, name) is not UNSET:
                yield FieldError(member(path, name), f"has no meaning beside {criterion.type}")
        if not criterion.queries:
            yield FieldError(member(path, "queries"), "is required: the criteria")
        for index, one in enumerate(criterion.queries or ()):
            yield from _errors_in(one, fields, f"{member(path, 'queries')}[{index}]")
        return
    if criterion.type is UNSET:
        given = criterion.field, criterion.value, criterion.queries
        if path or any(one is not UNSET for one in given):
            yield FieldError(member(path, "type"), "is required: the operator, `and`, or `or`")
        return
    if criterion.queries is not UNSET:
        yield FieldError(member(path, "queries"), "has no meaning beside an operator")
    field = fields.get(str(criterion.field))
    if field is None:
        yield FieldError(member(path, "field"), f"expected one of {', '.join(sorted(fields))}")
    elif criterion.type not in OPERATORS[field.kind]:
        fitting = ", ".join(sorted(OPERATORS[field.kind]))
        yield FieldError(member(path, "type"), f"of the field {criterion.field} expected one of {fitting}")
    else:
        yield from _value_errors(criterion, field, member(path, "value"))


def _value_errors(criterion: Criterion, field: Field, path: str) -> Iterator[FieldError]:
    value = criterion.value
    if criterion.type == "exists":
        if value is not UNSET and not isinstance(value, bool):
            yield FieldError(path, "expected true or false")
    elif value is UNSET:
        yield FieldError(path, "is required")
    elif criterion.type == "in":
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_CRITERIA:
            yield FieldError(path, f"expected a list of 1 to {MAX_CRITERIA} values")
            return
        for index, one in enumerate(value):
            if wrong := _misfit(one, field):
                yield FieldError(f"{path}[{index}]", wrong)
    elif not (value is None and criterion.type in ("eq", "neq")) and (wrong := _misfit(value, field)):
        yield FieldError(path, wrong)


def _misfit(value: Any, field: Field) -> str:
    """Why a value is none of a field; empty if it may be one."""
    match field.kind:
        case "text":
            return "" if isinstance(value, str) else "expected a text"
        case "choice":
            return "" if value in field.values else f"expected one of {', '.join(field.values)}"
        case "number":
            return "" if isinstance(value, int | float) and not isinstance(value, bool) else "expected a number"
        case "boolean":
            return "" if isinstance(value, bool) else "expected true or false"
        case "time":
            try:
                return "" if _moment(value).tzinfo else "expected a time with its zone: 2026-11-23T18:06:25.615Z"
            except (TypeError, ValueError):
                return "expected a time in ISO 8601: 2026-11-23T18:06:25.615Z"


def _moment(value: Any) -> datetime:
    return datetime.fromisoformat(value)


def _instant(value: str | int) -> int:
    """A time in microseconds since the epoch, from what a client has sent or what is kept."""
    return value * 1000 if isinstance(value, int) else (_moment(value) - _EPOCH) // _MICROSECOND
