"""JSONPath in expressions: what a path may say, what it gives, and that its work is bounded."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_factory.engine import paths
from data_factory.engine.paths import Lookup, PathError, Query, compile_path

SCOPE = {
    "workflow": {"input": {"power": 10}, "variable": {"city": "Lyon"}},
    "a": {
        "output": {
            "rows": [{"x": 0, "tag": "u"}, {"x": 2, "tag": "it's"}, {"x": 2**53 + 1}],
            "grid": [[1, 2], [3]],
            "text": "abc",
            "my-key": "hyphen",
            "two words": "spaced",
            "1": {"ref": "first round"},
            "clé": "accent",
            "東京": "kanji",
            "🔑": "astral",
            "null": None,
            "2": "digit",
        },
        "status": "COMPLETED",
    },
    "b-2": {"output": {"x": 2}},
}


def read(path: str) -> Any:
    return compile_path(path).resolve(SCOPE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("workflow.input.power", 10),
        ("$.workflow.input.power", 10),
        ("['workflow']['input'].power", 10),
        ("$['workflow'].input.power", 10),
        ("b-2.output.x", 2),
        ("a.status", "COMPLETED"),
        ("a.output.my-key", "hyphen"),
        ("a.output['two words']", "spaced"),
        ('a.output["two words"]', "spaced"),
        ("a.output.1.ref", "first round"),
        ("a.output.2", "digit"),
        ("a.output.clé", "accent"),
        ("a.output.東京", "kanji"),
        ("a.output.🔑", "astral"),
        ("a.output['🔑']", "astral"),
        ("a.output.rows[0].tag", "u"),
        ("a.output.rows[-1].x", 2**53 + 1),
        ("a.output.grid[0][1]", 2),
        ("a.output.null", None),
    ],
)
def test_definite_path_gives_the_value(path, value):
    assert isinstance(compile_path(path), Lookup)
    assert read(path) == value


@pytest.mark.parametrize(
    "path",
    [
        "nobody.output.x",
        "a.output.nothing",
        "a.output.nothing.more",
        "a.output.rows[7]",
        "a.output.rows[-7]",
        "a.output.rows.x",
        "a.output.rows['0']",
        "a.output[0]",
        "a.output[2]",
        "a.output.text[0]",
        "a.output.text.length",
        "a.output.null.x",
        "workflow.input.power.x",
        "workflow.variables.city",
    ],
)
def test_missing_path_gives_null(path):
    assert read(path) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("workflow.variable.city", "Lyon"),
        ("workflow.variable.town", ""),
        ("workflow.variable['some town']", ""),
        ("workflow.variable.city.part", ""),
        ("workflow.variable", {"city": "Lyon"}),
    ],
)
def test_missing_variable_gives_the_empty_string(path, value):
    assert read(path) == value
    assert compile_path("workflow.variable.city").resolve({}) == ""


@pytest.mark.parametrize(
    ("path", "matches"),
    [
        ("a.output.rows[*].x", [0, 2, 2**53 + 1]),
        ("a.output.rows[?(@.x>1)].x", [2, 2**53 + 1]),
        ("a.output.rows[?@.x > 1 && @.tag].x", [2]),
        (r"a.output.rows[?@.tag == 'it\'s'].x", [2]),
        ("a.output.rows[?!@.tag].x", [2**53 + 1]),
        ("a.output.rows[?@.x == 9007199254740993].x", [2**53 + 1]),
        ("a.output.rows[?@.x == 9007199254740992].x", []),
        ("a.output.rows[?@.x == -1 || @.x == 2e0].x", [2]),
        ("a.output.rows[?length(@.tag) == 1].tag", ["u"]),
        ("a.output.grid[?count(@[*]) == 2]", [[1, 2]]),
        ("a.output.grid[?value(@[2:]) == 1]", []),
        ("a.output.rows[?@.x == $.b-2.output.x].tag", ["it's"]),
        ("a.output.rows[1:].x", [2, 2**53 + 1]),
        ("a.output.rows[::-1].x", [2**53 + 1, 2, 0]),
        ("a.output.text[0:2]", []),
        ("a.output['text', 'my-key']", ["abc", "hyphen"]),
        ("a.output.grid..[0]", [[1, 2], 1, 3]),
        ("a..tag", ["u", "it's"]),
        ("nobody[*]", []),
        ("workflow.variable[?@ == 'Lyon']", ["Lyon"]),
    ],
)
def test_indefinite_path_gives_the_list_of_matches(path, matches):
    assert isinstance(compile_path(path), Query)
    assert read(path) == matches


@pytest.mark.parametrize(
    ("path", "references"),
    [
        ("a.output.x", {"a"}),
        ("workflow.input.x", {"workflow"}),
        ("a[?@.x == $.b-2.output.x]", {"a", "b-2"}),
        ("a[?@.x[?$.c.y && @[?$.d[?$.e]]] || count($.workflow.input.*) > 1]", {"a", "c", "d", "e", "workflow"}),
    ],
)
def test_references_are_the_first_names_in_filters_too(path, references):
    assert compile_path(path).references == references


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a.output[", "unexpected end of query"),
        ("a.output.list[?(@.x>1].x", "unbalanced parentheses"),
        ("a.output[?@.x>]", "end of expression"),
        ("a.output['x", 'unexpected token "\'" at character 10'),
        ("a.output x", "unexpected token 'x' at character 10"),
        ("a.output.list.length()", "unexpected token '('"),
        ("a..", "expected"),
        ("a.output[01]", "leading zero"),
        ("a.output[9007199254740993]", "out of range"),
        ("a.output[1e3]", "1e3"),
        ("a.output[?@.x == 1e999]", "infinity"),
        ("$", "begins with"),
        ("*", "begins with"),
        ("$..a", "begins with"),
        ("$[0]", "begins with"),
        ("$['a', 'b']", "begins with"),
        ("été.output", "begins with"),
        ("a[?$..secret]", "begins with"),
        ("a[?count($.*) > 1]", "begins with"),
        ("a | b", "unexpected token"),
        ("a & b", "unexpected token"),
        ("a.~output", "unexpected token"),
        ("^.a", "unexpected token"),
        ("a[?_.secret]", "unexpected '_'"),
        ("a[?@.x =~ /(a+)+/]", "unexpected token"),
        ("a[?match(@.x, '(a+)+')]", "'match' is not defined"),
        ("a[?search(@.x, '(a+)+')]", "'search' is not defined"),
        ("a[?@ in ['x']]", "expected"),
        ("a" + ".a" * 101, "more than 100 steps"),
        ("a[?" + "(" * 100 + "@" + ")" * 100 + "]", "more than 100 steps"),
        ("a." + "x" * 4_000, "longer than 4000"),
    ],
)
def test_what_is_no_path_is_refused(path, message):
    with pytest.raises(PathError, match=re.escape(message)):
        compile_path(path)


NESTED: Any = 0
for _ in range(60):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    "path", ["a" + "[0,0]" * 40, "a" + "..*" * 8, "a" + "..[?@..*]" * 8, "a" + "[0,0]" * 40 + "[?1==2]"]
)
def test_explosive_path_is_given_up(path, monkeypatch):
    monkeypatch.setattr(paths, "MAX_STEPS", 5_000)
    assert compile_path(path).resolve({"a": NESTED}) is None


def test_every_row_that_a_filter_looks_at_counts(monkeypatch):
    monkeypatch.setattr(paths, "MAX_STEPS", 1_000)
    assert compile_path("a[0, 0, 0][?1 == 2]").resolve({"a": [[0] * 300]}) == []
    assert compile_path("a[0, 0, 0, 0][?1 == 2]").resolve({"a": [[0] * 300]}) is None


def test_a_descent_below_100_levels_gives_null():
    deep: Any = "bottom"
    for _ in range(150):
        deep = {"x": deep}
    assert compile_path("a..y").resolve({"a": deep}) is None
    assert compile_path("a" + ".x" * 99).resolve({"a": deep}) is not None


def test_a_comparison_that_goes_too_deep_gives_null():
    one: Any = 0
    other: Any = 0
    for _ in range(100_000):
        one, other = [one], [other]
    assert compile_path("a[?@ == $.b]").resolve({"a": [one], "b": other}) is None


NAMES = ["a", "b", "x", "é", "_", "true", "null", "length(", "count(", "value("]
SIGNS = ["$", "@", ".", "..", "[", "]", "[?", "(", ")", "'", '"', "\\", "*", ",", ":", "~", "#", " ", "\n"]
OPERATORS = ["==", "<", "&&", "||", "!", "0", "-1", "1e9", "1.5"]
FRAGMENTS = st.sampled_from(NAMES + SIGNS + OPERATORS)


@given(
    st.lists(FRAGMENTS, max_size=15).map("".join),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x", "0"]), inner),
        max_leaves=10,
    ),
)
def test_any_text_is_a_path_that_reads_or_is_refused(text, value):
    try:
        path = compile_path("a" + text)
    except PathError:
        return
    path.resolve({"a": value, "b": value})
