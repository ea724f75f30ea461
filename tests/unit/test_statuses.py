"""The statuses and their moves: the tables in the code, and the diagrams in the documentation that show them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from data_factory.model import status
from data_factory.model.status import (
    JOB_EXECUTION_ENDED,
    JOB_EXECUTION_MOVES,
    TASK_EXECUTION_ENDED,
    TASK_EXECUTION_MOVES,
    ReportStatus,
)

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "statuses.md").read_text(encoding="utf-8")
BEGIN = END = "[*]"

Moves = Mapping[Any, frozenset[Any]]

MOVES: dict[str, Moves] = {"Job execution": JOB_EXECUTION_MOVES, "Task execution": TASK_EXECUTION_MOVES}
BEGINNINGS = {
    "Job execution": {"PENDING"},
    "Task execution": {"SCHEDULED", "IN_PROGRESS", "FAILED_WITH_TERMINAL_ERROR"},
}
NEVER_BEGUN = {"Job execution": set[str](), "Task execution": set[str]()}
WORDS = {
    "Job": get_args(status.JobStatus),
    "Job execution": get_args(status.JobExecutionStatus),
    "Task execution": get_args(status.TaskExecutionStatus),
}


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def drawn(title: str) -> list[tuple[str, str]]:
    """The arrows of the diagram in a section."""
    diagram = section(title).split("```mermaid\nstateDiagram-v2\n")[1].split("```")[0]
    arrows = []
    for line in diagram.strip().splitlines():
        arrow = re.fullmatch(r" *(\S+) --> ([\w\[\]*]+)(?:: .+)?", line)
        assert arrow, f"not an arrow: {line}"
        arrows.append((arrow[1], arrow[2]))
    return arrows


@pytest.mark.parametrize("title", MOVES)
def test_the_diagram_shows_every_move_and_no_other(title: str) -> None:
    moves = MOVES[title]
    expected = {(before, after) for before, following in moves.items() for after in following}
    expected |= {(before, END) for before, following in moves.items() if not following}
    expected |= {(BEGIN, first) for first in BEGINNINGS[title]}
    assert set(drawn(title)) == expected


@pytest.mark.parametrize("title", MOVES)
def test_no_arrow_is_drawn_twice(title: str) -> None:
    assert len(drawn(title)) == len(set(drawn(title)))


@pytest.mark.parametrize("title", WORDS)
def test_the_table_explains_every_status_once(title: str) -> None:
    table = section(title).split("| Status | Meaning |")[1].split("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(WORDS[title])


@pytest.mark.parametrize("title", MOVES)
def test_every_status_has_its_moves(title: str) -> None:
    assert set(MOVES[title]) == set(WORDS[title])


@pytest.mark.parametrize("title", MOVES)
def test_every_status_can_be_reached_and_every_one_can_end(title: str) -> None:
    moves = MOVES[title]
    assert reachable(moves, BEGINNINGS[title]) == set(moves) - NEVER_BEGUN[title]
    for begun in moves:
        assert any(not moves[after] for after in reachable(moves, {begun}))


def reachable(moves: Moves, begun: set[str]) -> set[str]:
    found = set(begun)
    while more := {after for before in found for after in moves[before]} - found:
        found |= more
    return found


def test_what_has_ended_is_what_has_no_moves() -> None:
    assert set(WORDS["Job execution"]) - JOB_EXECUTION_ENDED == {"PENDING", "RUNNING"}
    assert set(WORDS["Task execution"]) - TASK_EXECUTION_ENDED == {"SCHEDULED", "IN_PROGRESS"}


def test_a_worker_can_only_say_what_a_held_task_execution_can_become() -> None:
    assert set(get_args(ReportStatus)) - {"IN_PROGRESS"} <= TASK_EXECUTION_MOVES["IN_PROGRESS"]


def test_every_failure_code_is_explained() -> None:
    engine = Path(__file__).parents[2] / "src" / "data_factory"
    sources = [*engine.joinpath("engine").glob("*.py"), *engine.joinpath("service").glob("*.py")]
    codes = {code for file in sources for code in re.findall(r'Failure\(\s*code="(\w+)"', file.read_text("utf-8"))}
    assert codes == set(re.findall(r"^\| `(\w+)` \| `\w+` \|", section("Job execution"), re.MULTILINE))
