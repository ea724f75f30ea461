"""One job execution told step by step, with the engine's own functions and a clock that the test moves.

    story = Story(step("fetch", retry_count=1), step("send"))
    story.start()
    story.claim()
    story.fail()
    story.statuses()  # ["fetch 1 FAILED", "fetch 2 SCHEDULED"]

Each step gets a task of its own, so its settings (`retry_count`, `timeout_seconds`, …) stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, count
from typing import Any

import msgspec
from msgspec import UNSET

from data_factory.engine import decider, lease, scope
from data_factory.engine.compiling import compile_graph
from data_factory.engine.run import Needs, Outcome, Run
from data_factory.engine.scripts import Script, Verdict, evaluate
from data_factory.model.definitions import JobDefinition, JobTask, TaskDefinition
from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord
from data_factory.model.status import TASK_EXECUTION_ENDED, TaskExecutionStatus, TaskType

START = 1_700_000_000_000


class StepInStory(msgspec.Struct):
    task: JobTask
    definitions: list[TaskDefinition]


def step(
    reference: str, *, optional: bool = False, input: dict[str, Any] | None = None, **settings: Any
) -> StepInStory:
    """A step of a job, and the settings of the task that it runs."""
    task = JobTask(
        name=f"${{account}}/{reference}", task_reference_name=reference, is_optional=optional, input=input or {}
    )
    return StepInStory(task, [TaskDefinition(key=reference, **{"retry_delay_seconds": 0, **settings})])


def control(
    type: TaskType,
    reference: str,
    *,
    optional: bool = False,
    input: dict[str, Any] | None = None,
    cases: dict[str, list[StepInStory]] | None = None,
    default: list[StepInStory] | None = None,
    over: list[StepInStory] | None = None,
    branches: list[list[StepInStory]] | None = None,
    **fields: Any,
) -> StepInStory:
    """A step of control flow, and the steps in it."""
    inner = [*chain(*(cases or {}).values()), *(default or ()), *(over or ()), *chain(*(branches or ()))]
    task = JobTask(
        name=type,
        task_reference_name=reference,
        type=type,
        is_optional=optional,
        input=input or {},
        decision_cases=UNSET if cases is None else {case: _tasks(steps) for case, steps in cases.items()},
        default_case=UNSET if default is None else _tasks(default),
        loop_over=UNSET if over is None else _tasks(over),
        fork_tasks=UNSET if branches is None else tuple(map(_tasks, branches)),
        **fields,
    )
    return StepInStory(task, [definition for one in inner for definition in one.definitions])


def _tasks(steps: Iterable[StepInStory]) -> tuple[JobTask, ...]:
    return tuple(one.task for one in steps)


class Story:
    """The job execution, its task executions in the order of their making, and the time."""

    def __init__(
        self,
        *steps: StepInStory,
        input: dict[str, Any] | None = None,
        output: dict[str, Any] | None = None,
        timeout_seconds: int = 0,
    ) -> None:
        definition = JobDefinition(key="job", tasks=_tasks(steps), output=output, timeout_seconds=timeout_seconds)
        self.tasks = {each.key: each for one in steps for each in one.definitions}
        self.graph = compile_graph(definition, {f"${{account}}/{key}": key for key in self.tasks})
        self.execution = _pending(input or {})
        self.rows: dict[str, TaskExecutionRecord] = {}
        self.now = START
        self.unforeseen: list[Needs] = []
        self._all_active = False
        self.may_think = True
        self._too_large: list[frozenset[str]] = []
        self._verdicts: dict[Script, Verdict] = {}
        self._numbers = count(1)

    # -- what happens

    def start(self) -> None:
        self._decide(decider.start)

    def claim(self, lease_seconds: int | None = None, at: str | None = None) -> TaskExecutionRecord:
        current = self.current if at is None else self.at(at)
        lease_ms = None if lease_seconds is None else lease_seconds * 1000
        held = lease.claim(current, self.tasks[current.task_id], self._new_id(), self.now, lease_ms=lease_ms)
        self.rows[held.id] = held
        return held

    def heartbeat(self, output: str | None = None) -> None:
        self.rows[self.current.id] = lease.extend(self.current, self.now, output, None)

    def hand_back(self) -> None:
        self.rows[self.current.id] = lease.hand_back(self.current, self.tasks[self.current.task_id], self.now)

    def complete(self, output: dict[str, Any] | None = None, at: str | None = None) -> None:
        self.complete_with(self.current if at is None else self.at(at), _json(output or {}))

    def complete_with(self, held: TaskExecutionRecord, output: str) -> None:
        self._decide(decider.complete, held, output, foreseen=self._foreseen(held, may_fail=False))

    def fail(
        self, output: dict[str, Any] | None = None, status: TaskExecutionStatus = "FAILED", at: str | None = None
    ) -> None:
        held = self.current if at is None else self.at(at)
        self._decide(decider.fail, held, status, _json(output or {}), foreseen=self._foreseen(held, may_fail=True))

    def work(self, output: dict[str, Any] | None = None, at: str | None = None) -> None:
        """Claim and complete."""
        self.claim(at=at)
        self.complete(output, at)

    def wait(self, seconds: float) -> None:
        """Time passes, and what came due in it is done at its end."""
        self.now += int(seconds * 1000)
        if self.execution.status == "RUNNING":
            due = self.current
            self._decide(decider.expire, due, foreseen=self._foreseen(due, may_fail=True))
        if self.execution.deadline_at is not None and self.execution.deadline_at <= self.now:
            self._take(decider.expire_job(self._run(set()), self.rows.values(), self.now))

    def go_on(self) -> bool:
        """What control flow has put off is done; False when there is nothing of the kind."""
        rows = [row for row in self.rows.values() if not row.task_id]
        postponed = [row for row in rows if row.timer_at is not None and row.timer_at <= self.now]
        for row in postponed:
            self._decide(decider.expire, row)
        return bool(postponed)

    def cancel(self, reason: str = "") -> None:
        self._take(decider.cancel(self.execution, self.rows.values(), reason, self.now))

    # -- what is so

    @property
    def status(self) -> str:
        return self.execution.status

    @property
    def output(self) -> Any:
        return msgspec.json.decode(self.execution.output)

    @property
    def failure(self) -> dict[str, Any]:
        return _failure(self.execution.failure)

    @property
    def current(self) -> TaskExecutionRecord:
        """The one task execution of a worker that has not ended."""
        (current,) = [row for row in self.rows.values() if row.task_id and row.status not in TASK_EXECUTION_ENDED]
        return current

    def at(self, path: str) -> TaskExecutionRecord:
        """The latest task execution at a path."""
        return {row.path: row for row in self.rows.values()}[path]

    def output_of(self, path: str) -> Any:
        return msgspec.json.decode(self.at(path).output)

    @property
    def last(self) -> TaskExecutionRecord:
        return list(self.rows.values())[-1]

    def statuses(self) -> list[str]:
        return [f"{row.path} {row.attempt} {row.status}" for row in self.rows.values()]

    def input_of(self, reference: str) -> Any:
        (row,) = [row for row in self.rows.values() if row.path == reference and row.attempt == 1]
        return msgspec.json.decode(row.input)

    def failures(self) -> list[str]:
        """The code of each task execution's failure, of those that have one."""
        return [_failure(row.failure)["code"] for row in self.rows.values() if row.failure]

    # -- how it is told

    def _foreseen(self, after: TaskExecutionRecord, *, may_fail: bool) -> set[str]:
        """The paths that the service would load at first: what the graph says that the next step may read."""
        return set(self.graph.reads_after(after.path, may_fail=may_fail) - {after.path})

    def _decide(self, decide: Callable[..., Outcome], *args: Any, foreseen: set[str] | None = None) -> None:
        """What the service does: load what is foreseen, decide, and again with what was missing."""
        paths = foreseen or set()
        while True:
            run = self._run(paths)
            try:
                self._take(decide(run, *args, self.now, self._new_id))
                return
            except Needs as needs:
                self.unforeseen.append(needs)
                paths |= needs.paths | self._outputs(needs.outputs)
                self._all_active |= needs.active
                self._verdicts |= {script: evaluate(script) for script in needs.scripts}

    def _outputs(self, paths: frozenset[str]) -> frozenset[str]:
        """Those of which the outputs are to be loaded: all, or, too large together, none."""
        latest = {row.path: row for row in self.rows.values()}
        if sum(len(latest[path].output) for path in paths if path in latest) <= scope.MAX_PAYLOAD_BYTES:
            return paths
        self._too_large.append(paths)
        return frozenset()

    def _run(self, paths: set[str]) -> Run:
        latest = {row.path: row for row in self.rows.values()}
        active = [row for row in self.rows.values() if row.status not in TASK_EXECUTION_ENDED]
        return Run(
            execution=self.execution,
            graph=self.graph,
            tasks=self.tasks,
            rows={path: latest.get(path) for path in paths},
            active=active if self._all_active else None,
            verdicts=self._verdicts,
            may_think=self.may_think,
            too_large=self._too_large,
        )

    def _take(self, outcome: Outcome) -> None:
        self.execution = outcome.execution
        for row in outcome.task_executions:
            self.rows[row.id] = row

    def _new_id(self) -> str:
        return f"{next(self._numbers):024x}"


def _pending(input: dict[str, Any]) -> JobExecutionRecord:
    return JobExecutionRecord(
        id="e" * 24,
        account_id="account",
        job_id="job",
        job_version=1,
        job_account_id="account",
        pipeline_id="pipeline",
        status="PENDING",
        title="A job",
        input=_json(input),
        output="{}",
        failure=None,
        origin="API",
        launched_by="user",
        created_at=START,
        started_at=None,
        ended_at=None,
        deadline_at=None,
        variables="{}",
    )


def _failure(failure: str | None) -> dict[str, Any]:
    return {} if failure is None else dict(msgspec.json.decode(failure))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
