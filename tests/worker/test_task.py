from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from data_factory import Router, TaskContext, WorkerError, task
from data_factory.worker.roster import assign_ids
from data_factory.worker.task import Declaration, declaration_of, declarations_of

ID = "64c77a000000000000000001"


def declared(function: Any) -> Declaration:
    declaration = declaration_of(function)
    assert declaration is not None
    return declaration


def test_a_task_stays_the_function_that_it_was() -> None:
    def power(input: dict[str, int]) -> dict[str, int]:
        return {"result": 2 ** input["power"]}

    assert task("example-task")(power) is power
    assert power({"power": 10}) == {"result": 1024}
    assert (declared(power).key, declared(power).id, declared(power).name) == ("example-task", None, "power")


def test_a_task_is_named_by_key_by_id_or_by_neither() -> None:
    assert declared(task(id=ID)(lambda: None)).id == ID
    assert declared(task()(lambda: None)).key is None

    @task
    def bare() -> None: ...

    assert declared(bare).name == "bare"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"key": "a", "id": ID}, "a key or an id, not both"),
        ({"key": "two words"}, "a key has letters"),
        ({"id": "abc"}, "an id has 24"),
        ({"concurrency": 0}, "concurrency is at least 1"),
        ({"timeout": 0}, "timeout is a number of seconds above 0"),
        ({"rate": "often"}, 'a rate is written as "50/minute"'),
        ({"memory_limit": "512 MB"}, 'needs runs_in="process"'),
        ({"memory_limit": "512", "runs_in": "process"}, 'a size is written as "512 MB"'),
        ({"runs_in": "moon"}, 'runs_in is "thread", "process" or an Executor'),
    ],
)
def test_what_is_wrong_is_refused_where_it_stands(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(WorkerError, match=message):
        task(**arguments)


def test_a_function_is_one_task() -> None:
    with pytest.raises(WorkerError, match="twice"):
        task("b")(task("a")(lambda: None))


def test_a_function_that_is_no_task_is_named() -> None:
    def forgotten() -> None: ...

    with pytest.raises(WorkerError, match="forgotten is not a task"):
        declarations_of([forgotten])


# Which task is it?


def declarations(*names: str | None) -> list[Declaration]:
    return [Declaration(function=lambda: None, key=name) for name in names]


def test_a_single_task_may_have_its_id_from_the_environment() -> None:
    (assigned,) = assign_ids(declarations(None), {"TASK_DEFINITION_ID": ID})
    assert assigned.id == ID
    (keyed,) = assign_ids(declarations("power"), {"TASK_DEFINITION_ID": ID})
    assert (keyed.key, keyed.id) == ("power", ID)
    (fixed,) = assign_ids([Declaration(function=lambda: None, id=ID)], {"TASK_DEFINITION_ID": "f" * 24})
    assert fixed.id == ID


def test_many_tasks_need_names_of_their_own() -> None:
    assert [one.key for one in assign_ids(declarations("a", "b"), {"TASK_DEFINITION_ID": ID})] == ["a", "b"]
    with pytest.raises(WorkerError, match="which task is it"):
        assign_ids(declarations("a", None), {"TASK_DEFINITION_ID": ID})


@pytest.mark.parametrize(
    ("names", "environment", "message"),
    [
        ([], {}, "no task to run"),
        ([None], {}, "set TASK_DEFINITION_ID"),
        ([None], {"TASK_DEFINITION_ID": "replace_me"}, "TASK_DEFINITION_ID is not the id of a task"),
        (["a", "a"], {}, "both the task 'a'"),
        ([f"t{n}" for n in range(101)], {}, "up to 100 tasks, not 101"),
    ],
)
def test_what_is_not_clear_is_refused(names: list[str | None], environment: dict[str, str], message: str) -> None:
    with pytest.raises(WorkerError, match=message):
        assign_ids(declarations(*names), environment)


# Routers


async def passes(ctx: TaskContext, proceed: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    return await proceed()


async def passes_too(ctx: TaskContext, proceed: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    return await proceed()


def test_routers_group_tasks_and_their_middleware() -> None:
    inner, outer = Router(middleware=[passes]), Router(middleware=[passes_too])

    @inner.task("a", concurrency=2)
    def a() -> None: ...

    @task("b")
    def b() -> None: ...

    outer.include(inner)
    outer.include(b)
    found = {one.key: one for one in declarations_of([a, b, outer])}
    assert set(found) == {"a", "b"}
    assert found["a"].middleware == (passes_too, passes)
    assert found["a"].concurrency == 2
    assert found["b"].middleware == (passes_too,)
    assert declarations_of(outer) == declarations_of([outer])


def test_a_router_takes_tasks_and_not_itself() -> None:
    inner, outer = Router(), Router()
    outer.include(inner)
    with pytest.raises(WorkerError, match="cannot include itself"):
        inner.include(outer)
    with pytest.raises(WorkerError, match="is not a task"):
        inner.include(lambda: None)


def test_the_mark_of_a_class_is_not_its_childrens() -> None:
    @task("parent")
    class Parent:
        def run(self) -> None: ...

    class Child(Parent): ...

    assert declared(Parent).key == "parent"
    assert declaration_of(Child) is None
