"""What is so at any time, whatever happens: rules that need nothing but the rows, before and after each step."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from data_factory.model.definitions import TaskDefinition
from data_factory.model.records import JobExecutionRecord, PipelineRecord, TaskExecutionRecord
from data_factory.model.status import (
    JOB_EXECUTION_ENDED,
    JOB_EXECUTION_MOVES,
    TASK_EXECUTION_ENDED,
    TASK_EXECUTION_MOVES,
)

BEGINNINGS = {"SCHEDULED", "FAILED_WITH_TERMINAL_ERROR"}
PASSED = {"COMPLETED", "COMPLETED_WITH_ERRORS", "SKIPPED"}


class Watch:
    """Looks at all rows after each step. Rows are in the order in which they were made."""

    def __init__(self, tasks: Mapping[str, TaskDefinition], steps: Mapping[str, list[str]]) -> None:
        self.tasks = tasks
        """The definition of each task, by its id."""
        self.steps = steps
        """The reference names of each job, in their order, by its id."""
        self.closed: set[str] = set()
        """The pipelines that are paused."""
        self.out_of_order: set[str] = set()
        """The pipelines in which something has, or had, another turn than by its launch alone."""
        self.executions: dict[str, JobExecutionRecord] = {}
        self.task_executions: dict[str, TaskExecutionRecord] = {}

    def look(
        self, executions: list[JobExecutionRecord], attempts: list[TaskExecutionRecord], slots: Mapping[str, int]
    ) -> None:
        """Everything is as it may be, and has come to it as it may."""
        before = {id: row.status == "RUNNING" for id, row in self.executions.items()}
        self._moves(executions, attempts)
        by_execution: dict[str, list[TaskExecutionRecord]] = defaultdict(list)
        for attempt in attempts:
            by_execution[attempt.job_execution_id].append(attempt)
            self._times(attempt)
        for execution in executions:
            self._attempts(execution, by_execution.pop(execution.id, []))
        assert not by_execution, "a task execution without its job execution"
        for pipeline_id, places in slots.items():
            mine = [execution for execution in executions if execution.pipeline_id == pipeline_id]
            self._slots(mine, places, before)
        self._limits(attempts)

    def forget(self, id: str) -> None:
        """A job execution was deleted, and all of it with it."""
        del self.executions[id]
        self.task_executions = {one.id: one for one in self.task_executions.values() if one.job_execution_id != id}

    def count(self, executions: list[JobExecutionRecord], pipelines: list[PipelineRecord]) -> None:
        """What pipelines say of how many run and wait in them is what one finds who counts."""
        counts = Counter((execution.pipeline_id, execution.status) for execution in executions)
        for pipeline in pipelines:
            counted = (counts[pipeline.id, "RUNNING"], counts[pipeline.id, "PENDING"])
            assert (pipeline.running, pipeline.pending) == counted

    def _moves(self, executions: list[JobExecutionRecord], attempts: list[TaskExecutionRecord]) -> None:
        seen, seen_attempts = {row.id: row for row in executions}, {row.id: row for row in attempts}
        assert self.executions.keys() <= seen.keys()
        assert self.task_executions.keys() <= seen_attempts.keys()
        for id, execution in seen.items():
            was = self.executions.get(id)
            if was is not None and was.status in JOB_EXECUTION_ENDED:
                assert execution == was, "a job execution that has ended changed"
            assert execution.status in _reached(JOB_EXECUTION_MOVES, {was.status} if was else {"PENDING"})
        for id, attempt in seen_attempts.items():
            earlier = self.task_executions.get(id)
            if earlier is not None and earlier.status in TASK_EXECUTION_ENDED:
                assert attempt == earlier, "a task execution that has ended changed"
            is_taken_over = earlier is None and seen[attempt.job_execution_id].origin == "RETRY"
            begun: set[str] = BEGINNINGS | PASSED if is_taken_over else BEGINNINGS
            begun = {earlier.status} if earlier else begun
            assert attempt.status in _reached(TASK_EXECUTION_MOVES, begun)
        self.executions, self.task_executions = seen, seen_attempts

    def _times(self, attempt: TaskExecutionRecord) -> None:
        """What comes due has a timer; what has none is in somebody's hands: nothing is stuck."""
        times = (attempt.available_at, attempt.poll_timeout_at, attempt.lease_expires_at, attempt.timeout_at)
        is_held = attempt.paused_at is not None and attempt.status == "SCHEDULED"
        assert attempt.timer_at == (
            None if is_held else min((time for time in times if time is not None), default=None)
        )
        if attempt.type == "HUMAN":
            assert attempt.timer_at is attempt.lease is attempt.worker_id is attempt.claim_id is None, "it is nobody's"
            assert attempt.status != "SCHEDULED", "it waits for a person from its beginning"
        elif attempt.status == "IN_PROGRESS":
            assert attempt.lease_expires_at is not None
            assert attempt.lease is not None

    def _attempts(self, execution: JobExecutionRecord, attempts: list[TaskExecutionRecord]) -> None:
        live = [attempt for attempt in attempts if attempt.status not in TASK_EXECUTION_ENDED]
        assert len(live) == (execution.status == "RUNNING"), "one live attempt while it runs, and none else"
        assert live in ([], attempts[-1:])
        is_retry = execution.origin == "RETRY"
        if execution.status == "PENDING":
            assert is_retry or attempts == []
            assert all(attempt.status in PASSED for attempt in attempts), "it was begun before its turn"
        steps = self.steps[execution.job_id]
        groups: dict[str, list[TaskExecutionRecord]] = defaultdict(list)
        for attempt in attempts:
            groups[attempt.path].append(attempt)
        assert list(groups) == steps[: len(groups)], "the steps in their order"
        assert [attempt.path for attempt in attempts] == sorted((one.path for one in attempts), key=steps.index)
        for path, mine in groups.items():
            numbers = [attempt.attempt for attempt in mine]
            is_taken_over = is_retry and len(mine) == 1 and mine[0].status in PASSED
            assert is_taken_over or numbers == list(range(1, len(mine) + 1)), "no gap"
            assert numbers[-1] <= 1 + self._retries_of(mine[0])
            assert len({attempt.input for attempt in mine}) == 1
            assert all(attempt.status not in PASSED for attempt in mine[:-1]), "what was done was done again"
            if path != attempts[-1].path or execution.status == "COMPLETED":
                assert mine[-1].status in PASSED, "it went on without it"
        if execution.status == "COMPLETED":
            assert list(groups) == steps

    def _retries_of(self, attempt: TaskExecutionRecord) -> int:
        """How often it may be tried again; a person is asked once."""
        return 0 if attempt.type == "HUMAN" else self.tasks[attempt.task_id].retry_count

    def _slots(self, executions: list[JobExecutionRecord], places: int, before: Mapping[str, bool]) -> None:
        running = [execution for execution in executions if execution.status == "RUNNING"]
        pending = [execution for execution in executions if execution.is_ready]
        if any(one.priority or one.pause or (one.status == "PENDING" and not one.is_ready) for one in executions):
            self.out_of_order.add(executions[0].pipeline_id)
        is_plain = bool(executions) and executions[0].pipeline_id not in self.out_of_order
        if len(running) > places:
            assert all(before.get(execution.id) for execution in running), "one was started without a free slot"
        if pending and pending[0].pipeline_id not in self.closed:
            assert len(running) >= places, "one waits although a slot is free"
        if pending and is_plain:
            age = {execution.id: number for number, execution in enumerate(executions)}
            started = [execution for execution in executions if execution.started_at is not None]
            assert all(age[one.id] < age[pending[0].id] for one in started), "one was started before an older one"
        starts = [execution.started_at for execution in executions if execution.started_at is not None]
        assert not is_plain or all(one <= other for one, other in pairwise(starts)), (
            "started in another order than launched"
        )

    def _limits(self, attempts: list[TaskExecutionRecord]) -> None:
        held = Counter(one.task_id for one in attempts if one.status == "IN_PROGRESS" and one.type != "HUMAN")
        for task_id, count in held.items():
            limit = self.tasks[task_id].concurrent_exec_limit
            assert limit == 0 or count <= limit


def _reached(moves: Mapping[Any, frozenset[Any]], begun: set[str]) -> set[str]:
    """The statuses that can be reached, in any number of moves: one transaction may make more than one."""
    found = set(begun)
    while more := {after for before in found for after in moves[before]} - found:
        found |= more
    return found
