"""Launches, claims and reports on the store, as many as wait in one transaction."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from data_factory.model.ids import IdMaker
from data_factory.model.records import JobExecutionRecord, JobRecord, TaskExecutionRecord
from data_factory.model.requests import ClaimRequest, LaunchRequest, ReportBody
from data_factory.service.paging import Part
from data_factory.store.promises import Reads, Store, Transaction

MAX_BATCH: Final = 256

LEASE_MS: Final = 60_000

Ask = LaunchRequest | ClaimRequest | ReportBody

Move = tuple[TaskExecutionRecord, TaskExecutionRecord]
"""A row as it is, and as it is to be."""

_encode = msgspec.json.Encoder().encode


class Floor:
    """Does what is asked in batches: while one is being kept, what arrives makes the next."""

    def __init__(self, store: Store, job: JobRecord, task_id: str) -> None:
        self._store = store
        self._job = job
        self._task_id = task_id
        self._new_id = IdMaker(_now)
        self._queue: deque[tuple[Ask, asyncio.Future[Any]]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self.launched = asyncio.Event()

    @classmethod
    async def on(cls, store: Store) -> Floor:
        """On a store in which a server has declared one job of one task."""

        async def find(reads: Reads) -> tuple[JobRecord, str]:
            account = await reads.first_account()
            assert account is not None
            (job,) = await reads.jobs_of_account(account.id, Part())
            (task,) = await reads.tasks_of_account(account.id, Part())
            return job, task.id

        return cls(store, *await store.read(find))

    async def do(self, ask: Ask) -> Any:
        """The answer to what is asked, once it is kept."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append((ask, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]
            answers = await self.keep([ask for ask, _ in batch])
            for (ask, future), answer in zip(batch, answers, strict=True):
                future.set_result(answer)
                if isinstance(ask, LaunchRequest):
                    self.launched.set()
        self._worker = None

    async def keep(self, asks: Sequence[Ask]) -> list[Any]:
        """Do these in one transaction; the answers in their order."""
        return await self._store.write(lambda transaction: self._keep(transaction, asks), tell=lambda _: ["news"])

    async def _keep(self, transaction: Transaction, asks: Sequence[Ask]) -> list[Any]:
        now = _now()
        reports = {ask.id: _encode(ask.output).decode() for ask in asks if isinstance(ask, ReportBody)}
        jobs = [self._started(ask, now) for ask in asks if isinstance(ask, LaunchRequest)]
        new = {task.id: task for task in (self._scheduled(job, now) for job in jobs)}
        wanted = sum(ask.limit for ask in asks if isinstance(ask, ClaimRequest))
        if jobs or reports:
            await transaction.pipelines_of([self._job.pipeline_id])
        held = await transaction.task_executions_of(reports) if reports else []
        ending = await transaction.job_executions_by_id([one.job_execution_id for one in held]) if held else []
        moves = [(one, _ended(one, reports[one.id], now)) for one in held]
        taken = await self._taken(transaction, new, wanted, now) if wanted else []
        if jobs:
            await transaction.insert_job_executions(jobs)
        if ending:
            await transaction.update_job_executions([(one, _ended_job(one, now)) for one in ending])
        if new:
            await transaction.insert_task_executions(
                [*(new | {one.id: one for _, one in taken if one.id in new}).values()]
            )
        if moves := moves + [move for move in taken if move[0].id not in new]:
            await transaction.update_task_executions(moves)
        return _answers(asks, jobs, [one for _, one in taken])

    async def _taken(
        self, transaction: Transaction, new: dict[str, TaskExecutionRecord], wanted: int, now: int
    ) -> list[Move]:
        """What the claims get: what waits in the store, and then what is new."""
        waiting = await transaction.claimable_task_executions({self._task_id: wanted})
        rows = await transaction.task_executions_of([one.id for one in waiting]) if waiting else []
        return [(row, _claimed(row, self._new_id(), now)) for row in (*rows, *new.values())[:wanted]]

    def _started(self, launch: LaunchRequest, now: int) -> JobExecutionRecord:
        job = self._job
        return JobExecutionRecord(
            id=self._new_id(),
            account_id=job.account_id,
            job_id=job.id,
            job_version=job.version,
            job_account_id=job.account_id,
            pipeline_id=job.pipeline_id,
            status="RUNNING",
            title=job.title,
            input=_encode(launch.input).decode(),
            output="{}",
            failure=None,
            origin="API",
            launched_by=job.account_id,
            created_at=now,
            started_at=now,
            ended_at=None,
            deadline_at=None,
            variables="{}",
        )

    def _scheduled(self, job: JobExecutionRecord, now: int) -> TaskExecutionRecord:
        return TaskExecutionRecord(
            id=self._new_id(),
            account_id=job.account_id,
            job_execution_id=job.id,
            task_id=self._task_id,
            type="SUB_WORKFLOW",
            path="step0",
            attempt=1,
            status="SCHEDULED",
            input=job.input,
            output="{}",
            failure=None,
            warning=None,
            progress=None,
            worker_id=None,
            claim_id=None,
            lease=None,
            lease_ms=None,
            lease_expires_at=None,
            created_at=now,
            updated_at=now,
            available_at=None,
            poll_timeout_at=None,
            started_at=None,
            timeout_at=None,
            ended_at=None,
            timer_at=None,
        )


def _now() -> int:
    return time.time_ns() // 1_000_000


def _claimed(row: TaskExecutionRecord, lease: str, now: int) -> TaskExecutionRecord:
    end = now + LEASE_MS
    return replace(
        row,
        status="IN_PROGRESS",
        lease=lease,
        lease_ms=LEASE_MS,
        lease_expires_at=end,
        started_at=now,
        updated_at=now,
        timer_at=end,
    )


def _ended(row: TaskExecutionRecord, output: str, now: int) -> TaskExecutionRecord:
    return replace(
        row, status="COMPLETED", output=output, lease_expires_at=None, updated_at=now, ended_at=now, timer_at=None
    )


def _ended_job(row: JobExecutionRecord, now: int) -> JobExecutionRecord:
    return replace(row, status="COMPLETED", ended_at=now)


def _answers(asks: Sequence[Ask], jobs: list[JobExecutionRecord], taken: list[TaskExecutionRecord]) -> list[Any]:
    launched, left = iter(jobs), deque(taken)
    answers: list[Any] = []
    for ask in asks:
        match ask:
            case LaunchRequest():
                answers.append(next(launched))
            case ClaimRequest(limit=limit):
                answers.append([left.popleft() for _ in range(min(limit, len(left)))])
            case ReportBody():
                answers.append("COMPLETED")
    return answers
