"""The verbs of what is told of job executions, on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_factory.model.records import LogRecord, LogTallyRecord
from data_factory.model.status import Severity
from data_factory.store.promises import Slice
from data_factory.store.sqlite.session import Session, array


class Logs(Session):
    """The verbs of what is told of job executions."""

    async def logs_of_job(
        self, account_id: str, job_execution_id: str, severities: Iterable[Severity], part: Slice
    ) -> list[LogRecord]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id, "severities": array(severities)}
        return self._listed(LogRecord, "logs_of_job", part, **values)

    async def log_tallies(self, job_execution_ids: Iterable[str]) -> list[LogTallyRecord]:
        return self._all(LogTallyRecord, "log_tallies", job_execution_ids=array(job_execution_ids))

    async def insert_logs(self, logs: Sequence[LogRecord], more: Sequence[LogTallyRecord]) -> None:
        self._execute_all("insert_logs", logs)
        self._execute_all("count_logs", more)
