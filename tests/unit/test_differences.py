"""What differs between two versions of a job."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from data_factory.engine.differences import differences


def told(before: Any, after: Any) -> list[tuple[str, str, Any, Any]]:
    return [(one.kind, one.path, one.before, one.after) for one in differences(before, after)]


def job(*references: str, **more: Any) -> dict[str, Any]:
    tasks = [{"taskReferenceName": reference, "input": {"from": reference}} for reference in references]
    return {"title": "T", "tasks": tasks, **more}


def test_nothing() -> None:
    assert told(job("a", "b"), job("a", "b")) == []


def test_a_value_that_changed() -> None:
    before, after = job("a", output=None), job("a", output={"x": 1})
    after["tasks"][0]["input"]["from"] = "z"
    assert told(before, after) == [
        ("changed", "tasks[0].input.from", "a", "z"),
        ("changed", "output", None, {"x": 1}),
    ]
    assert told({"a": 1}, {"a": True}) == [("changed", "a", 1, True)]
    assert told({"a": [0, 1]}, {"a": [False, 1]}) == [("changed", "a[0]", 0, False)]


def test_tasks_are_told_apart_by_their_names() -> None:
    before, after = job("a", "b", "c"), job("new", "a", "c")
    assert told(before, after) == [
        ("removed", "tasks[1]", before["tasks"][1], None),
        ("added", "tasks[0]", None, after["tasks"][0]),
    ]


def test_tasks_that_changed_places() -> None:
    assert told(job("a", "b"), job("b", "a")) == [("moved", "tasks[0]", 1, 0), ("moved", "tasks[1]", 0, 1)]


def test_items_without_names_are_compared_by_place() -> None:
    assert told({"a": [1, 2, 3]}, {"a": [1, 4]}) == [("removed", "a[2]", 3, None), ("changed", "a[1]", 2, 4)]
    assert told({"a": []}, {"a": [{"key": "x"}]}) == [("added", "a[0]", None, {"key": "x"})]


_scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.text("ab", max_size=2)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b c", "key"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(_values, _values)
def test_two_values_differ_exactly_if_something_is_told(before: Any, after: Any) -> None:
    kept = deepcopy((before, after))
    assert (told(before, after) == []) == (repr_of(before) == repr_of(after))
    assert (before, after) == kept


def repr_of(value: Any) -> Any:
    """A value in which 1 and true are not the same, and the order of members does not count."""
    if isinstance(value, dict):
        return {"object": frozenset((key, repr(repr_of(inner))) for key, inner in value.items())}
    if isinstance(value, list):
        return [repr_of(inner) for inner in value]
    return (type(value).__name__, value)
