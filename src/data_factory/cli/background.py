"""Commands of ours that run in the background, in processes of their own, for as long as they are needed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_GRACE_S: Final = 10.0
_LOOK_S: Final = 0.02
_OURS: Final = ("DATA_FACTORY_", "DATABASE_URL", "API_BASE_PATH", "API_ACCESS_TOKEN", "TASK_DEFINITION_ID")


class Background:
    """A command that runs, and what it has printed."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], output: Path) -> None:
        self.name = name
        self._process = process
        self._output = output

    @property
    def printed(self) -> str:
        """All that it has printed so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def wait_for(self, words: str, seconds: float) -> str:
        """The line with these words, as soon as it is printed; raises `NotSaid` if that does not happen."""
        deadline = time.monotonic() + seconds
        while True:
            has_ended = self.has_ended
            for line in self.printed.splitlines():
                if words in line:
                    return line
            if has_ended or time.monotonic() > deadline:
                raise NotSaid(f"The {self.name} did not start.")
            time.sleep(_LOOK_S)

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        self._process.terminate()
        try:
            self._process.wait(_GRACE_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._process.kill()
            self._process.wait()


class NotSaid(Exception):
    """A command did not print what it should have."""


@contextmanager
def running(name: str, arguments: Sequence[str], folder: Path, settings: Mapping[str, str]) -> Iterator[Background]:
    """Run `data-factory` with these arguments and settings and none of the user's, until the block ends."""
    output = folder / f"{name}.log"
    with output.open("wb") as file:
        # A process group of its own: Ctrl-C is for us, and we stop it when its turn comes.
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "data_factory.cli", *arguments],
            cwd=folder,
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    background = Background(name, process, output)
    try:
        yield background
    finally:
        background.stop()


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    if "PYTHONPATH" in inherited:
        # The folder that it runs in is another one.
        paths = inherited["PYTHONPATH"].split(os.pathsep)
        inherited["PYTHONPATH"] = os.pathsep.join(str(Path(path).absolute()) for path in paths)
    return {**inherited, **settings}
