"""What a store does. One conformance suite holds every store to it.

A store is handed *work*, a coroutine function that takes a transaction, reads what it needs, and writes what follows.
All of one work's writes are kept, durably, or none is. Work does nothing else that waits, so that a store may run it
wherever its connection lives: its verbs, a module for each thing that is kept, are the only awaits in it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from data_factory.store.promises.accounts import AccountReads, AccountWrites
from data_factory.store.promises.events import EventReads, EventWrites
from data_factory.store.promises.failures import (
    ImpossibleWrite,
    StaleWrite,
    StoreUnavailable,
    TwoQuestions,
    UnusableSchema,
    WriteUnderWay,
)
from data_factory.store.promises.files import FileReads, FileWrites
from data_factory.store.promises.job_executions import JobExecutionReads, JobExecutionWrites
from data_factory.store.promises.jobs import JobReads, JobWrites
from data_factory.store.promises.logs import LogReads, LogWrites
from data_factory.store.promises.parts import Pair, Scan, Slice, Timer
from data_factory.store.promises.pipelines import PipelineReads, PipelineWrites
from data_factory.store.promises.projects import ProjectReads, ProjectWrites
from data_factory.store.promises.task_executions import TaskExecutionReads, TaskExecutionWrites
from data_factory.store.promises.tasks import TaskReads, TaskWrites
from data_factory.store.promises.variables import VariableReads, VariableWrites
from data_factory.store.promises.webhooks import WebhookReads, WebhookWrites

__all__ = [
    "LONGEST_LINE",
    "PATIENCE_S",
    "ImpossibleWrite",
    "Member",
    "Pair",
    "Reads",
    "Scan",
    "Slice",
    "StaleWrite",
    "Store",
    "StoreUnavailable",
    "Timer",
    "Transaction",
    "TwoQuestions",
    "UnusableSchema",
    "WriteUnderWay",
]

T = TypeVar("T")

PATIENCE_S: Final = 5.0
"""How long a store waits for what it is made of, unless it is told otherwise."""

LONGEST_LINE: Final = 7_900
"""How many bytes a line of news may have."""


class Reads(
    AccountReads,
    PipelineReads,
    ProjectReads,
    TaskReads,
    JobReads,
    JobExecutionReads,
    TaskExecutionReads,
    LogReads,
    EventReads,
    VariableReads,
    FileReads,
    WebhookReads,
    Protocol,
):
    """What can be asked of a store. Lists of an account are newest first; a job execution's tasks are oldest first."""


class Transaction(
    Reads,
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
    Protocol,
):
    """What can be done in one transaction.

    Pipelines, job executions and task executions that are read by their ids stay as read until it ends, as do those
    that are pending or claimable; the other verbs say what there is to be read. So that transactions never wait for
    each other in a circle, all pipelines come first, then job executions of these pipelines, then all task executions
    at once. Who holds a pipeline is alone in starting and ending its job executions.
    """

    async def aside(self, work: Callable[[], T]) -> T:
        """Compute something that takes a moment, so that nobody waits for it but this transaction, and those who wait
        for that."""
        ...

    async def write_nothing_new(self) -> None:
        """Write something that nobody sees, to find out whether anything can be kept."""
        ...


class Member(Protocol):
    """One of the processes that work on one store."""

    async def arrive_first(self, chance_ms: int) -> None:
        """Nobody else is here, and nobody will be until this returns. Those who were here before may still be at work:
        within `chance_ms` they will have come back, or they never will."""
        ...

    async def arrive(self) -> None:
        """We are here, for the first time or again, and whoever was the first has arrived."""
        ...

    def hear(self, news: str) -> None:
        """What another one has told."""
        ...

    def lose(self) -> None:
        """From now on the others may not be heard."""
        ...

    def come_back(self) -> None:
        """They are heard again; what they told meanwhile is lost."""
        ...


class Store(Protocol):
    """A place where everything is kept."""

    @property
    def patience(self) -> float:
        """For how many seconds anybody waits for it to answer; twice as long for what it may already have kept."""
        ...

    def wall_ns(self) -> int:
        """What time it is, in nanoseconds since the epoch, by the clock that all go by who work on this store.

        Ask once it was joined. It may jump, as such clocks do.
        """
        ...

    async def join(self, member: Member) -> None:
        """Join the processes that work on this store, and hear from now on what they tell.

        Raises:
            StoreUnavailable: they cannot be reached.
        """
        ...

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        tell: Callable[[T], Sequence[str]] | None = None,
        within: float | None = None,
    ) -> T:
        """Run `work` in one transaction; when this returns, what it wrote survives a power cut.

        It may be run again from its beginning when another transaction was in its way. `tell` says what the other
        processes on this store are told of its result, once it is kept: lines of at most `LONGEST_LINE` bytes. What has
        not come as far as to be kept `within` so many seconds, or the patience, never will be.

        Raises:
            StoreUnavailable: it could not be kept; nothing of it was, or ever will be. The same work may succeed later.
            WriteUnderWay: it is not known in time whether it is kept; it will be.
            StaleWrite, ImpossibleWrite: it must not be kept; nothing of it was.
        """
        ...

    async def read(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        """Run `work` on one consistent state, without waiting for writers.

        Raises:
            StoreUnavailable: nothing can be read at the moment.
        """
        ...

    async def ask(self, question: Callable[[Reads], Awaitable[T]]) -> T:
        """Ask one thing, by a single verb that is a single statement: it takes no transaction to answer it.

        Raises:
            StoreUnavailable: nothing can be read at the moment.
            TwoQuestions: more was asked, which needs `read`.
        """
        ...

    async def close(self) -> None:
        """Let the work in hand end, and close. What is asked of it from then on is refused: StoreUnavailable."""
        ...
