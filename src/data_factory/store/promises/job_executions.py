"""What a store promises of job executions: how they run, run others again, and are erased."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from data_factory.model.records import (
    AgedRecord,
    JobExecutionRecord,
    LinkRecord,
    SeenExecutionRecord,
    TakeoverRecord,
    TraceRecord,
    WaitingRecord,
)
from data_factory.store.promises.parts import Scan, Slice


class JobExecutionReads(Protocol):
    """What can be asked of job executions: how they run, run others again, and are erased."""

    async def job_execution(self, account_id: str, id: str) -> JobExecutionRecord | None: ...

    async def job_executions_of_account(self, account_id: str, part: Slice) -> list[JobExecutionRecord]: ...

    async def job_executions_of_job(self, account_id: str, job_id: str, part: Slice) -> list[JobExecutionRecord]: ...

    async def scan_job_executions(
        self, account_id: str, job_id: str | None, scan: Scan, beyond: int | None = None
    ) -> list[SeenExecutionRecord]:
        """What a find looks at, of an account or of one job; the last of the window is always among it. What comes
        `beyond` a place, the `seq` of one that need not be there any more, comes instead of what comes after a cursor.
        """
        ...

    async def job_executions_among(
        self, account_id: str, ids: Iterable[str], ascending: bool, part: Slice
    ) -> list[JobExecutionRecord]:
        """These job executions, in the order of their launch or the newest first, as far as there is room for them."""
        ...

    async def job_executions_in_short(self, account_id: str, ids: Iterable[str]) -> list[JobExecutionRecord]:
        """These, without what went in and came out."""
        ...

    async def pending_before(self, job_execution_id: str, pipeline_id: str, limit: int) -> list[str]:
        """The ids of those that wait in a pipeline and come before this one, the first of them first."""
        ...

    async def links_of(self, ids: Iterable[str]) -> list[LinkRecord]:
        """Which job executions these run again, and which run these again, oldest first."""
        ...

    async def traces_of_job(self, account_id: str, job_execution_id: str) -> list[TraceRecord]:
        """All task executions of a job execution, oldest first."""
        ...

    async def aged_job_executions(self, account_id: str, after: int, limit: int) -> list[AgedRecord]:
        """The first job executions of an account after this place, in the order of their launch."""
        ...


class JobExecutionWrites(Protocol):
    """What can be done of job executions: how they run, run others again, and are erased."""

    async def job_executions_by_id(self, ids: Iterable[str]) -> list[JobExecutionRecord]: ...

    async def pending_job_executions(self, wanted: Mapping[str, int]) -> list[WaitingRecord]:
        """Those that wait for a slot, in the order of their launch: of each pipeline as many as are wanted."""
        ...

    async def due_job_executions(self, now: int, limit: int) -> list[JobExecutionRecord]: ...

    async def insert_job_executions(self, rows: Sequence[JobExecutionRecord]) -> None:
        """Keep these; `running` and `pending` of their pipelines are changed with them."""
        ...

    async def update_job_executions(self, rows: Sequence[tuple[JobExecutionRecord, JobExecutionRecord]]) -> None:
        """Change rows: pairs of what a row was read as and what it is to be. `running` and `pending` of their
        pipelines are changed with them.

        Raises:
            StaleWrite: a row's status is not what it was read as.
        """
        ...

    async def wake_parents(self, task_execution_ids: Iterable[str], now: int) -> None:
        """Of these steps, those that still wait for another job execution come due: it has ended."""
        ...

    async def stop_children(self, job_execution_ids: Iterable[str], now: int) -> None:
        """Of these job executions, those that are RUNNING come due, paused or not: nobody waits for them any more."""
        ...

    async def begin_erasing(self, ids: Iterable[str], now: int) -> int:
        """Of these job executions, those that have ended are gone: nobody sees anything of them any more. How many
        they were."""
        ...

    async def erase_some(self, limit: int) -> bool:
        """Erase some rows of a job execution that is gone, at most `limit` of each kind; what another transaction
        erases is left to it. False when there was nothing to erase."""
        ...

    async def insert_links(self, links: Sequence[LinkRecord]) -> None:
        """Keep these."""
        ...

    async def take_over(self, takeover: TakeoverRecord, new_id: str) -> None:
        """Copy task executions to another job execution, with the files that are spared for the one; the ids of the
        copies begin as `new_id` does."""
        ...
