"""What has come due, in the order in which it did."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, NamedTuple

from data_factory.model.records import JobExecutionRecord, JobRecord, TaskExecutionRecord
from data_factory.store.promises import Timer, Transaction

TASK: Final = 0
JOB: Final = 1
"""What is due at a time: a task execution, and then a job execution."""

_KINDS: Final[tuple[Literal["task_execution"], Literal["job_execution"]]] = ("task_execution", "job_execution")

MOST_AT_A_TIME: Final = 500
"""So many of each kind are done in one transaction."""


class Due(NamedTuple):
    """Task executions and job executions that are due, no later than `until`, and jobs that are to be launched. `more`
    when there may be others."""

    tasks: list[TaskExecutionRecord]
    executions: list[JobExecutionRecord]
    jobs: list[JobRecord]
    until: tuple[int, int]
    more: bool

    @property
    def in_order(self) -> list[tuple[int, int, str]]:
        """Task executions and job executions: when each came due, its kind and its id."""
        tasks = [(row.timer_at, TASK, row.id) for row in self.tasks if row.timer_at is not None]
        ends = [(row.deadline_at, JOB, row.id) for row in self.executions if row.deadline_at is not None]
        return sorted(one for one in tasks + ends if one[:2] <= self.until)

    @property
    def timers(self) -> list[Timer]:
        """All of it."""
        jobs = [Timer("job", row.id, row.due_at) for row in self.jobs]
        return jobs + [Timer(_KINDS[kind], id, at) for at, kind, id in self.in_order]

    def among(self, ids: Collection[str]) -> Due:
        """What of it has these ids: nothing that comes due after the last of them comes before it has its turn."""
        tasks = [row for row in self.tasks if row.id in ids]
        executions = [row for row in self.executions if row.id in ids]
        jobs = [row for row in self.jobs if row.id in ids]
        some = self._replace(tasks=tasks, executions=executions, jobs=jobs)
        return some._replace(until=min(self.until, max((one[:2] for one in some.in_order), default=self.until)))


async def look_for_due(transaction: Transaction, now: int, limit: int = MOST_AT_A_TIME) -> Due:
    """What seems to be due: `limit` of each kind, the earliest first. Only the jobs are held."""
    tasks = await transaction.due_task_executions(now, limit)
    executions = await transaction.due_job_executions(now, limit)
    # Of a kind of which there is more, what comes after the last one is not known: no further than that, then.
    last = [(tasks[-1].timer_at or now, TASK)] if len(tasks) == limit else []
    last += [(executions[-1].deadline_at or now, JOB)] if len(executions) == limit else []
    jobs = await transaction.due_jobs(now, limit)
    more = bool(last) or len(jobs) == limit
    return Due(tasks, executions, jobs, min(last, default=(now, JOB)), more)
