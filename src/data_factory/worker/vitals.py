"""What a worker's health and its metrics are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from data_factory.worker.outcome import Completed, Failed, HandedBack, Outcome

_NAMES: Final = {Completed: "completed", Failed: "failed", HandedBack: "handed_back"}


class Vitals:
    """Counts what happens. A worker is healthy if the last poll that it sent was answered: whatever else goes well, one
    whose polls fail is given no work. `tell` is called when the number of those that run has changed."""

    def __init__(self) -> None:
        self.slots = 0
        self.tell: Callable[[], None] = lambda: None
        self._running = 0
        self._answered: bool | None = None
        self._polls = Counter[bool]()
        self._ended = Counter[tuple[str, str]]()
        self._seconds: dict[str, float] = {}

    @property
    def running(self) -> int:
        """How many run, or wait for their report."""
        return self._running

    @running.setter
    def running(self, count: int) -> None:
        self._running = count
        self.tell()

    def count(self, outcome: str) -> int:
        """How many executions, of all tasks, have ended like this: `completed`, `failed`, `handed_back`, `dropped`."""
        return sum(count for (_, how), count in self._ended.items() if how == outcome)

    @property
    def healthy(self) -> bool:
        """Whether the last poll was answered."""
        return self._answered is True

    @property
    def why(self) -> str:
        """The same in words."""
        if self._answered is None:
            return "no poll was answered yet"
        return "the last poll was answered" if self._answered else "the last poll was not answered"

    def polled(self, answered: bool) -> None:
        """A poll or a claim was answered, with work or without, or it was not."""
        self._answered = answered
        self._polls[answered] += 1

    def ended(self, task: str, outcome: Outcome, seconds: float) -> None:
        """A run is over."""
        self._ended[task, _NAMES[type(outcome)]] += 1
        self._seconds[task] = self._seconds.get(task, 0.0) + seconds

    def dropped(self, task: str) -> None:
        """A run was told to stop, as its result is no longer wanted."""
        self._ended[task, "dropped"] += 1

    def metrics(self) -> str:
        """All of it, as Prometheus reads it."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from _metric("slots", "gauge", "How many executions may run at a time.", [("", self.slots)])
        yield from _metric("running", "gauge", "How many run, or wait for their report.", [("", self.running)])
        yield from _metric("healthy", "gauge", "Whether the last poll was answered.", [("", int(self.healthy))])
        polls = [(f'answered="{str(answered).lower()}"', self._polls[answered]) for answered in (True, False)]
        yield from _metric("polls_total", "counter", "Polls and claims.", polls)
        ended = [(f'task="{_quoted(task)}",outcome="{how}"', count) for (task, how), count in self._ended.items()]
        yield from _metric("executions_total", "counter", "Executions that are over, by how they ended.", ended)
        seconds = [(f'task="{_quoted(task)}"', spent) for task, spent in self._seconds.items()]
        yield from _metric("execution_seconds_total", "counter", "How long executions ran.", seconds)


def _metric(name: str, kind: str, about: str, values: Sequence[tuple[str, float]]) -> Iterator[str]:
    full = f"data_factory_worker_{name}"
    yield f"# HELP {full} {about}"
    yield f"# TYPE {full} {kind}"
    for labels, value in values:
        yield f"{full}{{{labels}}} {value:g}" if labels else f"{full} {value:g}"


def _quoted(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
