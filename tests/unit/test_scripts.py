"""The JavaScript of a job: what it sees, what it may not do, and how it fails."""

from __future__ import annotations

from time import process_time
from typing import Any

import msgspec
import pytest

from data_factory.engine.scripts import MAX_SCRIPT_MS, Script, Verdict, evaluate, syntax_error


def given(source: str, **data: Any) -> Verdict:
    return evaluate(Script(source, msgspec.json.encode(data).decode()))


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("$.power > 9", "true"),
        ("if ($.power > 9) { 'BIG'; } else { 'SMALL'; }", '"BIG"'),
        ("(function () { return $.list.length; })()", "2"),
        ("var total = 0; for (var i of $.list) { total += i; } total", "3"),
        ("undefined", "null"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("NaN", "null"),
        ("({a: [1, 'ü']})", '{"a":[1,"ü"]}'),
        ("", "null"),
    ],
)
def test_its_value_is_that_of_its_last_statement(source: str, value: str) -> None:
    assert given(source, power=10, list=[1, 2]) == Verdict(value)


@pytest.mark.parametrize(("value", "text"), [('"YES"', "YES"), ("7", "7"), ("true", "true"), ("null", "null")])
def test_as_the_name_of_a_case_a_string_is_as_it_is(value: str, text: str) -> None:
    assert Verdict(value).text == text


@pytest.mark.parametrize("value", ["null", "false", "0", '""'])
def test_these_are_not_true_and_all_else_is(value: str) -> None:
    assert not Verdict(value).is_true
    assert Verdict(f"[{value}]").is_true


@pytest.mark.parametrize(
    "name",
    ["require", "process", "std", "os", "print", "console", "fetch", "setTimeout", "XMLHttpRequest", "scriptArgs"],
)
def test_there_is_nothing_in_it_but_the_language(name: str) -> None:
    assert given(f"typeof {name}") == Verdict('"undefined"')


def test_no_module_can_be_imported() -> None:
    assert given("var found = 'nothing'; import('std').then(() => { found = 'std'; }); found") == Verdict('"nothing"')


def test_nothing_is_left_for_the_next_one() -> None:
    given("globalThis.kept = 1; Object.prototype.kept = 2; JSON.stringify = () => '3'")
    assert given("typeof kept + ({}).kept") == Verdict('"undefinedundefined"')


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("$.a.b.c", "TypeError: cannot read property 'c' of undefined"),
        ("throw new Error('no such way')", "Error: no such way"),
        ("throw 'no such way'", "no such way"),
        ("1 +", "SyntaxError: unexpected token in expression: ''"),
        ("BigInt(1)", "TypeError: Do not know how to serialize a BigInt"),
        ("var o = {}; o.o = o; o", "TypeError: circular reference"),
    ],
)
def test_what_goes_wrong_is_said_in_a_line(source: str, error: str) -> None:
    verdict = given(source, a={})
    assert verdict.error is not None
    assert verdict.error.lower() == error.lower() or verdict.error.startswith("TypeError")


@pytest.mark.parametrize("source", ["while (true) {}", "/(a+)+$/.test('a'.repeat(40) + 'b')"])
def test_one_that_does_not_end_is_stopped(source: str) -> None:
    begin = process_time()
    assert given(source) == Verdict(error=f"it took longer than {MAX_SCRIPT_MS} milliseconds")
    assert process_time() - begin < 10 * MAX_SCRIPT_MS / 1000


@pytest.mark.parametrize("source", ["'a'.repeat(1e9)", "new Array(1e8).fill(1)"])
def test_one_that_wants_all_memory_is_stopped(source: str) -> None:
    assert given(source) == Verdict(error="it needs more memory than 64 MiB")


def test_one_that_calls_itself_for_ever_is_stopped() -> None:
    assert "stack" in str(given("(function f() { f(); })()").error)


@pytest.mark.parametrize(
    "source", [r"'\u0000'", r"({a: ['x\u0000y']})", r"'\ud800'", r"'\\\udfff'", r"({'\udc00': 1})"]
)
def test_a_value_that_cannot_be_kept_is_an_error(source: str) -> None:
    assert "cannot be kept" in str(given(source).error)


@pytest.mark.parametrize(
    ("source", "value"), [(r"'\ud83d\ude00'", '"😀"'), (r"'\\u0000'", r'"\\u0000"'), (r"'\u0001'", r'"\u0001"')]
)
def test_what_only_looks_like_one_is_none(source: str, value: str) -> None:
    assert given(source) == Verdict(value)


def test_something_thrown_that_has_no_text_is_said_in_our_words() -> None:
    error = given("throw {toString() { throw 1; }}").error
    assert error == "it threw something that cannot be shown as text"


def test_a_long_message_is_cut() -> None:
    assert len(str(given("throw 'x'.repeat(100000)").error)) < 400


@pytest.mark.parametrize("source", ["$.a > 1", "if ($.a) { true; } else { false; }", "// only a remark", "'}'"])
def test_what_is_javascript_has_no_syntax_error(source: str) -> None:
    assert syntax_error(source) is None


@pytest.mark.parametrize("source", ["$.a >", "if (", "return 1", "'open", "}"])
def test_what_is_not_javascript_has_one(source: str) -> None:
    assert "SyntaxError" in str(syntax_error(source))
