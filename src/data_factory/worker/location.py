"""Where the function of a task is, so that another process can find it: by module and name, nothing is pickled."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from data_factory.worker.errors import UsageError


class Location(msgspec.Struct, frozen=True):
    """A function of a module, the file that the module was loaded from, and the folders to look for modules in."""

    module: str
    name: str
    file: str
    folders: tuple[str, ...]


def locate(function: Callable[..., Any]) -> Location:
    """Where a function or class is; raises `UsageError` for one that another process could not find."""
    name = getattr(function, "__qualname__", "")
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    if not name or "<" in name or module is None or file is None:
        called = name or repr(function)
        raise UsageError(f"{called} cannot run in another process: that finds it by its name in the file of a module")
    known = Path(file).stem if module.__name__ == "__main__" else module.__name__
    return Location(known, name, str(Path(file).resolve()), tuple(sys.path))


def find(location: Location) -> Any:
    """The function or class; raises what importing its module raises, `AttributeError` if it is not there."""
    sys.path += [folder for folder in location.folders if folder not in sys.path]
    found: Any = _module(location)
    for part in location.name.split("."):
        found = getattr(found, part)
    return found


def _module(location: Location) -> Any:
    try:
        return importlib.import_module(location.module)
    except ModuleNotFoundError as error:
        spec = importlib.util.spec_from_file_location(location.module, location.file)
        if error.name != location.module or spec is None or spec.loader is None or not Path(location.file).is_file():
            raise
    module = sys.modules[location.module] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
