"""The line below the log of a worker on a terminal."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from data_factory.cli.status_line import StatusLine, status_line
from data_factory.worker.outcome import Completed, Failed
from data_factory.worker.vitals import Vitals
from tests.cli.terminal import Terminal
from tests.standin.ours import KEY
from tests.worker.conftest import Desk
from tests.worker.test_reloading import THEN


class Screen(io.StringIO):
    """A terminal that shows the last line of what was written."""

    def isatty(self) -> bool:
        return True

    @property
    def last(self) -> str:
        return self.getvalue().rpartition("\x1b[K")[2]


@pytest.fixture(autouse=True)
def _a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")


def test_it_says_what_runs_what_ended_and_how_fast() -> None:
    vitals, screen = Vitals(), Screen()
    line = StatusLine(vitals, screen)
    assert line.draw(100.0) is False, "nothing will change by itself"
    assert screen.last == "0 running  0 done  0 failed  0.0/s"
    vitals.running = 2
    for _ in range(19):
        vitals.ended("t", Completed({}), 0.1)
    vitals.ended("t", Failed("no"), 0.1)
    assert line.draw(105.0) is True
    assert screen.last == "2 running  19 done  1 failed  4.0/s"
    assert line.draw(114.0) is True
    assert screen.last.endswith(" 2.0/s"), "over ten seconds"
    assert line.draw(116.0) is False
    assert screen.last.endswith(" 0.0/s")


def test_a_rate_after_a_long_rest_is_that_of_now() -> None:
    vitals, screen = Vitals(), Screen()
    line = StatusLine(vitals, screen)
    line.draw(0.0)
    for _ in range(10):
        vitals.ended("t", Completed({}), 0.1)
    line.draw(10_000.0)
    assert screen.last.endswith(" 1.0/s")


def test_it_is_no_wider_than_the_terminal_and_coloured_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    vitals, screen = Vitals(), Screen()
    line = StatusLine(vitals, screen)
    line.draw(0.0)
    assert screen.last == "0 running  "
    monkeypatch.delenv("NO_COLOR")
    line.draw(0.0)
    assert screen.getvalue().endswith("\x1b[2m0 running  \x1b[0m")
    vitals.ended("t", Failed("no"), 0.1)
    line.draw(0.0)
    assert screen.getvalue().endswith("\x1b[31m0 running  \x1b[0m")


def test_what_is_logged_comes_above_it() -> None:
    screen = Screen()
    line = StatusLine(Vitals(), screen)
    line.draw(0.0)
    line.write("12:00:00 INFO hello\n")
    assert screen.getvalue().endswith("\r\x1b[K12:00:00 INFO hello\n0 running  0 done  0 failed  0.0/s")


@pytest.mark.parametrize("terminal", [None, "dumb"])
def test_there_is_none_where_nobody_would_see_it(terminal: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO() if terminal is None else Screen()
    monkeypatch.setenv("TERM", terminal or "xterm")
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        with status_line(Vitals(), stream):
            assert handler.stream is stream
    finally:
        logging.getLogger().removeHandler(handler)
    assert stream.getvalue() == ""


def test_a_worker_on_a_terminal_has_it(tmp_path: Path, server: str, desk: Desk) -> None:
    (tmp_path / "tasks.py").write_text(THEN.format(key=desk.key))
    settings = {"API_BASE_PATH": server, "API_ACCESS_TOKEN": KEY, "HOME": str(tmp_path)}
    with Terminal(tmp_path, settings, "worker", "tasks") as terminal:
        terminal.until(f"running {desk.key}")
        terminal.until("0 running  0 done  0 failed")
        desk.launch()
        terminal.until("0 running  1 done  0 failed")
        terminal.press("\x03")
        assert terminal.end() == 0
    assert terminal.said.endswith("\r\x1b[K"), "it is gone when the worker is"
