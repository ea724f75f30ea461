"""The verbs of `promises.Transaction`, on one SQLite connection.

They are coroutines because the promises are; none of them ever waits, so `run_now` can run work to its end in the
thread that owns the connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar, cast

from data_factory.store.sqlite.verbs.accounts import Accounts
from data_factory.store.sqlite.verbs.events import Events
from data_factory.store.sqlite.verbs.files import Files
from data_factory.store.sqlite.verbs.job_executions import JobExecutions
from data_factory.store.sqlite.verbs.jobs import Jobs
from data_factory.store.sqlite.verbs.logs import Logs
from data_factory.store.sqlite.verbs.pipelines import Pipelines
from data_factory.store.sqlite.verbs.projects import Projects
from data_factory.store.sqlite.verbs.task_executions import TaskExecutions
from data_factory.store.sqlite.verbs.tasks import Tasks
from data_factory.store.sqlite.verbs.variables import Variables
from data_factory.store.sqlite.verbs.webhooks import Webhooks

T = TypeVar("T")


def run_now(awaitable: Awaitable[T]) -> T:
    """Run work that never waits, here and now."""
    steps = cast(Generator[object, None, T], awaitable.__await__())
    try:
        next(steps)
    except StopIteration as end:
        return cast(T, end.value)
    raise RuntimeError("work in a transaction waited for something that is not the store")


class SqliteTransaction(
    Accounts,
    Pipelines,
    Projects,
    Tasks,
    Jobs,
    JobExecutions,
    TaskExecutions,
    Logs,
    Events,
    Variables,
    Files,
    Webhooks,
):
    """One connection, seen as a transaction; whoever made it begins and ends it."""

    async def aside(self, work: Callable[[], T]) -> T:
        return work()  # this is the writer's own thread

    async def write_nothing_new(self) -> None:
        self._execute("write_probe")
        self._execute("erase_probe")
