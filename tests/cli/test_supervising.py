"""The one who supervises processes, with work that ends as a server should not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.running import until

SCRIPT = """
import logging, os, signal, sys, time
from data_factory.cli import supervising
from data_factory.cli.supervising import CannotStart, Lifeline, Supervisor

def work(number: int, lifeline: Lifeline) -> None:
{work}

logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
supervising.SOON_S, supervising.AT_ONCE_S = 60, 0.1
supervising.PAUSES_S = (0.0, 0.01, 0.02)
try:
    well = Supervisor(2, work, lambda: print("begun", flush=True), lambda: print("stopping", flush=True), 0.2).run()
except CannotStart as error:
    sys.exit(f"cannot start: {{error}}")
sys.exit(0 if well else 3)
"""

WAIT = """
    lifeline.say_ready()
    lifeline.hear()
"""


class Supervised:
    """A program that supervises this work."""

    def __init__(self, folder: Path, work: str) -> None:
        self._output = folder / "out"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT.format(work=work)], stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        return self._output.read_text()

    def until(self, words: str, times: int = 1) -> None:
        until(lambda: len(re.findall(words, self.said)) >= times, f"it says {words}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)


def test_all_are_ready_before_it_has_begun_and_stop_when_they_are_told(tmp_path: Path) -> None:
    program = Supervised(tmp_path, WAIT)
    program.until("begun")
    assert len(re.findall(r"process [12] \(\d+\) is ready", program.said)) == 2
    assert program.stop() == 0
    assert program.said.splitlines()[-2:] == ["SIGTERM: stopping", "stopping"]


def test_one_that_keeps_ending_is_started_again_later_and_later(tmp_path: Path) -> None:
    program = Supervised(
        tmp_path, "    lifeline.say_ready()\n    if number == 1: lifeline.hear()\n    time.sleep(0.05)"
    )
    program.until(r"process 2 \(\d+\): ended with 0; another one starts in 0\.02 s", 2)
    said = re.findall(r"another one starts.*", program.said)
    assert said[:3] == ["another one starts", "another one starts in 0.01 s", "another one starts in 0.02 s"]
    assert program.said.count("begun") == 1
    assert program.stop() == 0


def test_one_that_ends_before_it_was_ready_ends_everything(tmp_path: Path) -> None:
    program = Supervised(tmp_path, "    if number == 2: os.kill(os.getpid(), signal.SIGKILL)\n" + WAIT)
    assert program.process.wait(90) == 1
    assert re.search(r"cannot start: process 2 \(\d+\) ended by SIGKILL before it was ready\.", program.said)
    assert "begun" not in program.said


def test_the_reason_why_one_cannot_start_is_that_of_all(tmp_path: Path) -> None:
    program = Supervised(tmp_path, "    raise CannotStart('there is no — database')")
    assert program.process.wait(90) == 1
    assert program.said.count("cannot start: there is no — database") == 1
    assert "Traceback" not in program.said


def test_an_error_of_a_process_is_shown(tmp_path: Path) -> None:
    program = Supervised(tmp_path, "    if number == 1: print(1 / 0)\n" + WAIT)
    assert program.process.wait(90) == 1
    assert "ZeroDivisionError" in program.said
    assert re.search(r"cannot start: process 1 \(\d+\) ended with 1 before it was ready\.", program.said)


def test_one_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    program = Supervised(
        tmp_path, "    lifeline.say_ready()\n    while True: signal.pause() if number == 1 else time.sleep(9)"
    )
    program.until("begun")
    pids = [int(pid) for pid in re.findall(r"process \d \((\d+)\) is ready", program.said)]
    assert program.stop() == 3
    assert len(re.findall(r"process \d \(\d+\) does not stop: it is killed", program.said)) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_stopped_while_they_start_it_does_not_wait_for_them(tmp_path: Path) -> None:
    program = Supervised(tmp_path, "    print('starts', flush=True)\n    time.sleep(60)")
    program.until("starts", 2)
    assert program.stop() == 0
    assert "killed" not in program.said


def test_a_process_hears_that_nobody_supervises_it_any_more(tmp_path: Path) -> None:
    program = Supervised(tmp_path, "    lifeline.say_ready()\n    os.write(1, f'heard {lifeline.hear()} '.encode())")
    program.until("begun")
    os.kill(program.process.pid, signal.SIGKILL)
    program.process.wait()
    program.until("heard None", 2)
