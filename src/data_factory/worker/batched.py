"""How a worker speaks to a server that knows claim and report: long polls, and batches of whatever is ready."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar

import msgspec

from data_factory.client import calls
from data_factory.client.call import Call
from data_factory.client.errors import ApiError, BadRequest, TooLarge
from data_factory.client.retry import Backoff
from data_factory.model.requests import ClaimRequest, ReportBody
from data_factory.model.resources import Claimed, TaskExecution, Verdict
from data_factory.worker.clock import Clock, cancel, within
from data_factory.worker.handler import Handler
from data_factory.worker.line import Line, is_broken
from data_factory.worker.outcome import output_of, status_of
from data_factory.worker.run import Run
from data_factory.worker.runner import Runner

T = TypeVar("T")

logger = logging.getLogger("data_factory.worker")

_MOST: Final = 1_000
_UNACCEPTABLE: Final = frozenset({"invalid", "too_large"})


class _Repeatable(Generic[T]):
    """The same call for each try, and so the same request id: a lost answer loses nothing."""

    def __init__(self, call: Call[T]) -> None:
        self._call = call
        self.tries = 0

    def __call__(self) -> Call[T]:
        self.tries += 1
        return self._call


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
        self._beat_soon = asyncio.Event()
        self._set_aside: set[asyncio.Task[None]] = set()

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

    async def close(self) -> None:
        """Give up what is under way."""
        await cancel(*self._set_aside)

    async def settle_claim(self) -> None:
        """After the long poll was given up: learn what it was given in the meantime, if anything."""
        if self._open_claim is None:
            return
        plan = _Repeatable(msgspec.structs.replace(self._open_claim, headers={}, wait=0))
        try:
            self._accept((await self._line.ask(plan)).data, plan)
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
        plan = _Repeatable(call)
        self._open_claim = call
        taken = limit
        try:
            claimed = (await self._line.ask(plan)).data
            self._open_claim = None
            taken -= len(claimed)
        except ApiError:
            self._open_claim = None
            raise
        finally:
            self._runner.slots.give(taken)
        self._begin(claimed, plan)
        return len(claimed)

    def _claim_request(self, limit: int) -> ClaimRequest:
        return ClaimRequest(
            task_ids=tuple(self._handlers),
            limit=limit,
            worker_id=self._worker_id,
            request_id=secrets.token_hex(16),
            lease_seconds=self._lease_seconds,
        )

    def _accept(self, executions: Sequence[TaskExecution], plan: _Repeatable[Any]) -> None:
        self._runner.slots.take(len(executions))
        self._begin(executions, plan)

    def _begin(self, executions: Sequence[TaskExecution], plan: _Repeatable[Any]) -> None:
        if executions and plan.tries > 1:
            # They were given to the first try, perhaps long ago.
            self._beat_soon.set()
        for execution in executions:
            # The lease as it was given, which the response timeout of the task may have made shorter.
            if execution.lease_expires_at is not None:
                lease = (execution.lease_expires_at - execution.updated_at).total_seconds()
                if 0 < lease < self._shortest_lease:
                    self._shortest_lease = lease
                    self._beat_soon.set()
            self._runner.accept(self._handlers[execution.task_id], execution)

    # Reporting

    async def report_forever(self) -> None:
        """Report whatever is ready in one call, and claim the next executions with it."""
        while True:
            await self._runner.wait_over()
            runs = self._runner.take_over(_MOST)
            try:
                await self._report_and_claim(runs)
            except ApiError:
                await self._report_apart(runs)

    async def _report_and_claim(self, runs: Sequence[Run]) -> None:
        slots = self._runner.slots
        spare = slots.take(_MOST - len(runs)) if self._runner.accepting else 0
        claim = self._claim_request(len(runs) + spare) if self._runner.accepting else None
        plan = _Repeatable(calls.report([_report_of(run) for run in runs], claim=claim))
        try:
            answer = await self._line.ask(plan, tries_if_broken=5)
        finally:
            slots.give(spare)
        self._judge_all(runs, answer.results)
        self._accept(answer.claimed, plan)

    async def _report_apart(self, runs: Sequence[Run]) -> None:
        """The server has refused them together, or with the claim: find out which one it is about."""
        for run in runs:
            try:
                answer = await self._line.ask(partial(calls.report, [_report_of(run)]), tries_if_broken=1)
                self._judge_all([run], answer.results)
            except ApiError as error:
                if is_broken(error):
                    self._report_later(run, error)
                elif isinstance(error, TooLarge | BadRequest):
                    self._refused(run, error.code, error.message)
                else:
                    self._give_up(run, error.code, error.message)

    def _report_later(self, run: Run, error: ApiError) -> None:
        """The server fails over this one: it must not hold up the others."""
        run.setbacks += 1
        facts = run.facts("task_execution.setback", setbacks=run.setbacks)
        logger.warning("%s: its report is set aside for now: %s", run.name, error, extra=facts)

        async def later() -> None:
            await self._clock.sleep(self._backoff.pause(run.setbacks))
            self._runner.report_again(run)

        aside = asyncio.create_task(later())
        self._set_aside.add(aside)
        aside.add_done_callback(self._set_aside.discard)

    def _judge_all(self, runs: Sequence[Run], verdicts: Sequence[Verdict]) -> None:
        for run, verdict in zip(runs, verdicts, strict=True):
            self._judge(run, verdict)

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
            await within(self._clock, self._shortest_lease / 3, self._beat_soon.wait())
            self._beat_soon.clear()
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
