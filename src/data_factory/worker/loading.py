"""Loads the tasks of a user's module: by name, by path, and one of them by its own name."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from data_factory.worker.errors import UsageError
from data_factory.worker.task import Router, declaration_of


def load_tasks(target: str, folder: Path | None = None) -> list[Callable[..., Any] | Router]:
    """The tasks and routers that `target` names: `my_module`, `my_module:power`, `./power.py`.

    Modules are looked for in `folder` too (the current one). Raises `UsageError` that says what is there instead;
    what the module itself raises while it is imported is raised as it is.
    """
    where, _, name = _split(target)
    folder = (folder or Path.cwd()).resolve()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    module = _load_file(folder / where) if _is_path(where) else _load_module(where, folder)
    tasks: dict[int, tuple[str, Callable[..., Any] | Router]] = {}
    for key, thing in vars(module).items():
        if declaration_of(thing) is not None or isinstance(thing, Router):
            tasks.setdefault(id(thing), (key, thing))
    routers = [thing for _, thing in tasks.values() if isinstance(thing, Router)]
    for thing in routers:
        if any(router.contains(thing) for router in routers):
            del tasks[id(thing)]
    if not tasks:
        raise UsageError(f"{where} has no task: decorate a function with @task(…)")
    if not name:
        return [thing for _, thing in tasks.values()]
    chosen: Any = getattr(module, name, None)
    if declaration_of(chosen) is None and not isinstance(chosen, Router):
        there = ", ".join(key for key, _ in tasks.values())
        what = "is not a task" if hasattr(module, name) else "does not exist"
        raise UsageError(f"{name} {what} in {where}: its tasks are {there}")
    return [chosen]


def _split(target: str) -> tuple[str, str, str]:
    """Module and name; the colon of a drive (`C:\\\\power.py`) is none of ours."""
    where, colon, name = target.rpartition(":")
    return (where, colon, name) if colon and name.isidentifier() else (target, "", "")


def _is_path(where: str) -> bool:
    return where.endswith(".py") or "/" in where or "\\" in where


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _load_module(name: str, folder: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise
        raise UsageError(f"there is no module {name!r} in {folder} or on the path") from error
