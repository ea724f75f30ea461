"""The module of somebody's tasks, loaded for a command: what is wrong with it is shown without what is ours."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import data_factory
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.model.errors import DataFactoryError
from data_factory.worker.loading import load_tasks
from data_factory.worker.task import Router

_OURS: Final = (str(Path(data_factory.__file__).parent), importlib.__file__, "<frozen importlib")


def tasks_of(module: str) -> list[Callable[..., Any] | Router]:
    """The tasks that a module has; `Stop` if there are none, or if it cannot be imported."""
    try:
        return load_tasks(module)
    except DataFactoryError as error:
        raise Stop(ExitCode.USAGE, error.message) from error
    except Exception as error:
        traceback.print_exception(error.with_traceback(_of_theirs(error.__traceback__)), file=sys.stderr)
        said = traceback.format_exception_only(error)[-1].strip()
        raise Stop(ExitCode.USAGE, f"{module} cannot be imported: {said}") from error


def _of_theirs(trace: TracebackType | None) -> TracebackType | None:
    """From where the import has reached the module."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    return trace
