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
from data_factory.client.call import Call, Listing, Steps
from data_factory.client.errors import ApiError, BadRequest, TooLarge
from data_factory.client.retry import Backoff
from data_factory.model.requests import ClaimRequest, LogRequest, ProgressBody, ReportBody
from data_factory.model.resources import Claimed, TaskExecution, Verdict
from data_factory.worker.clock import Clock, cancel, within
from data_factory.worker.handler import Handler
from data_factory.worker.journal import Said
from data_factory.worker.line import Line, is_broken
from data_factory.worker.outcome import OF_FAILURES, HandedBack, output_of, status_of
from data_factory.worker.progress import Progress
from data_factory.worker.room import Booking
from data_factory.worker.run import Run
from data_factory.worker.runner import Runner

T = TypeVar("T")

logger = logging.getLogger("data_factory.worker")

_MOST: Final = 1_000
_NOTES_SECONDS: Final = 1.0
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

    LOG_SECONDS: Final = 0.1
    """Between two batches of what tasks log: who looks when a job has just ended finds what it said."""

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
        await self._claim(self._runner.room.book(_MOST), wait=0)

    async def claim_forever(self) -> None:
        """Whenever there is room, wait for work with one long poll for all tasks."""
        disappointments = 0
        loop = asyncio.get_running_loop()
        while True:
            booking = await self._runner.room.wait_book(_MOST)
            began = loop.time()
            try:
                count = await self._claim_until_more(booking)
            except ApiError as error:
                logger.error("cannot claim: %s", error, extra={"event": "claim.refused"})
                count = 0
            if count or count is None or loop.time() - began > self._wait_seconds / 2:
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

    async def _claim_until_more(self, booking: Booking) -> int | None:
        """One long poll, given up as soon as there is room for a task that it does not ask for; None then."""
        if len(booking.task_ids) == len(self._handlers):
            return await self._claim(booking, wait=self._wait_seconds)
        claiming = asyncio.create_task(self._claim(booking, wait=self._wait_seconds))
        more = asyncio.create_task(self._runner.room.wait_more(booking))
        try:
            await asyncio.wait({claiming, more}, return_when=asyncio.FIRST_COMPLETED)
            if claiming.done():
                return claiming.result()
            await cancel(claiming)
            await self.settle_claim()
            return None
        finally:
            await cancel(claiming, more)

    async def _claim(self, booking: Booking, wait: int) -> int:
        request = self._claim_request(booking)
        call = calls.claim(
            request.task_ids,
            limit=request.limit,
            wait=wait,
            lease_seconds=request.lease_seconds,
            worker_id=request.worker_id,
            request_id=request.request_id,
        )
        plan = _Repeatable(call)
        self._open_claim = call
        claimed: Sequence[TaskExecution] = ()
        try:
            claimed = (await self._line.ask(plan, watch=self._runner.vitals.polled)).data
            self._open_claim = None
        except ApiError:
            self._open_claim = None
            raise
        finally:
            self._runner.room.settle(booking, [one.task_id for one in claimed])
        self._begin(claimed, plan)
        return len(claimed)

    def _claim_request(self, booking: Booking) -> ClaimRequest:
        return ClaimRequest(
            task_ids=booking.task_ids,
            limit=booking.count,
            worker_id=self._worker_id,
            request_id=secrets.token_hex(16),
            lease_seconds=self._lease_seconds,
        )

    def _accept(self, executions: Sequence[TaskExecution], plan: _Repeatable[Any]) -> None:
        for execution in executions:
            self._runner.room.hold(execution.task_id)
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
        room = self._runner.room
        # They leave before the answer is there, so that the claim in the same call is for their room too.
        booking = room.book(_MOST, leaving=[run.execution.task_id for run in runs]) if self._runner.accepting else None
        claim = self._claim_request(booking) if booking and booking.count else None
        plan = _Repeatable(calls.report([_report_of(run) for run in runs], claim=claim))
        claimed: Sequence[TaskExecution] = ()
        try:
            answer = await self._line.ask(plan, tries_if_broken=5)
            claimed = answer.claimed
            self._judge_all(runs, answer.results)
        finally:
            if booking is not None:
                room.settle(booking, [one.task_id for one in claimed])
        self._begin(claimed, plan)

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
        notes = [run.notes.read() for run in runs]
        beats = [_beat_of(run, progress, saved) for run, (_, progress, saved) in zip(runs, notes, strict=True)]
        try:
            answer = await self._line.ask(lambda: calls.report(beats))
        except ApiError as error:
            logger.error("cannot extend leases: %s", error, extra={"event": "heartbeat.refused"})
            return
        for run, (version, _, _), verdict in zip(runs, notes, answer.results, strict=True):
            if verdict.accepted:
                run.notes.sent(version)
                run.pause(is_paused=verdict.paused_at is not None)
            elif verdict.code in _UNACCEPTABLE:
                run.notes.sent(version)
                facts = run.facts("heartbeat.refused", code=verdict.code)
                logger.error("%s: what it saved is not taken: %s", run.name, verdict.message, extra=facts)
            else:
                self._runner.drop(run, f"{verdict.message} ({verdict.code})")

    async def note_forever(self) -> None:
        """Pass on what tasks say of their progress and what they save, not more than once a second."""
        while True:
            await self._runner.noted.wait()
            self._runner.noted.clear()
            runs = [run for run in self._runner.runs.values() if run.notes.unsent and run.outcome is None]
            for start in range(0, len(runs), _MOST):
                await self._beat(runs[start : start + _MOST])
            await self._clock.sleep(_NOTES_SECONDS)

    # Logs

    async def send_lines(self, lines: Sequence[Said]) -> None:
        """Each line as an entry of its own, all in one call."""
        logs = [
            LogRequest(
                message=line.text,
                emitter_name=line.emitter,
                event_correlation_id=line.correlation_id,
                severity=line.severity,
                message_type=line.kind,
                task_execution_id=line.execution_id,
                logged_at=line.at,
            )
            for line in lines
        ]
        await self._line.ask(lambda: calls.create_logs(logs), tries_if_broken=3)

    # What an earlier try has left

    async def saved_before(self, execution: TaskExecution) -> dict[str, Any]:
        """What an execution that was handed back, or the attempt before this one, had saved."""
        if execution.output or execution.attempt <= 1:
            return execution.output
        try:
            before = await self._line.ask(lambda: _attempt_before(execution))
        except ApiError as error:
            logger.warning("cannot read what the attempt before had saved: %s", error, extra={"event": "saved.unknown"})
            return {}
        return {} if before is None else {name: it for name, it in before.output.items() if name not in OF_FAILURES}


def _report_of(run: Run) -> ReportBody:
    outcome = run.outcome
    if outcome is None:
        raise AssertionError(f"{run.name} is not over")
    if isinstance(outcome, HandedBack):
        return ReportBody(
            id=run.id,
            status="SCHEDULED",
            output=run.notes.saved or msgspec.UNSET,
            lease=run.execution.lease,
            delay_seconds=outcome.delay_seconds or msgspec.UNSET,
        )
    return ReportBody(id=run.id, status=status_of(outcome), output=output_of(outcome), lease=run.execution.lease)


def _beat_of(run: Run, progress: Progress | None, saved: dict[str, Any]) -> ReportBody:
    return ReportBody(
        id=run.id,
        status="IN_PROGRESS",
        output=saved or msgspec.UNSET,
        lease=run.execution.lease,
        progress=None if progress is None else ProgressBody(progress.ratio, progress.message),
    )


def _attempt_before(execution: TaskExecution) -> Steps[TaskExecution | None]:
    """The attempt before this one, found among the task executions of its job execution."""
    pages = calls.list_task_executions(execution.job_execution_id)
    call: Call[Listing[TaskExecution]] | None = pages.first()
    while call is not None:
        listing = yield from call
        for one in listing.data:
            if (one.task_reference_name, one.attempt) == (execution.task_reference_name, execution.attempt - 1):
                return one
        call = pages.after(call, listing)
    return None
