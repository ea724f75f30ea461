"""How a worker speaks to a server that knows claim and report: long polls, and batches of whatever is ready."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from data_factory.client import calls
from data_factory.client.call import Call
from data_factory.client.errors import ApiError, BadRequest, TooLarge
from data_factory.client.retry import Backoff
from data_factory.model.requests import ClaimRequest, ReportBody
from data_factory.model.resources import Claimed, TaskExecution, Verdict
from data_factory.worker.clock import Clock, within
from data_factory.worker.handler import Handler
from data_factory.worker.line import Line
from data_factory.worker.outcome import output_of, status_of
from data_factory.worker.run import Run
from data_factory.worker.runner import Runner

logger = logging.getLogger("data_factory.worker")

_MOST: Final = 1_000
_UNACCEPTABLE: Final = frozenset({"invalid", "too_large"})


class Batched:
    """Claims many executions at a time, reports many at a time, and keeps all leases with one call."""

    def __init__(
        self,
        line: Line,
        runner: Runner,
        handlers: Mapping[str, Handler],
        clock: Clock,
        backoff: Backoff,
        *,
        worker_id: str,
        lease_seconds: int = 60,
        wait_seconds: int = 20,
    ) -> None:
        self._line = line
        self._runner = runner
        self._handlers = handlers
        self._clock = clock
        self._backoff = backoff
        self._worker_id = worker_id
        self._lease_seconds = lease_seconds
        self._wait_seconds = wait_seconds
        self._open_claim: Call[Claimed] | None = None
        self._shortest_lease = float(lease_seconds)
        self._lease_shortened = asyncio.Event()

    # Claiming

    async def claim_now(self) -> None:
        """Claim what waits, without waiting for more; `NotFound` from a server that does not know claims."""
        await self._claim(self._runner.slots.take(_MOST), wait=0)

    async def claim_forever(self) -> None:
        """Whenever there is room, wait for work with one long poll for all tasks."""
        disappointments = 0
        loop = asyncio.get_running_loop()
        while True:
            limit = await self._runner.slots.wait_take(_MOST)
            began = loop.time()
            try:
                count = await self._claim(limit, wait=self._wait_seconds)
            except ApiError as error:
                logger.error("cannot claim: %s", error, extra={"event": "claim.refused"})
                count = 0
            if count or loop.time() - began > self._wait_seconds / 2:
                disappointments = 0
                continue
            # Nothing, at once: this server or a proxy does not wait. Asking again at once would not help.
            await self._clock.sleep(self._backoff.pause(disappointments))
            disappointments += 1

    async def settle_claim(self) -> None:
        """After the long poll was given up: learn what it was given in the meantime, if anything."""
        if self._open_claim is None:
            return
        call = msgspec.structs.replace(self._open_claim, headers={}, wait=0)
        try:
            self._accept((await self._line.ask(lambda: call)).data)
        except ApiError as error:
            logger.warning("cannot learn what the last claim was given: %s", error, extra={"event": "claim.refused"})

    async def _claim(self, limit: int, wait: int) -> int:
        request = self._claim_request(limit)
        call = calls.claim(
            request.task_ids,
            limit=limit,
            wait=wait,
            lease_seconds=request.lease_seconds,
            worker_id=request.worker_id,
            request_id=request.request_id,
        )
        self._open_claim = call
        taken = limit
        try:
            # The same call, and so the same request id, until it is answered: a lost answer loses nothing.
            claimed = (await self._line.ask(lambda: call)).data
            self._open_claim = None
            taken -= len(claimed)
        except ApiError:
            self._open_claim = None
            raise
        finally:
            self._runner.slots.give(taken)
        self._begin(claimed)
        return len(claimed)

    def _claim_request(self, limit: int) -> ClaimRequest:
        return ClaimRequest(
            task_ids=tuple(self._handlers),
            limit=limit,
            worker_id=self._worker_id,
            request_id=secrets.token_hex(16),
            lease_seconds=self._lease_seconds,
        )

    def _accept(self, executions: Sequence[TaskExecution]) -> None:
        self._runner.slots.take(len(executions))
        self._begin(executions)

    def _begin(self, executions: Sequence[TaskExecution]) -> None:
        for execution in executions:
            # The lease as it was given, which the response timeout of the task may have made shorter.
            if execution.lease_expires_at is not None:
                lease = (execution.lease_expires_at - execution.updated_at).total_seconds()
                if 0 < lease < self._shortest_lease:
                    self._shortest_lease = lease
                    self._lease_shortened.set()
            self._runner.accept(self._handlers[execution.task_id], execution)

    # Reporting

    async def report_forever(self) -> None:
        """Report whatever is ready in one call, and claim the next executions with it."""
        while True:
            await self._runner.wait_over()
            await self._report(self._runner.take_over(_MOST))

    async def _report(self, runs: Sequence[Run], *, ride: bool = True) -> None:
        spare = self._runner.slots.take(_MOST - len(runs)) if ride and self._runner.accepting else 0
        claim = self._claim_request(len(runs) + spare) if ride and self._runner.accepting else None
        reports = [_report_of(run) for run in runs]
        try:
            answer = await self._line.ask(lambda: calls.report(reports, claim=claim))
        except ApiError as error:
            self._runner.slots.give(spare)
            await (self._report_apart(runs, error) if claim is None else self._report(runs, ride=False))
            return
        except asyncio.CancelledError:
            self._runner.slots.give(spare)
            raise
        for run, verdict in zip(runs, answer.results, strict=True):
            self._judge(run, verdict)
        self._runner.slots.give(spare)
        self._accept(answer.claimed)

    async def _report_apart(self, runs: Sequence[Run], error: ApiError) -> None:
        """The server refuses the batch: find out which report it is about."""
        if len(runs) > 1:
            for run in runs:
                await self._report([run], ride=False)
        elif isinstance(error, TooLarge | BadRequest):
            self._refused(runs[0], error.code, error.message)
        else:
            self._give_up(runs[0], error.code, error.message)

    def _judge(self, run: Run, verdict: Verdict) -> None:
        code, message = verdict.code or "refused", verdict.message or "the server does not say why"
        if verdict.accepted:
            self._runner.settle(run)
        elif code in _UNACCEPTABLE:
            self._refused(run, code, message)
        else:
            self._give_up(run, code, message)

    def _refused(self, run: Run, code: str, message: str) -> None:
        if run.replaced:
            self._give_up(run, code, message)
            return
        what = "is too large" if code == "too_large" else "was refused by the server"
        self._runner.replace(run, f'Task failed "its output {what}: {message}"')

    def _give_up(self, run: Run, code: str, message: str) -> None:
        facts = run.facts("task_execution.refused", code=code)
        logger.warning("%s: its result is dropped, the server says %s: %s", run.name, code, message, extra=facts)
        self._runner.settle(run)

    # Heartbeats

    async def beat_forever(self) -> None:
        """Extend the leases of everything that is not reported yet, in one call each third of a lease."""
        while True:
            if await within(self._clock, self._shortest_lease / 3, self._lease_shortened.wait()):
                self._lease_shortened.clear()
            else:
                await self.beat()

    async def beat(self) -> None:
        """One heartbeat for all runs; what the server says is lost or canceled is told to stop."""
        runs = list(self._runner.runs.values())
        for start in range(0, len(runs), _MOST):
            await self._beat(runs[start : start + _MOST])

    async def _beat(self, runs: Sequence[Run]) -> None:
        beats = [ReportBody(id=run.id, status="IN_PROGRESS", lease=run.execution.lease) for run in runs]
        try:
            answer = await self._line.ask(lambda: calls.report(beats))
        except ApiError as error:
            logger.error("cannot extend leases: %s", error, extra={"event": "heartbeat.refused"})
            return
        for run, verdict in zip(runs, answer.results, strict=True):
            if not verdict.accepted:
                self._runner.drop(run, f"{verdict.message} ({verdict.code})")


def _report_of(run: Run) -> ReportBody:
    outcome = run.outcome
    if outcome is None:
        raise AssertionError(f"{run.name} is not over")
    status = status_of(outcome)
    output = output_of(outcome)
    return ReportBody(
        id=run.id, status=status, output=msgspec.UNSET if status == "SCHEDULED" else output, lease=run.execution.lease
    )
