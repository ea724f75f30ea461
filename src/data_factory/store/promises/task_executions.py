"""What a store promises of task executions, their timers and their leases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from data_factory.model.records import SeenRecord, StandingRecord, TaskExecutionRecord, ToldRecord, WaitingRecord
from data_factory.store.promises.parts import Pair, Scan, Slice, Timer


class TaskExecutionReads(Protocol):
    """What can be asked of task executions, their timers and their leases."""

    async def task_execution(self, account_id: str, id: str) -> TaskExecutionRecord | None: ...

    async def task_executions_of_job(
        self, account_id: str, job_execution_id: str, part: Slice
    ) -> list[TaskExecutionRecord]: ...

    async def task_executions_in_short(self, account_id: str, ids: Iterable[str]) -> list[TaskExecutionRecord]:
        """These, without what went in and came out."""
        ...

    async def scan_task_executions(self, account_id: str, job_execution_id: str | None, scan: Scan) -> list[SeenRecord]:
        """What a find looks at of the task executions of one job execution, or of all that the account has launched:
        those of the first launched first, each in the order in which they were made, or all of it the other way round.

        After a cursor that is a job execution, what is of the ones behind it. The last one that was looked at is there
        whatever it is: its `cursor` is where to go on.
        """
        ...

    async def task_executions_seen(self, account_id: str, ids: Iterable[str]) -> list[TaskExecutionRecord]:
        """Those of these that are of a job execution that the account has launched, without what went in and came out,
        in any order."""
        ...

    async def task_executions_among(
        self, account_id: str, ids: Iterable[str], part: Slice
    ) -> list[TaskExecutionRecord]:
        """The same, with all that they have, in the order of the ids; of the `part`, only `max_bytes` counts."""
        ...

    async def task_execution_ids_of_job(self, account_id: str, job_execution_id: str, part: Slice) -> list[str]:
        """The ids of the task executions of a job execution, oldest first."""
        ...

    async def standing_of_job(self, job_execution_id: str, limit: int) -> list[StandingRecord]:
        """The task executions of a job execution that have not ended: those of control flow, then the others, each
        oldest first."""
        ...

    async def standing_count_of_job(self, job_execution_id: str) -> int:
        """How many task executions of a job execution have not ended."""
        ...

    async def in_progress_counts(self, task_ids: Iterable[str]) -> dict[str, int]:
        """How many executions of each task are held by workers, counted from the rows."""
        ...

    async def next_timer(self) -> int | None:
        """When the next timer of any execution, or the next job, is due; None when there is none. Those of task
        executions do not count while leases are to be spared."""
        ...

    async def told_task_executions(self, ids: Iterable[str]) -> list[ToldRecord]:
        """What the timeline tells of these task executions."""
        ...


class TaskExecutionWrites(Protocol):
    """What can be done of task executions, their timers and their leases."""

    async def task_executions_of(
        self, ids: Iterable[str], claimed: Iterable[Pair] = (), active_of: Iterable[str] = ()
    ) -> list[TaskExecutionRecord]:
        """These task executions, what is held under claims (`claimed` is pairs of task id and claim id), and what has
        not ended of these job executions (`active_of`)."""
        ...

    async def latest_task_executions(self, pairs: Iterable[Pair]) -> list[TaskExecutionRecord]:
        """The latest attempt at each path: `pairs` of job execution id and path."""
        ...

    async def output_sizes(self, pairs: Iterable[Pair]) -> dict[str, int]:
        """How large the outputs of these latest attempts are together, by job execution id: in bytes, or, what is
        less, in characters."""
        ...

    async def claimable_task_executions(self, wanted: Mapping[str, int]) -> list[WaitingRecord]:
        """Those that wait for a worker, oldest first: of each task as many as are wanted."""
        ...

    async def claimable_tasks(self, task_ids: Iterable[str]) -> list[str]:
        """Those of these tasks of which something waits for a worker, be it in the hands of another transaction."""
        ...

    async def in_progress_counts(self, task_ids: Iterable[str]) -> dict[str, int]:
        """As in `Reads`; until the transaction ends, nobody else counts them."""
        ...

    async def due_task_executions(self, now: int, limit: int) -> list[TaskExecutionRecord]:
        """Those whose timer has come due, the earliest first; none while leases are to be spared."""
        ...

    async def put_off(self, timer: Timer, until: int) -> bool:
        """Let come due later what comes due at this time, or waits for a slot. Whether it still did."""
        ...

    async def begin_sparing(self, since: int) -> None:
        """Leases are to be spared, reckoned from `since`. Until that was done no task execution is due."""
        ...

    async def sparing_since(self) -> int | None:
        """From when that is reckoned, if it is to be done; until the transaction ends, nobody else does it."""
        ...

    async def spare_leases(self, since: int, now: int, grace_ms: int, limit: int) -> int:
        """Let leases last until `now` + `grace_ms`, or until their own length has passed from `now` if that is less.

        They are those that would end before the same, reckoned from `since`: the first `limit` of them. How many there
        were.
        """
        ...

    async def end_sparing(self) -> None:
        """All that was to be spared has been."""
        ...

    async def insert_task_executions(self, rows: Sequence[TaskExecutionRecord]) -> None: ...

    async def update_task_executions(self, rows: Sequence[tuple[TaskExecutionRecord, TaskExecutionRecord]]) -> None:
        """Change rows: pairs of what a row was read as and what it is to be.

        Raises:
            StaleWrite: a row's status or lease is not what it was read as.
        """
        ...
