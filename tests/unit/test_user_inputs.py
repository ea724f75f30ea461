"""What a job asks for before it runs: how it is asked, and what a launch may give."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from data_factory.engine.user_inputs import launch_input, unanswerable, user_input_errors, user_inputs
from data_factory.model.definitions import UserInput, UserInputBody
from data_factory.model.errors import Invalid

FILE_ID = "0f" * 32
FILE = {"url": f"http://here/v1/data_factory/files/{FILE_ID}/content"}
STRANGE = {"url": f"http://here/v1/data_factory/files/{'ab' * 32}/content"}


def bodies(*given: dict[str, Any]) -> tuple[UserInputBody, ...]:
    return tuple(msgspec.convert({"key": f"k{n}", **one}, UserInputBody) for n, one in enumerate(given))


def asked(**given: Any) -> tuple[UserInput, ...]:
    """One user input `it`."""
    made = bodies({"key": "it", **given})
    assert not list(user_input_errors(made))
    return user_inputs(made)


def launched(inputs: tuple[UserInput, ...], **given: Any) -> dict[str, Any]:
    text = launch_input(inputs, msgspec.json.encode(given).decode(), {FILE_ID})
    answer: dict[str, Any] = msgspec.json.decode(text)
    return answer


def refused(inputs: tuple[UserInput, ...], **given: Any) -> list[str]:
    with pytest.raises(Invalid) as refusal:
        launched(inputs, **given)
    return [error.path for error in refusal.value.errors]


CHOICES = [{"key": "eng"}, {"value": "fra", "title": "French"}]


@pytest.mark.parametrize(
    ("type", "right", "wrong"),
    [
        ("TEXT", ["", "a", "10"], [1, True, [], {}]),
        ("TEXTAREA", ["a\nb"], [1.5, ["a"]]),
        ("NUMBER", [0, -1, 1.5], ["1", True, []]),
        ("BOOLEAN", [True, False], [0, 1, "true"]),
        (
            "DATE",
            ["2026-02-28", "2026-02-28T23:59", "2026-02-28T23:59:59.123Z", "2024-02-29T00:00:00+02:00"],
            ["2026-02-29", "28/02/2026", "20260228", "2026-W01-1", "2026-02-28T25:00", "", 20260228, "2026-02-28\n"],
        ),
        ("SELECT", ["eng", "fra"], ["deu", "French", "", 1, ["eng"], {"key": "eng"}]),
        ("MULTI_SELECT", [[], ["eng"], ["fra", "eng"]], ["eng", {"eng": 1}]),
        ("FILE", [FILE, {**FILE, "filename": "a.xml"}], [FILE["url"], STRANGE, {}, {"url": "http://here/a"}, [FILE]]),
        ("FILES", [[], [FILE, FILE]], [FILE, "a"]),
    ],
)
def test_a_value_is_of_its_type(type: str, right: list[Any], wrong: list[Any]) -> None:
    inputs = asked(type=type, options=CHOICES if "SELECT" in type else [])
    for value in right:
        assert launched(inputs, it=value) == {"it": value}
    for value in wrong:
        assert refused(inputs, it=value) == ["input.it"], value


def test_what_is_wrong_in_a_list_has_its_place() -> None:
    many = asked(type="MULTI_SELECT", options=[*CHOICES, {"key": "ita"}])
    assert refused(many, it=["eng", "deu", "eng"]) == ["input.it[1]", "input.it[2]"]
    assert refused(many, it=["eng"] * 4) == ["input.it"]
    assert refused(asked(type="FILES"), it=[FILE, STRANGE, 7]) == ["input.it[1]", "input.it[2]"]


@pytest.mark.parametrize("nothing", [{}, {"it": None}, {"it": ""}, {"it": []}])
def test_what_is_required_must_be_there(nothing: dict[str, Any]) -> None:
    assert refused(asked(type="TEXT", required=True), **nothing) == ["input.it"]


def test_what_is_not_required_may_be_missing() -> None:
    assert launched(asked(type="NUMBER"), other=1) == {"other": 1}
    assert launched(asked(type="NUMBER"), it=None) == {"it": None}
    assert launched(asked(type="BOOLEAN", required=True), it=False) == {"it": False}


@pytest.mark.parametrize("spelling", ["default", "defaultValue"])
def test_a_default_is_filled_in(spelling: str) -> None:
    inputs = asked(type="NUMBER", required=True, **{spelling: 7})
    assert launched(inputs) == launched(inputs, it=None) == {"it": 7}
    assert launched(inputs, it=0, other=1) == {"it": 0, "other": 1}
    assert refused(inputs, it="7") == ["input.it"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    inputs = user_inputs(bodies({"type": "TEXT", "required": True}, {"type": "NUMBER"}, {"type": "DATE"}))
    assert refused(inputs, k1="x", k2="y") == ["input.k0", "input.k1", "input.k2"]


def test_of_many_errors_a_hundred_are_told() -> None:
    assert len(refused(asked(type="FILES"), it=[0] * 100_000)) == 101


def test_what_nobody_can_leave_out() -> None:
    inputs = user_inputs(
        bodies({"type": "TEXT", "required": True}, {"type": "TEXT"}, {"type": "TEXT", "required": True, "default": "x"})
    )
    assert unanswerable(inputs) == ("k0",)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"key": "context", "type": "TEXT"}, "key"),
        ({"type": "TEXT", "options": CHOICES}, "options"),
        ({"type": "SELECT"}, "options"),
        ({"type": "MULTI_SELECT", "options": [*CHOICES, {"key": "eng"}]}, "options[2].key"),
        ({"type": "SELECT", "options": [{"title": "x"}]}, "options[0].key"),
        ({"type": "SELECT", "options": [{"key": "a", "value": "b"}]}, "options[0].value"),
        ({"type": "SELECT", "options": CHOICES, "default": "deu"}, "default"),
        ({"type": "NUMBER", "defaultValue": "7"}, "defaultValue"),
        ({"type": "NUMBER", "defaultValue": 7, "default": 8}, "default"),
        ({"type": "MULTI_SELECT", "options": CHOICES, "default": ["eng", "x"]}, "default[1]"),
    ],
)
def test_what_is_asked_badly(given: dict[str, Any], path: str) -> None:
    assert [error.path for error in user_input_errors(bodies(given))] == [f"userInputs[0].{path}"]


def test_a_key_is_asked_for_once() -> None:
    twice = bodies({"key": "a", "type": "TEXT"}, {"key": "a", "type": "DATE"})
    assert [error.path for error in user_input_errors(twice)] == ["userInputs[1].key"]


def test_the_default_may_be_a_file_that_is_not_known_yet() -> None:
    assert not list(user_input_errors(bodies({"type": "FILE", "default": STRANGE})))
    assert launched(asked(type="FILE", default=STRANGE)) == {"it": STRANGE}
