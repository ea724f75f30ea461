"""The verbs of `promises.Transaction`, on one PostgreSQL connection.

Who waits for whom: a transaction takes the rows that it holds in one order, first pipelines, then job executions (whose
pipeline it holds), then task executions, then tasks, each by its id, and those of one kind in one statement. So no two
ever wait for each other in a circle. Rows that are just handed out are skipped, which waits for nobody.

`FOR NO KEY UPDATE` is the lock that an UPDATE takes; `FOR UPDATE` would stop those who insert a reference, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from data_factory.store.postgresql.verbs.accounts import AccountWrites
from data_factory.store.postgresql.verbs.events import EventWrites
from data_factory.store.postgresql.verbs.files import FileWrites
from data_factory.store.postgresql.verbs.job_executions import JobExecutionWrites
from data_factory.store.postgresql.verbs.jobs import JobWrites
from data_factory.store.postgresql.verbs.logs import LogWrites
from data_factory.store.postgresql.verbs.pipelines import PipelineWrites
from data_factory.store.postgresql.verbs.projects import ProjectWrites
from data_factory.store.postgresql.verbs.task_executions import TaskExecutionWrites
from data_factory.store.postgresql.verbs.tasks import TaskWrites
from data_factory.store.postgresql.verbs.variables import VariableWrites
from data_factory.store.postgresql.verbs.webhooks import WebhookWrites

T = TypeVar("T")

CHANNEL: Final = "data_factory"
"""The channel on which the processes of one database tell each other what they have done."""


class PostgresqlTransaction(
    AccountWrites,
    PipelineWrites,
    ProjectWrites,
    TaskWrites,
    JobWrites,
    JobExecutionWrites,
    TaskExecutionWrites,
    LogWrites,
    EventWrites,
    VariableWrites,
    FileWrites,
    WebhookWrites,
):
    """One connection, seen as a transaction; whoever made it begins and ends it."""

    async def aside(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    async def write_nothing_new(self) -> None:
        self.wrote = True  # so the number of this commit will be

    async def seal(self, writer: str, number: int, lines: Sequence[str]) -> None:
        """End with what the other processes are told, and with the number of this commit."""
        await self._execute("seal", channel=CHANNEL, lines=list(lines), writer=writer, number=number)
