"""Tasks that are created, and brought up to date, from their code."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from data_factory import TaskContext, task
from data_factory.client import Client
from data_factory.worker.handler import Handler
from data_factory.worker.registration import definition_of
from data_factory.worker.task import declaration_of
from tests.running import until
from tests.standin.hosted import HostedPlatform
from tests.worker.clock import ManualClock
from tests.worker.conftest import make_worker, running
from tests.worker.test_on_the_hosted_platform import make_worker as make_hosted

pytestmark = pytest.mark.anyio


class Customer(pydantic.BaseModel):
    name: str


@dataclass
class Line:
    price: Annotated[float, msgspec.Meta(ge=0)]
    inner: Line | None = None


@dataclass
class Invoice:
    total: float
    report: Path | None = None


def invoice(customer: Customer, lines: list[Line], copies: int = 1, *, ctx: TaskContext) -> Invoice:
    """Write an invoice
    for a customer.

    And more, that is for programmers.
    """
    return Invoice(total=sum(line.price for line in lines))


def schemas(function: Callable[..., Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    declaration = declaration_of(task("key")(function))
    assert declaration is not None
    made = definition_of(Handler(declaration), "key")
    keys = [{one.key: json.loads(one.description) for one in many} for many in (made.input_keys, made.output_keys)]
    return made.description, keys[0], keys[1]


def test_a_definition_says_what_the_code_says() -> None:
    description, given, gives = schemas(invoice)
    assert description == "Write an invoice for a customer."
    assert given["copies"]["type"] == "integer"
    assert given["customer"]["properties"]["name"]["type"] == "string"
    assert given["customer"]["required"] is True
    assert given["lines"]["items"]["properties"]["price"] == {"type": "number", "minimum": 0}
    assert "required" not in given["copies"]
    assert set(given) == {"customer", "lines", "copies"}
    assert gives["total"] == {"type": "number", "required": True}


def test_what_is_only_an_object_has_no_keys() -> None:
    def plain(input: dict[str, Any]) -> dict[str, Any]:
        return input

    assert schemas(plain) == ("", {}, {})


async def begun(caplog: pytest.LogCaptureFixture, times: int = 1) -> None:
    def said() -> bool:
        return sum(record.message.startswith("running ") for record in caplog.records) == times

    await asyncio.to_thread(until, said, "the worker runs")


async def test_a_task_is_created_and_later_only_its_keys_change(
    server: str, api: Client, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    key = "registered-task"

    @task(key)
    def first(power: int) -> dict[str, int]:
        """Two to the power."""
        return {"result": 2**power}

    @task(key)
    def second(power: int, base: int = 2) -> dict[str, int]:
        return {"result": base**power}

    async with running(make_worker(server, first, clock=clock, register=True)):
        await begun(caplog)
        made = api.tasks.find(key)
    assert made is not None
    assert (made.description, [one.key for one in made.input_keys]) == ("Two to the power.", ["power"])
    api.tasks.update(made.id, {"key": key, "description": "by hand", "retryCount": 5})
    async with running(make_worker(server, second, clock=clock, register=True)):
        await begun(caplog, 2)
        again = api.tasks.get(made.id)
    assert (again.description, again.retry_count) == ("by hand", 5)
    assert [one.key for one in again.input_keys] == ["power", "base"]
    async with running(make_worker(server, second, clock=clock, register=True)):
        await begun(caplog, 3)
        assert api.tasks.get(made.id) == again


async def test_the_hosted_platform_gets_them_too(
    hosted: HostedPlatform, address: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def power(power: int) -> dict[str, int]:
        return {"result": 2**power}

    async with running(make_hosted(address, task("new-task")(power), clock=clock, register=True)):
        await begun(caplog)
        (made,) = hosted.tasks.values()
    assert made["key"] == "new-task"
    assert [one["key"] for one in made["inputKeys"]] == ["power"]
