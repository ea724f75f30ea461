"""What a store promises of what is told of job executions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from data_factory.model.records import LogRecord, LogTallyRecord, SeenRecord
from data_factory.model.status import Severity
from data_factory.store.promises.parts import Scan, Slice


class LogReads(Protocol):
    """What can be asked of what is told of job executions."""

    async def logs_of_job(
        self, account_id: str, job_execution_id: str, severities: Iterable[Severity], part: Slice
    ) -> list[LogRecord]:
        """What was told of a job execution in these severities, oldest first."""
        ...

    async def scan_logs(self, account_id: str, job_execution_id: str | None, scan: Scan) -> list[SeenRecord]:
        """As `scan_task_executions`, of what was told."""
        ...

    async def logs_among(self, account_id: str, ids: Iterable[str]) -> list[LogRecord]:
        """Those of these that are of the account, in any order."""
        ...


class LogWrites(Protocol):
    """What can be done of what is told of job executions."""

    async def log_tallies(self, job_execution_ids: Iterable[str]) -> list[LogTallyRecord]:
        """How much is logged of these job executions, of those that there are."""
        ...

    async def insert_logs(self, logs: Sequence[LogRecord], more: Sequence[LogTallyRecord]) -> None:
        """Keep these, and count them: `more` has, in the order of the ids, what is to be added to each tally."""
        ...
