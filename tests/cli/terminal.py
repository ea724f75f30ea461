"""A terminal: what a program shows to a person, who may also type."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from pathlib import Path
from types import TracebackType

from tests.running import COMMAND

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)")
_PATIENCE_S = 30


class Terminal:
    """Runs `data-factory` on a terminal of this width. `said` is all that it has written there, escapes included."""

    def __init__(self, folder: Path, variables: dict[str, str], *words: str, width: int = 80) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        self.said = ""
        self.process = subprocess.Popen(
            [COMMAND, *words],
            cwd=folder,
            env={"TERM": "xterm-256color", **variables},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - how else is Ctrl-C to reach it?
        )
        os.close(theirs)

    @property
    def text(self) -> str:
        """What it says, without colours and movements."""
        return _ESCAPES.sub("", self.said).replace("\r\n", "\n")

    def press(self, text: str) -> None:
        """Press these keys; Ctrl-C is `\\x03`."""
        os.write(self._ours, text.encode())

    def until(self, words: str) -> None:
        """Return once it says this."""
        end = time.monotonic() + _PATIENCE_S
        while words not in self.text:
            assert time.monotonic() < end, f"{words!r} is not in:\n{self.text}"
            assert self._read(), f"it ended, and {words!r} is not in:\n{self.text}"

    def end(self) -> int:
        """Read to its end; its exit code."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE_S)

    def interrupt(self) -> int:
        """Press Ctrl-C until it ends, as people do; its exit code. Python misses one that is pressed after it has asked
        for a line and before it waits for that."""
        end = time.monotonic() + _PATIENCE_S
        self.press("\x03")
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it does not end:\n{self.text}"
            if not select.select([self._ours], [], [], 1)[0]:
                self.press("\x03")
            elif not self._read():
                break
        return self.end()

    def _read(self) -> bool:
        readable, _, _ = select.select([self._ours], [], [], _PATIENCE_S)
        assert readable, f"nothing more comes:\n{self.text}"
        try:
            data = os.read(self._ours, 65536)
        except OSError:
            # So Linux says that nobody holds the other end any more.
            return False
        self.said += data.decode(errors="replace")
        return bool(data)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)
