"""The progress of a job execution, on standard error: a live picture on a terminal, a line a change in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.text import Text

from data_factory.cli.rendering import console, elapsed, explained, moment, printable, status, table
from data_factory.cli.watching import Sight
from data_factory.model.resources import JobExecution, TaskExecution
from data_factory.model.status import TASK_EXECUTION_ENDED

_MOST_ROWS: Final = 12
_BAR_WIDTH: Final = 12


class Show(Protocol):
    """Shows how things stand."""

    def show(self, sight: Sight) -> None:
        """Show this, in the place of what was shown before."""
        ...


@contextmanager
def progress() -> Iterator[Show]:
    """What suits standard error."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    picture = Picture()
    with Live(get_renderable=picture.render, console=console(stderr=True), refresh_per_second=8):
        yield picture


class Lines:
    """A line for each change."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def show(self, sight: Sight) -> None:
        """Say what has changed."""
        execution = sight.execution.value
        if sight.trouble:
            self._say("server", "the server does not answer; trying again")
            return
        self._said.pop("server", None)
        if not sight.has_ended:
            self._say(execution.id, f"{execution.id}  {execution.status}{_waiting_for_slot(execution)}")
        for task in sight.tasks:
            words = f"  {_remark(task)}" if _remark(task) else ""
            took = f"  {elapsed(task)}" if task.status in TASK_EXECUTION_ENDED else ""
            self._say(task.id, f"{task.task_reference_name}  attempt {task.attempt}  {task.status}{took}{words}")
        if sight.has_ended:
            self._say(execution.id, f"{execution.id}  {execution.status}  {elapsed(execution)}")

    def _say(self, subject: str, line: str) -> None:
        if self._said.get(subject) != line:
            self._said[subject] = line
            console(stderr=True).print(printable(line), soft_wrap=True)


class Picture:
    """The job execution and its latest task executions, drawn again several times a second."""

    def __init__(self) -> None:
        self._sight: Sight | None = None
        self._spinner = Spinner("dots", style="cyan")

    def show(self, sight: Sight) -> None:
        """Draw this from now on."""
        self._sight = sight

    def render(self) -> RenderableType:
        """The picture of this moment."""
        sight = self._sight
        if sight is None:
            return ""
        execution = sight.execution.value
        head = Text.assemble(printable(execution.info.title, "bold"), f"  {execution.id}  ", status(execution.status))
        head.append(f"  {elapsed(execution)}{_waiting_for_slot(execution)}")
        if sight.trouble:
            head.append("  the server does not answer; trying again", "bold red")
        hidden = sight.earlier + max(0, len(sight.tasks) - _MOST_ROWS)
        rows = [self._row(task) for task in sight.tasks[-_MOST_ROWS:]]
        picture: list[RenderableType] = [head]
        if hidden:
            picture.append(Text(f"  … after {hidden} earlier task executions", "dim"))
        if rows:
            picture.append(table(["", "TASK", "ATTEMPT", "STATUS", "TIME", "", ""], rows))
        return Group(*picture)

    def _row(self, task: TaskExecution) -> tuple[RenderableType | str, ...]:
        ratio = task.progress.ratio if task.progress and task.status == "IN_PROGRESS" else None
        return (
            self._spinner if task.status == "IN_PROGRESS" else _MARKS.get(task.status, Text("✗", "red")),
            task.task_reference_name,
            str(task.attempt),
            status(task.status),
            elapsed(task),
            "" if ratio is None else ProgressBar(1.0, ratio, width=_BAR_WIDTH),
            _remark(task),
        )


_MARKS: Final = {
    "COMPLETED": Text("✓", "green"),
    "COMPLETED_WITH_ERRORS": Text("!", "yellow"),
    "SCHEDULED": Text("·", "yellow"),
    "CANCELED": Text("-", "magenta"),
    "SKIPPED": Text("-", "dim"),
}


def _waiting_for_slot(execution: JobExecution) -> str:
    return "  waits for a free slot of its pipeline" if execution.status == "PENDING" else ""


def _remark(task: TaskExecution) -> str:
    """Why it waits, what its worker says, or why it failed."""
    if task.status == "SCHEDULED":
        return f"waits until {moment(task.available_at)}" if task.available_at else "waits for a worker"
    if task.failure is not None:
        return explained(task.failure)
    if task.progress is None or task.status != "IN_PROGRESS":
        return ""
    ratio = "" if task.progress.ratio is None else f"{task.progress.ratio:.0%}"
    return " ".join(part for part in (ratio, task.progress.message) if part)
