"""The verbs of what is told of job executions, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_factory.model.records import LogRecord, LogTallyRecord, SeenRecord
from data_factory.model.status import Severity
from data_factory.store.postgresql.session import Session, WritingSession, texts
from data_factory.store.promises import Scan, Slice
from data_factory.store.statements import way


class LogReads(Session):
    """What can be asked of what is told of job executions."""

    async def logs_of_job(
        self, account_id: str, job_execution_id: str, severities: Iterable[Severity], part: Slice
    ) -> list[LogRecord]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id, "severities": list(severities)}
        return await self._listed(LogRecord, "logs_of_job", part, **values)

    async def scan_logs(self, account_id: str, job_execution_id: str | None, scan: Scan) -> list[SeenRecord]:
        name = f"scan_of_logs_of_{way(job_execution_id, scan.ascending)}"
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        return await self._scanned(SeenRecord, name, scan, **values)

    async def logs_among(self, account_id: str, ids: Iterable[str]) -> list[LogRecord]:
        return await self._all(LogRecord, "logs_among", account_id=account_id, ids=texts(ids))


class LogWrites(LogReads, WritingSession):
    """What can be done with what is told of job executions."""

    async def log_tallies(self, job_execution_ids: Iterable[str]) -> list[LogTallyRecord]:
        return await self._all(LogTallyRecord, "log_tallies", job_execution_ids=texts(job_execution_ids))

    async def insert_logs(self, logs: Sequence[LogRecord], more: Sequence[LogTallyRecord]) -> None:
        await self._insert_all("insert_logs", logs)
        await self._insert_all("count_logs", more)
