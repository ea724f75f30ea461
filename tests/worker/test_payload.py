from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
import pydantic
import pydantic.dataclasses
import pytest

from data_factory.worker.payload import InputInvalid, OutputInvalid, reader_of, writer_of


@dataclass
class Row:
    price: float


@dataclass
class DataClass:
    power: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    name: str = "x"
    rows: list[Row] = field(default_factory=list)


class Typed(TypedDict):
    power: int
    name: NotRequired[str]


class Struct(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    power: int
    first_name: str = "x"


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    power: int = pydantic.Field(ge=0)
    first_name: str = pydantic.Field(default="x", alias="firstName")


@pydantic.dataclasses.dataclass
class PydanticDataClass:
    power: int


class WithContext(msgspec.Struct):
    context: dict[str, Any]


ALL = [DataClass, Typed, Struct, Model, PydanticDataClass]
FROM_THE_PLATFORM = {"eventCorrelationId": "cid", "context": {"jobId": "x"}}


def wrong(kind: Any, payload: dict[str, Any]) -> str:
    with pytest.raises(InputInvalid) as caught:
        reader_of(kind)(payload)
    return caught.value.message


@pytest.mark.parametrize("kind", ALL)
def test_what_the_platform_adds_never_disturbs(kind: Any) -> None:
    value = reader_of(kind)({"power": 10, **FROM_THE_PLATFORM})
    assert (value["power"] if kind is Typed else value.power) == 10


@pytest.mark.parametrize("kind", [dict, None, Any, dict[str, Any], Mapping[str, Any]], ids=str)
def test_a_plain_dict_has_the_business_input(kind: Any) -> None:
    assert reader_of(kind)({"power": 10, "extra": 1, "eventCorrelationId": "cid"}) == {"power": 10, "extra": 1}


@pytest.mark.parametrize("kind", [DataClass, Typed, PydanticDataClass])
def test_unknown_members_are_ignored(kind: Any) -> None:
    reader_of(kind)({"power": 10, "unknown": [1]})


def test_a_type_may_ask_for_the_context() -> None:
    assert reader_of(WithContext)(FROM_THE_PLATFORM).context == {"jobId": "x"}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("power", ["10", None, 10.5, True, [10]])
def test_nothing_is_quietly_turned_into_an_integer(kind: Any, power: Any) -> None:
    assert wrong(kind, {"power": power}).startswith("power: ")


def test_messages_have_the_official_shape_and_name_every_field() -> None:
    assert wrong(DataClass, {"power": "10"}) == "power: Expected `int`, got `str`"
    assert (
        wrong(DataClass, {"power": "10", "name": 3})
        == "power: Expected `int`, got `str`; name: Expected `str`, got `int`"
    )
    assert wrong(DataClass, {}) == "power: is missing"
    assert wrong(DataClass, {"power": -1}) == "power: Expected `int` >= 0"
    assert wrong(DataClass, {"power": 1, "rows": [{"price": 1}, {}]}) == "rows[1].price: is missing"
    assert wrong(Typed, {"name": 3}) == "power: is missing; name: Expected `str`, got `int`"
    assert wrong(Struct, {"power": 1, "firstName": 3}) == "firstName: Expected `str`, got `int`"
    assert wrong(Struct, {"power": 1, "more": 3}) == "more: is not known"
    assert wrong(Model, {"power": "x", "firstName": 3}) == (
        "power: Input should be a valid integer; firstName: Input should be a valid string"
    )
    assert wrong(Model, {"power": 1, "more": 3}) == "more: Extra inputs are not permitted"


def test_what_a_type_checks_by_itself_is_told() -> None:
    @dataclass
    class Even:
        power: int

        def __post_init__(self) -> None:
            if self.power % 2:
                raise ValueError("power has to be even")

    assert wrong(Even, {"power": 3}) == "power has to be even"


def test_models_inside_other_types() -> None:
    outer = msgspec.defstruct("Outer", [("models", list[Model])])
    assert reader_of(outer)({"models": [{"power": 1}]}).models == [Model(power=1)]
    assert wrong(outer, {"models": [{"power": 1}, {"power": "x"}]}) == (
        "models[1]: power: Input should be a valid integer"
    )
    written = writer_of(outer)(outer(models=[Model(power=1)]))
    assert written == {"models": [{"power": 1, "firstName": "x"}]}


# Output


def refused(kind: Any, value: Any) -> str:
    with pytest.raises(OutputInvalid) as caught:
        writer_of(kind)(value)
    return caught.value.message


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (DataClass, DataClass(1)), (Struct, Struct(1)), (Typed, {"power": 1}), (dict, {"power": 1}),
        (DataClass, {"power": 1}), (Struct, {"power": 1}), (Model, {"power": 1}), (None, {"power": 1}),
        (Model, Model(power=1)), (None, Model(power=1)), (PydanticDataClass, PydanticDataClass(1)),
    ],
    ids=str,
)  # fmt: skip
def test_what_can_be_returned(kind: Any, value: Any) -> None:
    assert writer_of(kind)(value)["power"] == 1


def test_nothing_is_an_empty_object() -> None:
    assert writer_of(None)(None) == {}
    assert writer_of(dict)(None) == {}
    assert refused(DataClass, None) == "Expected an object, got `NoneType`"


def test_an_output_is_checked_even_if_it_is_a_plain_dict() -> None:
    assert refused(DataClass, {"power": "x"}) == "power: Expected `int`, got `str`"
    assert refused(Typed, {"name": 1}) == "power: is missing; name: Expected `str`, got `int`"
    assert refused(Model, {"power": -1}) == "power: Input should be greater than or equal to 0"


def test_an_instance_with_wrong_fields_is_found_out() -> None:
    assert refused(DataClass, DataClass("x")) == "power: Expected `int`, got `str`"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1, 2}, "Expected an object, got `set`"),
        ([1], "Expected an object, got `list`"),
        ("text", "Expected an object, got `str`"),
        ({"x": object()}, "`object` cannot be sent as JSON"),
        ({"rows": [{"price": float("nan")}]}, "rows[0].price: nan is not a JSON number"),
        ({"x": float("inf")}, "x: inf is not a JSON number"),
        ({"a\0": 1}, "a\\x00: text must not hold a NUL character"),
        ({"x": "\ud800"}, "x: text must not hold half of a surrogate pair"),
        ({"\ud800": 1}, "\\ud800: text must not hold half of a surrogate pair"),
    ],
    ids=range(9),
)
def test_what_is_no_json_object_is_refused_with_its_place(value: Any, message: str) -> None:
    assert refused(None, value) == message


def test_sizes_without_end_are_refused() -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    assert refused(None, endless) == "it is nested too deeply: does it contain itself?"
    assert "4300 digits" in refused(None, {"x": 10**5000})
    assert refused(None, {("a", "b"): 1})


def test_other_values_are_written_as_json_has_them() -> None:
    written = writer_of(None)({"when": datetime(2026, 1, 1, tzinfo=UTC), 3: {"set": {1}}, "big": 2**100, "t": (1, 2)})
    assert json.loads(json.dumps(written)) == {
        "when": "2026-01-01T00:00:00Z", "3": {"set": [1]}, "big": 2**100, "t": [1, 2],
    }  # fmt: skip


def test_an_output_is_a_copy() -> None:
    rows = [1]
    written = writer_of(dict)({"rows": rows})
    rows.append(2)
    assert written == {"rows": [1]}


def test_pydantic_is_never_imported_by_us() -> None:
    program = (
        "import sys, typing, dataclasses\n"
        "from data_factory.worker.payload import reader_of, writer_of\n"
        "import data_factory.worker.worker\n"
        "T = typing.TypedDict('T', {'x': int})\n"
        "assert writer_of(T)(reader_of(T)({'x': 1})) == {'x': 1}\n"
        "print([name for name in sys.modules if 'pydantic' in name and not name.startswith('data_factory')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
