"""`data-factory worker --reload`: the worker starts anew when its code has changed.

The files are looked at twice a second, which is enough for a person and works everywhere, on shared folders and in
containers too, without one more library. The process replaces itself: there is only one, so that Ctrl-C, a debugger and
the exit code are what they are without `--reload`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.plain import note
from data_factory.worker.worker import Worker

_LOOK_EVERY_S: Final = 0.5
_SKIPPED: Final = frozenset({"__pycache__", "node_modules"})
_ENVIRONMENT: Final = "pyvenv.cfg"


class Sources:
    """The Python files in and below some folders, as they were when this was made.

    Hidden folders and virtual environments are left out.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._known = self._stamps()

    def changed(self) -> list[Path]:
        """The files that are new, gone or different."""
        now = self._stamps()
        return sorted(path for path in self._known.keys() | now.keys() if self._known.get(path) != now.get(path))

    def wait(self) -> list[Path]:
        """The same, as soon as there are any."""
        while not (changed := self.changed()):
            time.sleep(_LOOK_EVERY_S)
        return changed

    def _stamps(self) -> dict[Path, tuple[int, int]]:
        stamps = {}
        for path in {path for folder in self._folders for path in _python_files(folder)}:
            try:
                found = path.stat()
            except OSError:
                continue  # it was removed a moment ago
            stamps[path] = found.st_mtime_ns, found.st_size
        return stamps


class Run(Protocol):
    """Loads the module and runs a worker; `begun` is called with it before it runs."""

    def __call__(self, begun: Callable[[Worker], None]) -> Worker:
        """The worker, when it has stopped."""


def keep_reloading(module: str, run: Run) -> None:
    """Run the worker until it is told to stop; when a file changes it drains, as at SIGTERM, and begins anew.

    What is wrong with the module, or with what it asks for, is shown, and waits for the next change.
    """
    sources = Sources(Path.cwd(), (Path.cwd() / module).parent)
    try:
        if not _was_stopped(sources, run):
            _begin_anew(sources)
    except KeyboardInterrupt:
        return  # there was no worker to stop


def _was_stopped(sources: Sources, run: Run) -> bool:
    """Run the worker once; whether a signal has ended it."""
    try:
        return run(lambda ready: _stop_when_changed(sources, ready)).interrupted
    except Stop as error:
        error.show()
    except SystemExit as ended:
        if ended.code != ExitCode.USAGE:
            raise
    return False


def _stop_when_changed(sources: Sources, worker: Worker) -> None:
    def watch() -> None:
        sources.wait()
        worker.stop()

    threading.Thread(target=watch, name="data-factory-reload", daemon=True).start()


def _begin_anew(sources: Sources) -> None:
    if not sources.changed():
        note("Waiting for a change of the code.")
    changed = sources.wait()
    note(f"{', '.join(path.name for path in changed)} changed: starting anew.")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the command that was typed


def _python_files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in _SKIPPED and not Path(place, name, _ENVIRONMENT).exists()
        ]
        yield from (Path(place, name) for name in files if name.endswith(".py"))
