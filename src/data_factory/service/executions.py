"""The verbs of executions: launch, claim, report, cancel; and looking at them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from data_factory.model.errors import DataFactoryError, NotFound, Unavailable
from data_factory.model.records import JobExecutionRecord, LogRecord, PipelineRecord, TaskExecutionRecord
from data_factory.model.status import JOB_EXECUTION_ENDED, Severity
from data_factory.service.clock import Clock
from data_factory.service.commands import (
    Cancel,
    Claim,
    Hold,
    HoldPipeline,
    Launch,
    Report,
    Skip,
    WriteLogs,
)
from data_factory.service.dispatcher import Dispatcher
from data_factory.service.guests import task_executions_of
from data_factory.service.logbook import Kept
from data_factory.service.lookups import job_execution_of
from data_factory.service.paging import Part
from data_factory.service.polls import Polls
from data_factory.service.reports import Report as ExecutionReport
from data_factory.service.reports import report_of
from data_factory.service.timeline import Place, Told, timeline
from data_factory.service.waiting_room import Presence, Waiter, WaitingRoom
from data_factory.service.why import Cause, Facts, explain, facts_of
from data_factory.store.promises import Reads, Store


class Executions:
    """Job executions and task executions."""

    def __init__(self, store: Store, dispatcher: Dispatcher, room: WaitingRoom, polls: Polls, clock: Clock) -> None:
        self._store = store
        self._polls = polls
        self._clock = clock
        self._dispatcher = dispatcher
        self._room = room

    async def launch(self, launch: Launch, wait: float = 0, presence: Presence | None = None) -> JobExecutionRecord:
        """Run a job: at once if its pipeline has a free slot, else when its turn comes. With `wait`, the answer is as
        it is when it has ended or when the seconds are over.

        Raises:
            Invalid: there is no such job.
            JobInactive, IdempotencyKeyReused: it may not be launched.
        """
        execution: JobExecutionRecord
        if not wait:
            execution = await self._dispatcher.submit(launch)
            return execution
        deadline = asyncio.get_running_loop().time() + wait
        with self._room.enter((launch.id,)) as waiter:
            if presence is not None:
                presence.attach(waiter)
            execution = await self._dispatcher.submit(launch)
            if execution.id == launch.id:
                return await self._at_its_end(execution, waiter, deadline, presence)
        left = max(0, deadline - asyncio.get_running_loop().time())  # of an earlier request with its Idempotency-Key
        return await self.job_execution(launch.account_id, execution.id, left, presence)

    async def claim(self, claim: Claim, wait: float = 0, presence: Presence | None = None) -> list[TaskExecutionRecord]:
        """Hand out what waits for these tasks, or wait up to `wait` seconds for something to come, as long as those
        who asked are there.

        Raises:
            NotFound: a task is not there.
        """
        taken: list[TaskExecutionRecord]
        if wait <= 0 or presence is None:
            taken = await self._dispatcher.submit(claim)
        else:
            deadline = asyncio.get_running_loop().time() + wait
            taken = await self._claim(replace(claim, presence=presence), deadline, presence)
        self._polls.note(claim.task_ids, claim.worker_id)  # afterwards: the tasks are there
        return taken

    async def _claim(self, claim: Claim, deadline: float, presence: Presence) -> list[TaskExecutionRecord]:
        clock = asyncio.get_running_loop().time
        with self._room.enter(claim.task_ids, claim) as waiter:
            presence.attach(waiter)
            try:
                while True:
                    calls = waiter.calls.copy()
                    asked_for: list[TaskExecutionRecord] = await self._dispatcher.submit(claim)
                    taken = self._at_most(claim.limit, asked_for, waiter.take())
                    waiter.answered(_answered(calls, taken))
                    left = deadline - clock()
                    waits = not taken and left > 0 and not presence.gone
                    woken = waits and await waiter.wait(left) and not presence.gone
                    taken = taken or waiter.take()
                    if presence.gone:
                        self._dispatcher.hand_back(taken)
                        return []
                    if taken or not woken:
                        return taken
            finally:
                self._dispatcher.hand_back(waiter.take())

    def _at_most(
        self, limit: int, asked_for: list[TaskExecutionRecord], given: list[TaskExecutionRecord]
    ) -> list[TaskExecutionRecord]:
        """What a claim keeps of what it has asked for and what it was given while it did; the rest is handed back."""
        if not given:
            return asked_for
        known = {row.id for row in asked_for}  # the same may be given again, under a new lease
        taken = [*asked_for, *(row for row in given if row.id not in known)]
        self._dispatcher.hand_back(taken[limit:])
        return taken[:limit]

    async def report(self, report: Report) -> TaskExecutionRecord:
        """Take what a worker says of a task execution.

        Raises:
            NotFound: there is none.
            Conflict: the report is stale; the class says why.
        """
        execution: TaskExecutionRecord = await self._dispatcher.submit(report)
        return execution

    async def report_all(self, reports: Sequence[Report]) -> list[TaskExecutionRecord | DataFactoryError]:
        """Take many reports; a refused one does not hinder the others.

        Raises:
            Unavailable: some could not be taken. To send all of them again is safe.
        """
        answers: list[Any] = await asyncio.gather(*map(self._dispatcher.submit, reports), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not _is_refusal(answer):
                raise answer
        return answers

    async def report_and_claim(
        self, reports: Sequence[Report], claim: Claim | None
    ) -> tuple[list[TaskExecutionRecord | DataFactoryError], list[TaskExecutionRecord]]:
        """Take many reports and hand out what waits, together, so that both are kept in one transaction. If the reports
        cannot be taken, nobody hears of what was handed out: it is handed back.

        Raises:
            Unavailable: some could not be taken. To send all of them again is safe.
            NotFound: a task of the claim is not there.
        """
        if claim is None:
            return await self.report_all(reports), []
        answers, taken = await asyncio.gather(self.report_all(reports), self.claim(claim), return_exceptions=True)
        if isinstance(answers, BaseException):
            if not isinstance(taken, BaseException):
                self._dispatcher.hand_back(taken)
            raise answers
        if isinstance(taken, BaseException):
            raise taken
        return answers, taken

    async def cancel(self, cancel: Cancel) -> JobExecutionRecord:
        """End a job execution before its time.

        Raises:
            NotFound: there is none.
            JobExecutionEnded: it has already ended otherwise.
        """
        execution: JobExecutionRecord = await self._dispatcher.submit(cancel)
        return execution

    async def hold(self, hold: Hold) -> JobExecutionRecord:
        """Pause a job execution, or resume it.

        Raises:
            NotFound: there is none.
            JobExecutionEnded: it has already ended.
        """
        execution: JobExecutionRecord = await self._dispatcher.submit(hold)
        return execution

    async def hold_pipeline(self, hold: HoldPipeline) -> PipelineRecord:
        """Pause a pipeline, or resume it.

        Raises:
            NotFound: there is none.
        """
        pipeline: PipelineRecord = await self._dispatcher.submit(hold)
        return pipeline

    async def skip(self, skip: Skip) -> TaskExecutionRecord:
        """Go on as if a task execution that waits had COMPLETED.

        Raises:
            NotFound: there is none.
            NotSkippable, TaskExecutionEnded: it does not wait.
        """
        execution: TaskExecutionRecord = await self._dispatcher.submit(skip)
        return execution

    async def job_execution(
        self, account_id: str, id: str, wait: float = 0, presence: Presence | None = None
    ) -> JobExecutionRecord:
        """A job execution; with `wait`, as it is when it has ended or when the seconds are over.

        Raises:
            NotFound: there is none.
        """
        deadline = asyncio.get_running_loop().time() + wait
        with self._room.enter((id,)) as waiter:
            if presence is not None:
                presence.attach(waiter)
            execution = await self._job_execution(account_id, id)
            return await self._at_its_end(execution, waiter, deadline, presence)

    async def _at_its_end(
        self, execution: JobExecutionRecord, waiter: Waiter, deadline: float, presence: Presence | None
    ) -> JobExecutionRecord:
        """A job execution when it has ended, or as it is at the deadline. Only the end that another server has decided
        has to be read."""
        clock = asyncio.get_running_loop().time
        woken = True
        while woken and execution.status not in JOB_EXECUTION_ENDED and (left := deadline - clock()) > 0:
            woken = await waiter.wait(left) and not (presence is not None and presence.gone)
            execution = waiter.end or await self._job_execution(execution.account_id, execution.id)
        return execution

    async def why(self, account_id: str, id: str) -> tuple[JobExecutionRecord, list[Cause]]:
        """A job execution, and why it stands where it does.

        Raises:
            NotFound: there is none.
        """

        async def work(reads: Reads) -> Facts:
            return await facts_of(reads, await job_execution_of(reads, account_id, id))

        facts = await self._store.read(work)
        return facts.execution, explain(facts, self._clock())

    async def timeline(self, account_id: str, id: str, part: Part) -> list[tuple[Place, Told]]:
        """What happened in a job execution, oldest first, each with its place: see `service.timeline`.

        Raises:
            NotFound: there is no such job execution.
        """
        return await timeline(self._store, account_id, id, part)

    async def report_on(self, account_id: str, id: str) -> ExecutionReport:
        """What the report of a job execution is made of: see `service.reports`.

        Raises:
            NotFound: there is no such job execution.
        """
        return await report_of(self._store, account_id, id)

    async def write_logs(self, account_id: str, logs: Sequence[LogRecord]) -> list[Kept | DataFactoryError]:
        """Tell something of job executions; what became of each log. One that is refused does not hinder the others."""
        answers: list[Kept | DataFactoryError] = await self._dispatcher.submit(WriteLogs(account_id, tuple(logs)))
        return answers

    async def logs(self, account_id: str, id: str, part: Part, severities: Sequence[Severity]) -> list[LogRecord]:
        """What was told of a job execution in these severities, oldest first.

        Raises:
            NotFound: there is no such job execution.
        """

        async def work(reads: Reads) -> list[LogRecord]:
            await job_execution_of(reads, account_id, id)
            return await reads.logs_of_job(account_id, id, severities, part)

        return await self._store.read(work)

    async def task_execution(self, account_id: str, id: str) -> TaskExecutionRecord:
        """A task execution.

        Raises:
            NotFound: there is none.
        """
        execution = await self._store.ask(lambda reads: reads.task_execution(account_id, id))
        if execution is None:
            raise NotFound(f"There is no task execution {id!r} in this account.")
        return execution

    async def job_executions(self, account_id: str, part: Part, job_id: str | None = None) -> list[JobExecutionRecord]:
        """Job executions, newest first; those of one job if it is given."""
        if job_id is None:
            return await self._store.ask(lambda reads: reads.job_executions_of_account(account_id, part))
        return await self._store.ask(lambda reads: reads.job_executions_of_job(account_id, job_id, part))

    async def task_executions(self, account_id: str, id: str, part: Part) -> list[TaskExecutionRecord]:
        """The task executions of a job execution, oldest first; those of a shared job as guests are shown them.

        Raises:
            NotFound: there is no such job execution.
        """

        return await self._store.read(lambda reads: task_executions_of(reads, account_id, id, part))

    async def _job_execution(self, account_id: str, id: str) -> JobExecutionRecord:
        return await self._store.ask(lambda reads: job_execution_of(reads, account_id, id))


def _is_refusal(answer: BaseException) -> bool:
    """Whether a command was refused for good, so that it is of no use to send it again."""
    return isinstance(answer, DataFactoryError) and not isinstance(answer, Unavailable)


def _answered(calls: Counter[str], taken: list[TaskExecutionRecord]) -> Counter[str]:
    """The calls that a claim has answered: those for the tasks that it took, or all when it found nothing."""
    tasks = {one.task_id for one in taken}
    return Counter({task_id: count for task_id, count in calls.items() if not tasks or task_id in tasks})
