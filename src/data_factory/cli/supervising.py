"""Several processes that do the same work, and the one that starts them, starts them again, and stops them: this one.

Each is forked, so what was loaded before is in memory once. Between it and us is a line: it says that it is ready, or
why it cannot be, and we say that it is to stop. When one end dies, in whatever way, the other hears that. So no process
stays behind.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NoReturn

log = logging.getLogger("data_factory.server")

PAUSES_S: Final = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Before a process is started again, by how often in a row it has ended soon."""

SOON_S: Final = 10.0

AT_ONCE_S: Final = 5.0
"""How long "at once" may take."""

_STOP: Final = b"s"
_READY: Final = b"\0"
_MOST_WORDS: Final = 4096
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class CannotStart(Exception):
    """Something that is needed cannot be had; the message says what, and why."""


class Lifeline:
    """The line from a process to the one that has started it."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def fileno(self) -> int:
        """What becomes readable when there is something to hear."""
        return self._line.fileno()

    def hear(self) -> int | None:
        """How often we were told to stop: in good order, and the second time at once. None if nobody is there any
        more."""
        try:
            return len(self._line.recv(16)) or None
        except ConnectionError:
            return None

    def say_ready(self) -> None:
        """We are at work."""
        self._say(_READY)

    def say_why_not(self, reason: str) -> None:
        """We cannot be."""
        self._say(reason.encode()[:_MOST_WORDS])

    def _say(self, words: bytes) -> None:
        with suppress(ConnectionError):  # nobody is there any more, which will be heard
            self._line.sendall(words)


Work = Callable[[int, Lifeline], None]


class _Process:
    """A process that runs, as far as we have heard: the end of its line is its own."""

    def __init__(self, number: int, pid: int, line: socket.socket) -> None:
        self.number = number
        self.pid = pid
        self.line = line
        self.begun_at = time.monotonic()
        self.is_ready = False
        self.reason = ""

    def __str__(self) -> str:
        return f"process {self.number} ({self.pid})"

    def say_stop(self) -> None:
        """Tell it to stop: in good order, or at once if it was told before."""
        with suppress(ConnectionError):  # it has just ended
            self.line.send(_STOP)
        if not self.is_ready:  # it has nothing to finish, and may not listen to us yet
            os.kill(self.pid, signal.SIGTERM)

    def listen(self) -> bytes:
        """What it has said; nothing when it has ended."""
        try:
            return self.line.recv(_MOST_WORDS)
        except ConnectionError:
            return b""

    def bury(self) -> int:
        """Its exit code, or the number of the signal that has ended it, negative."""
        self.line.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Supervisor:
    """Runs `work` in `count` processes, each with its number and its lifeline, until SIGTERM or SIGINT.

    `work` says when it is ready, and returns some time after it has heard that it is to stop. If it raises
    `CannotStart`, that is the reason why it ended. A process that ends is started again, once all have been ready:
    then `begun` is called. `stopping` is called before they are told to stop, for which they have `patience`, in
    seconds; then they are killed.
    """

    def __init__(
        self, count: int, work: Work, begun: Callable[[], None], stopping: Callable[[], None], patience: float
    ) -> None:
        self._work = work
        self._begun = begun
        self._stopping = stopping
        self._patience = patience
        self._due = dict.fromkeys(range(1, count + 1), 0.0)
        self._running: dict[int, _Process] = {}
        self._ended_soon: Counter[int] = Counter()
        self._selector = selectors.DefaultSelector()
        self._have_begun = False
        self._is_stopping = False
        self._deadline: float | None = None
        self._reason: str | None = None
        self._ended_well = True

    def run(self) -> bool:
        """Run until all have stopped; whether they did so by themselves.

        Raises:
            CannotStart: one of them ended before all were ready for the first time.
        """
        gc.collect()
        gc.freeze()  # to look for garbage is to touch, and so to copy, what all have in common
        with self._selector, _signals() as heard:
            self._selector.register(heard, selectors.EVENT_READ)
            while self._running or not self._is_stopping:
                self._start_those_due(heard)
                for key, _ in self._selector.select(self._pause()):
                    if isinstance(key.data, _Process):
                        self._listen_to(key.data)
                    else:
                        for number in heard.recv(64):
                            self._heed(signal.Signals(number))
                self._lose_patience()
        if self._reason is not None:
            raise CannotStart(self._reason)
        return self._ended_well

    def _pause(self) -> float | None:
        """How long there is nothing to be done if nothing happens."""
        times = [*self._due.values(), *([] if self._deadline is None else [self._deadline])]
        return max(0.0, min(times) - time.monotonic()) if times else None

    # -- stopping

    def _heed(self, number: signal.Signals) -> None:
        log.info("%s: stopping%s", number.name, " at once" if self._is_stopping else "")
        self._stop()

    def _stop(self) -> None:
        """Stop all in good order; the second time, at once."""
        self._deadline = time.monotonic() + (AT_ONCE_S if self._is_stopping else self._patience)
        if not self._is_stopping:
            self._is_stopping = True
            self._due.clear()
            self._stopping()
        for process in self._running.values():
            process.say_stop()

    def _lose_patience(self) -> None:
        if self._deadline is None or time.monotonic() < self._deadline:
            return
        self._deadline = None
        self._ended_well = False
        for process in self._running.values():
            log.warning("%s does not stop: it is killed", process)
            os.kill(process.pid, signal.SIGKILL)

    # -- what the processes say

    def _listen_to(self, process: _Process) -> None:
        words = process.listen()
        if not words:
            self._bury(process)
        if words.startswith(_READY):
            self._note_ready(process)
        process.reason += words.removeprefix(_READY).decode(errors="replace")

    def _note_ready(self, process: _Process) -> None:
        process.is_ready = True
        log.info("%s is ready", process)
        if self._have_begun or self._is_stopping or self._due:
            return
        if all(one.is_ready for one in self._running.values()):
            self._have_begun = True
            self._begun()

    def _bury(self, process: _Process) -> None:
        """See how a process has ended, and what is to be done about it."""
        self._selector.unregister(process.line)
        del self._running[process.number]
        code = process.bury()
        how = process.reason or (f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}")
        if self._is_stopping:
            self._ended_well &= code == 0 or (code == -signal.SIGTERM and not process.is_ready)
        elif not self._have_begun:
            self._reason = process.reason or f"{process} {how} before it was ready."
            self._stop()
        else:
            self._replace(process, how)

    def _replace(self, process: _Process, how: str) -> None:
        """Have another one start: at once, or, if they keep ending, later and later."""
        now, number = time.monotonic(), process.number
        if now > process.begun_at + SOON_S:
            self._ended_soon[number] = 0
        pause = PAUSES_S[min(self._ended_soon[number], len(PAUSES_S) - 1)]
        self._ended_soon[number] += 1
        self._due[number] = now + pause
        log.warning("%s: %s; another one starts%s", process, how, f" in {pause:g} s" if pause else "")

    # -- starting

    def _start_those_due(self, heard: socket.socket) -> None:
        now = time.monotonic()
        for number in [number for number, at in self._due.items() if at <= now]:
            del self._due[number]
            process = self._running[number] = self._start(number, heard)
            self._selector.register(process.line, selectors.EVENT_READ, process)

    def _start(self, number: int, heard: socket.socket) -> _Process:
        ours, theirs = socket.socketpair()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        with _no_signals():
            pid = os.fork()
            if pid == 0:
                self._become(number, theirs, [ours, heard, *(process.line for process in self._running.values())])
        theirs.close()
        return _Process(number, pid, ours)

    def _become(self, number: int, line: socket.socket, not_ours: Sequence[socket.socket]) -> NoReturn:
        """Be this process. If it kept the lines of the others, they would not hear that there is nobody any more."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C comes to all, and is for the one who supervises
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._selector.close()
            for one in not_ours:
                one.close()
            lifeline = Lifeline(line)
            try:
                self._work(number, lifeline)
                code = 0
            except CannotStart as error:
                lifeline.say_why_not(str(error))
        except BaseException:
            log.exception("an error that nobody has thought of")
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket on which the numbers of the signals come that ask us to stop."""
    heard, noted = socket.socketpair()
    with heard, noted:
        noted.setblocking(False)
        before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
        former = signal.set_wakeup_fd(noted.fileno())
        try:
            yield heard
        finally:
            signal.set_wakeup_fd(former)
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _no_signals() -> Iterator[None]:
    """A time in which no signal comes: it waits, and a process that is made meanwhile is not made with it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
