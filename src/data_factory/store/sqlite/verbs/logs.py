"""The verbs of what is told of job executions, on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_factory.model.records import LogRecord, LogTallyRecord, SeenRecord
from data_factory.model.status import Severity
from data_factory.store.promises import Scan, Slice
from data_factory.store.sqlite.session import Session, array
from data_factory.store.statements import way


class Logs(Session):
    """The verbs of what is told of job executions."""

    async def logs_of_job(
        self, account_id: str, job_execution_id: str, severities: Iterable[Severity], part: Slice
    ) -> list[LogRecord]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id, "severities": array(severities)}
        return self._listed(LogRecord, "logs_of_job", part, **values)

    async def scan_logs(self, account_id: str, job_execution_id: str | None, scan: Scan) -> list[SeenRecord]:
        name = f"scan_of_logs_of_{way(job_execution_id, scan.ascending)}"
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        return self._scanned(SeenRecord, name, scan, **values)

    async def logs_among(self, account_id: str, ids: Iterable[str]) -> list[LogRecord]:
        return self._all(LogRecord, "logs_among", account_id=account_id, ids=array(ids))

    async def log_tallies(self, job_execution_ids: Iterable[str]) -> list[LogTallyRecord]:
        return self._all(LogTallyRecord, "log_tallies", job_execution_ids=array(job_execution_ids))

    async def insert_logs(self, logs: Sequence[LogRecord], more: Sequence[LogTallyRecord]) -> None:
        self._execute_all("insert_logs", logs)
        self._execute_all("count_logs", more)
