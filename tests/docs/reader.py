"""A reader who does what a page says, in a fresh folder: saves its files, types its commands, looks at what comes."""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Final

from data_factory.store.postgresql.database import shown as without_password
from tests.docs.likeness import Ids, canonical
from tests.docs.page import Block, KeyPress, Page
from tests.standin.hosted import TOKEN, HostedPlatform, served

_ADDRESS: Final = "127.0.0.1:8080"
_HOSTED: Final = "https://api.product-live.com"
_HOSTED_KEY: Final = "your-api-key"
_DATABASE: Final = "postgresql://factory:secret@db.example/factory"
_PATIENCE_S: Final = 40
_OUTPUTS: Final = frozenset({"text", "json"})
_READ_ONLY: Final = frozenset({"mermaid"})

Step = Block | KeyPress | None


class Reader:
    """Reads one page in `folder`. A server is where the page says: at 127.0.0.1:8080, which stands for a free port.

    So does the address of the hosted platform, which a stand-in plays, and that of a PostgreSQL database.
    """

    def __init__(self, page: Page, folder: Path, database: str = "") -> None:
        self._page = page
        self._folder = folder
        self._port = _free_port()
        self._hosted = _HOSTED
        self._database = database
        self._ids = Ids()
        self._said = ""
        self._shell = Shell(folder, self._environment())
        self._terminals: dict[str, Terminal] = {}

    def read(self) -> None:
        """Do all that the page says; an `AssertionError` says where it is not so."""
        with ExitStack() as stack:
            stack.callback(self._close)
            if self._page.needs_hosted:
                self._hosted = stack.enter_context(served(HostedPlatform().app()))
            if self._page.needs_server:
                server = self._terminal("the server", "data-factory server")
                self._wait(
                    server, f"…\n00:00:00 INFO    Data Factory … listens on http://{_ADDRESS}, …\n", "the server"
                )
            last: Block | None = None
            for step, following in pairwise([*self._page.steps, None]):
                last = self._do(step, following, last)

    def _close(self) -> None:
        for terminal in self._terminals.values():
            terminal.close()
        self._shell.close()

    def _do(self, step: Step, following: Step, last: Block | None) -> Block | None:
        """Do one thing; gives the block whose output may be shown next."""
        assert step is not None
        place = f"{self._page.name}:{step.line}"
        if isinstance(step, KeyPress):
            self._terminals[step.terminal].press_ctrl_c(place)
            return None
        if "not run" in step.said or step.language in _READ_ONLY:
            return None
        text = self._as_typed(step.text)
        if "file" in step.said:
            path = self._folder / step.said["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return last
        if step.language == "bash" and "terminal" in step.said:
            self._terminal(step.said["terminal"], text)
            return step
        if step.language in ("bash", "python"):
            command = text if step.language == "bash" else self._script(text)
            only_stdout = isinstance(following, Block) and following.language == "json" and not following.said
            self._said = self._shell.run(command, int(step.said.get("exit", "0")), only_stdout, place)
            return step
        assert step.language in _OUTPUTS, f"{place}: what is to be done with a block of {step.language or 'nothing'}?"
        assert last is not None and last.section == step.section, f"{place}: shown, but no command before it gave it"
        self._compare(step, last, place)
        return None

    def _compare(self, shown: Block, last: Block, place: str) -> None:
        if "terminal" in last.said:
            self._wait(self._terminals[last.said["terminal"]], shown.text, place)
            return
        said = self._as_shown(self._said)
        form: Callable[[str], str] = canonical if shown.language == "json" else str
        assert self._ids.match(form(shown.text), form(said)), f"{place}: shown\n{shown.text}\nbut it says\n{said}"

    def _wait(self, terminal: Terminal, shown: str, place: str) -> None:
        """Until the terminal shows it, from where it began."""
        end = time.monotonic() + _PATIENCE_S
        while not self._ids.match(shown, self._as_shown(terminal.said()), whole=False):
            assert time.monotonic() < end, f"{place}: shown\n{shown}\nbut it says\n{terminal.said()}"
            assert terminal.runs() or time.monotonic() < end - _PATIENCE_S + 1, f"{place}: it ended\n{terminal.said()}"
            time.sleep(0.02)

    def _as_typed(self, text: str) -> str:
        text = self._ids.in_commands(text).replace(_ADDRESS, f"127.0.0.1:{self._port}")
        text = text.replace(_DATABASE, self._database)
        return text.replace(_HOSTED, self._hosted).replace(_HOSTED_KEY, TOKEN) if self._page.needs_hosted else text

    def _as_shown(self, said: str) -> str:
        """What a program says, as the page has it: the usual port, somebody's folder, no space at the end of a line."""
        said = said.replace(f"127.0.0.1:{self._port}", _ADDRESS).replace(self._hosted, _HOSTED)
        if self._database:
            said = said.replace(without_password(self._database), without_password(_DATABASE))
        said = said.replace(str(self._folder), "/home/you")
        return re.sub(r" +$", "", said, flags=re.MULTILINE)

    def _terminal(self, name: str, command: str) -> Terminal:
        if name in self._terminals:
            self._terminals[name].close()
        log = self._folder / f".{name.strip()}-{time.monotonic_ns()}.log"
        terminal = self._terminals[name] = Terminal(command, self._folder, self._environment(), log)
        return terminal

    def _script(self, text: str) -> str:
        path = self._folder / f".example-{time.monotonic_ns()}.py"
        path.write_text(text, encoding="utf-8")
        return f"python -W error {path}\n"

    def _environment(self) -> dict[str, str]:
        """A user's, of whom nothing is known: what this machine has set for itself is not in it."""
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self._folder / ".home"),
            "XDG_CONFIG_HOME": str(self._folder / ".home" / ".config"),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "COLUMNS": "120",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATA_FACTORY_PORT": str(self._port),
            **({} if self._page.needs_hosted else {"API_BASE_PATH": f"http://127.0.0.1:{self._port}"}),
        }


class Shell:
    """One shell for all commands of a page, so that what one sets the next one has."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        (folder / ".home").mkdir()
        self._folder = folder
        self._blocks = 0
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._status = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._status, selectors.EVENT_READ)

    def run(self, commands: str, expected: int, only_stdout: bool, place: str) -> str:
        """Type the commands; gives what they say, on both streams or on standard output only."""
        self._blocks += 1
        stem = self._folder / f".block-{self._blocks}"
        script, said, aside = (stem.with_suffix(suffix) for suffix in (".sh", ".said", ".aside"))
        script.write_text(commands, encoding="utf-8")
        careful = "set +e +o pipefail" if expected else "set -e -o pipefail"
        errors = f"'{aside}'" if only_stdout else "&1"
        self._input.write(f"{careful}; . '{script}' >'{said}' 2>{errors} </dev/null; echo $?\n")
        self._input.flush()
        assert self._selector.select(_PATIENCE_S), f"{place}: no end after {_PATIENCE_S} s: {said.read_text()}"
        status = self._status.readline().strip()
        everything = "".join(path.read_text(encoding="utf-8") for path in (said, aside) if path.exists())
        assert status == str(expected), f"{place}: ended with {status or 'an error'}, not {expected}:\n{everything}"
        return said.read_text(encoding="utf-8")

    def close(self) -> None:
        """Close it, and whatever still runs in it."""
        self._selector.close()
        for stream in (self._input, self._status):
            stream.close()
        _end(self._process)


class Terminal:
    """A terminal in which something runs until it is told to stop."""

    def __init__(self, command: str, folder: Path, environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["bash", "--noprofile", "--norc", "-c", command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        """All that it shows."""
        return self._log.read_text(encoding="utf-8")

    def runs(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def press_ctrl_c(self, place: str) -> None:
        """Stop it, as the page says; what it runs ends in good order."""
        assert self.runs(), f"{place}: it had ended before: {self.said()}"
        os.killpg(self._process.pid, signal.SIGINT)
        assert self._process.wait(_PATIENCE_S) == 0, f"{place}: it ended badly: {self.said()}"

    def close(self) -> None:
        """Stop it, if it still runs."""
        _end(self._process)


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """End a process with all that it has started. One that was waited for has ended: its number may be
    another's by now."""
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            continue
        break
    process.wait(15)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
