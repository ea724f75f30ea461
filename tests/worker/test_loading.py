from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_factory import WorkerError
from data_factory.worker.loading import load_tasks
from data_factory.worker.task import declarations_of

MODULE = """
from data_factory import task
import neighbour_of_tasks

@task("one")
def one(input): ...

@task("two")
def two(input): ...

also_one = one
helper = neighbour_of_tasks.helper
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before_path, before_modules = list(sys.path), set(sys.modules)
    (tmp_path / "tasks_of_test.py").write_text(MODULE)
    (tmp_path / "neighbour_of_tasks.py").write_text("def helper(): ...")
    (tmp_path / "broken_of_test.py").write_text("import nowhere_to_be_found")
    (tmp_path / "empty_of_test.py").write_text("")
    package = tmp_path / "package_of_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "tasks.py").write_text(MODULE)
    yield tmp_path
    sys.path[:] = before_path
    for name in set(sys.modules) - before_modules:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("tasks_of_test", ["one", "two"]),
        ("package_of_test.tasks", ["one", "two"]),
        ("./tasks_of_test.py", ["one", "two"]),
        ("package_of_test/tasks.py", ["one", "two"]),
        ("tasks_of_test:two", ["two"]),
        ("./tasks_of_test.py:also_one", ["one"]),
    ],
)
def test_tasks_are_found(folder: Path, target: str, names: list[str]) -> None:
    assert [one.name for one in declarations_of(load_tasks(target, folder))] == names


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere_at_all", "no module 'nowhere_at_all'"),
        ("package_of_test.nowhere", "no module 'package_of_test.nowhere'"),
        ("./nowhere.py", "no file .*nowhere.py"),
        ("empty_of_test", "empty_of_test has no task"),
        ("tasks_of_test:three", "three does not exist in tasks_of_test: its tasks are one, two"),
        ("tasks_of_test:helper", "helper is not a task in tasks_of_test"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(folder: Path, target: str, message: str) -> None:
    with pytest.raises(WorkerError, match=message):
        load_tasks(target, folder)


@pytest.mark.parametrize("target", ["broken_of_test", "./broken_of_test.py"])
def test_an_error_of_the_module_itself_is_not_hidden(folder: Path, target: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
        load_tasks(target, folder)
    assert "broken_of_test" not in sys.modules


def test_a_router_brings_its_tasks_and_is_taken_once(folder: Path) -> None:
    text = """
from data_factory import Router, task
inner, outer = Router(), Router()
@inner.task("a")
def a(): ...
@task("b")
def b(): ...
outer.include(inner)
"""
    (folder / "routers_of_test.py").write_text(text)
    found = load_tasks("routers_of_test", folder)
    assert sorted(one.name for one in declarations_of(found)) == ["a", "b"]
    assert [one.name for one in declarations_of(load_tasks("routers_of_test:inner", folder))] == ["a"]
