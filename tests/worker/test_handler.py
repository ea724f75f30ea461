from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from data_factory import TaskContext, WorkerError
from data_factory.worker.handler import Handler
from data_factory.worker.task import Declaration

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass
class Input:
    power: int


def handler(function: Callable[..., Any]) -> Handler:
    return Handler(Declaration(function, "key"))


def run(function: Callable[..., Any], payload: dict[str, Any]) -> Any:
    made = handler(function)
    return made.write(made.call(made.read(payload), TaskContext(workdir=Path(), id="x")))


def test_input_and_context_are_given_as_they_are_asked_for() -> None:
    def input_only(input: Input) -> dict[str, Any]:
        return {"power": input.power}

    def with_context(input: Input, ctx: TaskContext) -> dict[str, Any]:
        return {"power": input.power, "id": ctx.id}

    def context_first(ctx: TaskContext, anything: Input) -> dict[str, Any]:
        return {"power": anything.power, "id": ctx.id}

    def context_only(ctx: TaskContext) -> dict[str, Any]:
        return {"id": ctx.id}

    def optional_context(input: Input, c: TaskContext | None = None) -> dict[str, Any]:
        return {"id": c.id if c else None}

    def unannotated(input, ctx):
        return {"input": input, "id": ctx.id}

    def nothing() -> None: ...

    def more_with_defaults(input: Input, factor: int = 3) -> dict[str, Any]:
        return {"power": input.power * factor}

    payload = {"power": 2}
    assert run(input_only, payload) == {"power": 2}
    assert run(with_context, payload) == {"power": 2, "id": "x"}
    assert run(context_first, payload) == {"power": 2, "id": "x"}
    assert run(context_only, payload) == {"id": "x"}
    assert run(optional_context, payload) == {"id": "x"}
    assert run(unannotated, payload) == {"input": {"power": 2}, "id": "x"}
    assert run(nothing, payload) == {}
    assert run(more_with_defaults, payload) == {"power": 6}


def test_an_object_that_can_be_called_is_a_task_too() -> None:
    class Power:
        def __call__(self, input: Input) -> dict[str, Any]:
            return {"power": input.power}

        async def wait(self, input: Input) -> None: ...

    assert run(Power(), {"power": 2}) == {"power": 2}
    assert handler(Power().wait).is_async
    assert not handler(Power()).is_async


def test_what_cannot_be_run_is_refused_at_the_start() -> None:
    def two(a: Input, b: Input) -> None: ...

    def any_number(*inputs: Input) -> None: ...

    def generator(input: Input) -> Generator[int]:
        yield 1

    def no_object(input: int) -> None: ...

    def no_object_out(input: Input) -> list[int]:
        return []

    def hidden(input: Decimal) -> None: ...

    for wrong, message in (
        (two, "two: a task is f"),
        (any_number, "any_number: a task is f"),
        (generator, "generator is a generator"),
        (no_object, "int is not the type of a JSON object"),
        (no_object_out, r"list\[int\] is not the type of a JSON object"),
        (hidden, "an annotation cannot be understood: name 'Decimal'"),
    ):
        with pytest.raises(WorkerError, match=message):
            handler(wrong)
