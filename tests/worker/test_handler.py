from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from data_factory import Depends, FailForGood, Progress, TaskContext, WorkerError
from data_factory.worker.dependencies import Dependencies
from data_factory.worker.handler import Handler
from data_factory.worker.payload import InputInvalid, OutputInvalid
from data_factory.worker.task import Declaration

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass
class Input:
    power: int


@dataclass
class Out:
    rows: int


def handler(function: Callable[..., Any]) -> Handler:
    return Handler(Declaration(function=function, key="key"))


def run(function: Callable[..., Any], payload: dict[str, Any]) -> Any:
    made = handler(function)
    context = TaskContext(workdir=Path(), id="x")
    return made.finish(made.call(made.bind(payload).arguments, context), context)


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
    def any_number(*inputs: Input) -> None: ...

    def two_contexts(a: TaskContext, b: TaskContext) -> None: ...

    def unreadable(one: Input, other: threading.Event) -> None: ...

    class NoRun: ...

    def no_object(input: int) -> None: ...

    def no_object_out(input: Input) -> list[int]:
        return []

    def hidden(input: Decimal) -> None: ...

    for wrong, message in (
        (any_number, r"any_number: a task has parameters with names, not \*inputs"),
        (two_contexts, "one TaskContext is enough"),
        (unreadable, "unreadable: other cannot be read from JSON: it is a Event"),
        (NoRun, "a class that is a task has a method `run`"),
        (no_object, "int is not the type of a JSON object"),
        (no_object_out, r"list\[int\] is not the type of a JSON object"),
        (hidden, "an annotation cannot be understood: name 'Decimal'"),
    ):
        with pytest.raises(WorkerError, match=message):
            handler(wrong)


# Parameters by name


def test_members_of_the_input_are_given_by_name() -> None:
    def area(width: int, height: float = 2, *, rows: list[Input] = [], ctx: TaskContext) -> dict[str, Any]:  # noqa: B006
        return {"area": width * height, "rows": [row.power for row in rows], "id": ctx.id}

    assert run(area, {"width": 3}) == {"area": 6, "rows": [], "id": "x"}
    assert run(area, {"width": 3, "height": 0.5, "rows": [{"power": 1}], "eventCorrelationId": "c", "more": 1}) == {
        "area": 1.5, "rows": [1], "id": "x",
    }  # fmt: skip
    with pytest.raises(InputInvalid) as caught:
        run(area, {"height": "tall", "rows": [{"power": "x"}]})
    assert caught.value.errors == [
        {"path": "width", "message": "is missing"},
        {"path": "height", "message": "Expected `float`, got `str`"},
        {"path": "rows[0].power", "message": "Expected `int`, got `str`"},
    ]


def test_one_parameter_of_no_object_is_a_member_and_input_is_always_the_whole() -> None:
    def square(side: int) -> dict[str, Any]:
        return {"area": side**2}

    def both(input: Input, factor: int) -> dict[str, Any]:
        return {"power": input.power * factor}

    assert run(square, {"side": 3}) == {"area": 9}
    assert run(both, {"power": 3, "factor": 4}) == {"power": 12}


# Classes, generators, dependencies


def test_a_generator_gives_all_that_it_yields_and_returns() -> None:
    def counts(input: Input, ctx: TaskContext) -> Generator[Progress | dict[str, Any], None, dict[str, Any]]:
        for done in range(input.power):
            yield Progress(done / input.power, f"{done} rows")
            yield {"rows": done + 1}
        return {"end": True}

    made, context = handler(counts), TaskContext()
    assert made.finish(made.call(made.bind({"power": 2}).arguments, context), context) == {"rows": 2, "end": True}
    assert context.notes.progress == Progress(0.5, "1 rows")


def test_what_a_generator_gives_is_checked_at_its_end() -> None:
    def too_little(input: Input) -> Iterator[Progress | Out]:
        yield Progress(0.1)

    def enough(input: Input) -> Iterator[Progress | Out]:
        yield Out(1)
        yield Out(2)

    def gives_up(input: Input) -> Iterator[Out | FailForGood]:
        yield FailForGood("no rows")

    assert run(enough, {"power": 1}) == {"rows": 2}
    with pytest.raises(OutputInvalid, match="rows: is missing"):
        run(too_little, {"power": 1})
    with pytest.raises(FailForGood, match="no rows"):
        run(gives_up, {"power": 1})


def test_a_generator_stops_at_its_next_yield_when_it_is_told_to() -> None:
    closed = []

    def endless(ctx: TaskContext) -> Iterator[Progress]:
        try:
            while True:
                ctx.cancellation.set()
                yield Progress(message="on and on")
        finally:
            closed.append(True)

    with pytest.raises(asyncio.CancelledError):
        run(endless, {})
    assert closed == [True]


def test_an_asynchronous_generator_does_the_same() -> None:
    async def counts(power: int) -> AsyncIterator[Progress | dict[str, int]]:
        for done in range(power):
            yield {"rows": done}

    made, context = handler(counts), TaskContext()
    assert made.is_async
    returned = asyncio.run(made.call_async(made.bind({"power": 3}).arguments, context))
    assert made.finish(returned, context) == {"rows": 2}


happened: list[str] = []


class Pool:
    def __init__(self, name: str) -> None:
        self.name = name


def settings() -> str:
    happened.append("settings")
    return "db"


async def open_pool(name: Annotated[str, Depends(settings)]) -> AsyncIterator[Pool]:
    happened.append("open pool")
    yield Pool(name)
    happened.append("close pool")


def open_file(pool: Annotated[Pool, Depends(open_pool)]) -> Iterator[str]:
    yield f"file of {pool.name}"
    happened.append("close file")


def needs_something(name: str) -> str:
    return name


class Count:
    """A task with a dependency and a lifetime of its own."""

    def __init__(self, pool: Annotated[Pool, Depends(open_pool)]) -> None:
        self.pool = pool

    def __enter__(self) -> Count:
        return self

    def __exit__(self, *error: object) -> None:
        happened.append("exit class")

    def run(self, input: Input) -> dict[str, Any]:
        return {"power": input.power, "pool": self.pool.name}


def reads_file(power: int, file: Annotated[str, Depends(open_file)]) -> dict[str, Any]:
    return {"power": power, "file": file}


def wants_something(input: Input, it: Annotated[str, Depends(needs_something)]) -> None: ...


def test_dependencies_are_made_once_and_closed_in_the_opposite_order() -> None:
    async def work() -> list[Any]:
        async with Dependencies() as dependencies:
            outputs = []
            for one in (Count, reads_file):
                made = handler(one)
                await made.open(dependencies)
                outputs.append(made.call(made.bind({"power": 1}).arguments, TaskContext()))
            return outputs

    happened.clear()
    assert asyncio.run(work()) == [{"power": 1, "pool": "db"}, {"power": 1, "file": "file of db"}]
    assert happened == ["settings", "open pool", "close file", "exit class", "close pool"]


def test_a_dependency_that_cannot_be_made_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def open_it(function: Any) -> None:
        async with Dependencies() as dependencies:
            await handler(function).open(dependencies)

    with pytest.raises(WorkerError, match=r"needs_something: what is 'name'\? Annotate it"):
        asyncio.run(open_it(wants_something))
    monkeypatch.setitem(needs_something.__annotations__, "name", "Annotated[str, Depends(needs_something)]")
    with pytest.raises(WorkerError, match="a dependency needs itself: needs_something → needs_something"):
        asyncio.run(open_it(wants_something))


# The context


def test_a_context_is_there_only_where_a_task_runs() -> None:
    with pytest.raises(LookupError, match="no task of Data Factory runs here"):
        TaskContext.current()


def test_a_folder_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    made: list[Path] = []

    def make() -> Path:
        made.append(tmp_path / "work")
        return made[-1]

    context = TaskContext(make_workdir=make)
    assert "workdir" not in repr(context)
    assert not made
    assert (context.workdir, context.workdir) == (tmp_path / "work", tmp_path / "work")
    assert len(made) == 1
    with pytest.raises(AttributeError, match="no 'workspace'"):
        _ = context.workspace  # type: ignore[attr-defined]


@pytest.mark.parametrize(("ratio", "message"), [(1.5, ""), (-0.1, ""), (float("nan"), ""), (None, "x" * 1_001)])
def test_progress_that_no_server_takes_is_refused(ratio: float | None, message: str) -> None:
    with pytest.raises(ValueError, match="of a progress"):
        TaskContext().progress(ratio, message)


def test_what_is_saved_is_a_copy_and_adds_up() -> None:
    context, rows = TaskContext(), [1]
    context.save({"rows": rows, "page": 1})
    rows.append(2)
    context.save({"page": 2})
    assert context.notes.saved == {"rows": [1], "page": 2}
    with pytest.raises(TypeError, match="Expected an object, got `set`"):
        context.save({1})
