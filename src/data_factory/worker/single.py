"""How a worker speaks to the hosted platform: one poll a task, one PATCH a result, 50 requests a minute in all.

The platform hands work out for the task's `responseTimeoutSeconds` (an hour, unless it says otherwise) and documents
no heartbeat. So none is sent until half of that time is over: most tasks never send one. Nor does it document a way to
hand work back: what is still running when a worker has to stop is handed out again when its response timeout ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from data_factory.client import calls
from data_factory.client.call import Call
from data_factory.client.errors import ApiError, Conflict, NotFound, TooLarge
from data_factory.client.retry import Backoff
from data_factory.model.resources import Task, TaskExecution
from data_factory.model.status import TASK_EXECUTION_ENDED
from data_factory.worker.clock import Clock, cancel
from data_factory.worker.handler import Handler
from data_factory.worker.journal import Said, entries
from data_factory.worker.line import Line
from data_factory.worker.outcome import Failed, HandedBack, Outcome, failed, output_of
from data_factory.worker.room import Booking
from data_factory.worker.run import Run
from data_factory.worker.runner import Runner

logger = logging.getLogger("data_factory.worker")

_SLOWEST_POLL: Final = 5.0
_MOST: Final = 1_000


class _TooLate(Exception):
    """The worker was told to stop before the poll was sent."""


class _Polled:
    """One task, and when to ask for its work again."""

    def __init__(self, task: Task, handler: Handler) -> None:
        self.task = task
        self.handler = handler
        self.due = 0.0
        self.misses = 0


class Single:
    """Polls each task in turn, less often when there is nothing to do, and reports each result by itself."""

    LOG_SECONDS: Final = 5.0
    """Between two batches of what tasks log: each entry is one of 50 requests a minute."""

    def __init__(self, line: Line, runner: Runner, tasks: Mapping[str, tuple[Task, Handler]], clock: Clock) -> None:
        self._line = line
        self._runner = runner
        self._clock = clock
        self._polled = [_Polled(task, handler) for task, handler in tasks.values()]
        self._timeouts = {task_id: task.response_timeout_seconds for task_id, (task, _) in tasks.items()}
        # All tasks share the limit: with many of them, each is asked less often.
        self._idle = Backoff(initial=1.0, ceiling=max(_SLOWEST_POLL, 1.5 * len(tasks)))
        self._turn = self._polled[0]
        self._polling: asyncio.Task[TaskExecution] | None = None
        self._asked = False
        self._stopping = False
        self._beats = True
        line.pace.enforced = True

    # Polling

    async def claim_forever(self) -> None:
        """Whenever there is room, ask for the work of the task whose turn it is."""
        while True:
            booking = await self._runner.room.wait_book(1)
            given: list[TaskExecution] = []
            try:
                given += await self._poll_next(booking)
            finally:
                self._runner.room.settle(booking, [one.task_id for one in given])
            for execution in given:
                self._runner.accept(self._turn.handler, execution)

    async def close(self) -> None:
        """Give up what is under way."""
        if self._polling is not None:
            await cancel(self._polling)

    async def settle_claim(self) -> None:
        """A poll that is under way may be given work, which nobody else would get for as long as its lease: run it."""
        self._stopping = True
        if self._polling is None:
            return
        if not self._asked:
            await cancel(self._polling)
            return
        with contextlib.suppress(ApiError, _TooLate):
            execution = await self._polling
            self._runner.room.hold(execution.task_id)
            self._runner.accept(self._turn.handler, execution, late=True)

    async def _poll_next(self, booking: Booking) -> list[TaskExecution]:
        polled = min((one for one in self._polled if one.task.id in booking.task_ids), key=lambda one: one.due)
        if (early := polled.due - self._clock.now()) > 0:
            await self._clock.sleep(early)
        try:
            execution = await self._poll(polled)
        except ApiError as error:
            if not isinstance(error, NotFound):
                logger.error("cannot poll: %s", error, extra={"event": "poll.refused"})
            polled.due = self._clock.now() + self._idle.pause(polled.misses)
            polled.misses += 1
            return []
        polled.due, polled.misses = self._clock.now(), 0
        return [execution]

    async def _poll(self, polled: _Polled) -> TaskExecution:
        def plan() -> Call[TaskExecution]:
            if self._stopping:
                raise _TooLate
            self._asked = True
            return calls.poll_task(polled.task.id)

        self._turn, self._asked = polled, False
        watch = self._runner.vitals.polled
        asking = self._line.ask(plan, urgent=False, owed=lambda: len(self._runner.runs), watch=watch)
        # A task of its own: it is not given up with the loop, as `settle_claim` wants its answer.
        self._polling = asyncio.create_task(asking)
        execution = await asyncio.shield(self._polling)
        self._polling = None
        return execution

    # Reporting

    async def report_forever(self) -> None:
        """Report each result as soon as it is there; one that takes long does not hold up the others."""
        try:
            async with asyncio.TaskGroup() as reports:
                while True:
                    await self._runner.wait_over()
                    for run in self._runner.take_over(_MOST):
                        reports.create_task(self._report(run))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    async def _report(self, run: Run) -> None:
        outcome = _documented(run.outcome)
        if outcome is None or isinstance(outcome, HandedBack):
            seconds = self._timeouts.get(run.execution.task_id)
            after = f"after its response timeout of {seconds} s" if seconds else "after its response timeout"
            logger.warning("%s: the platform will hand it out again %s", run.name, after, extra=run.facts("run.left"))
            self._runner.settle(run)
            return
        status = "FAILED" if isinstance(outcome, Failed) else "COMPLETED"
        body = {"id": run.id, "status": status, "output": output_of(outcome)}
        try:
            await self._patch(run, body)
        except TooLarge as error:
            if not run.replaced:
                self._runner.replace(run, f'Task failed "its output is too large: {error.message}"')
                return
            self._give_up(run, error)
        except ApiError as error:
            self._give_up(run, error)
        self._runner.settle(run)

    def _give_up(self, run: Run, error: ApiError) -> None:
        facts = run.facts("task_execution.refused", code=error.code)
        logger.warning("%s: its result is dropped, the server says %s", run.name, error, extra=facts)

    async def _patch(self, run: Run, body: dict[str, Any]) -> str:
        return (await self._line.ask(lambda: calls.patch_task_execution(run.id, body))).status

    # Logs

    async def send_lines(self, lines: Sequence[Said]) -> None:
        """Lines of one execution that follow each other are one entry, as each entry is a request."""
        for entry in entries(lines):
            await self._send_entry(entry)

    async def _send_entry(self, entry: Said) -> None:
        call = calls.create_log(
            entry.correlation_id,
            entry.text,
            emitter_name=entry.emitter,
            severity=entry.severity,
            message_type=entry.kind,
        )
        # What the platform answers is not documented.
        told: Call[Any] = msgspec.structs.replace(call, result=dict[str, Any])
        owed = lambda: len(self._runner.runs)  # noqa: E731
        await self._line.ask(lambda: told, urgent=False, owed=owed, tries_if_broken=3)

    # Heartbeats

    async def beat_forever(self) -> None:
        """Extend what has used up half of its response timeout."""
        shortest = min((seconds for seconds in self._timeouts.values() if seconds > 0), default=0)
        if not shortest:
            await asyncio.Event().wait()
        while True:
            await self._clock.sleep(shortest / 6)
            await self.beat()

    async def note_forever(self) -> None:
        """What tasks say of themselves goes with the next heartbeat: there are too few requests to send it at once."""
        await asyncio.Event().wait()

    async def saved_before(self, execution: TaskExecution) -> dict[str, Any]:
        """What was saved with a heartbeat, as far as the platform gives it back."""
        return execution.output

    async def beat(self) -> None:
        """One heartbeat for each run that is half-way through its response timeout."""
        for run in list(self._runner.runs.values()):
            timeout = self._timeouts.get(run.execution.task_id, 0)
            if self._beats and timeout and self._clock.now() - run.last_beat >= timeout / 2:
                run.last_beat = self._clock.now()
                await self._beat(run)

    async def _beat(self, run: Run) -> None:
        try:
            status = await self._patch(run, {"id": run.id, "status": "IN_PROGRESS", "output": run.notes.saved})
        except (Conflict, NotFound) as error:
            self._runner.drop(run, str(error))
        except ApiError as error:
            if run.outcome is not None:
                # The result has overtaken the heartbeat.
                return
            self._beats = False
            logger.warning("the platform takes no heartbeats: %s", error, extra={"event": "heartbeat.refused"})
        else:
            if status in TASK_EXECUTION_ENDED:
                self._runner.drop(run, f"its status is {status}")


def _documented(outcome: Outcome | None) -> Outcome | None:
    """The platform documents COMPLETED and FAILED: a task that wants to run later fails, to be retried as it is set."""
    if isinstance(outcome, HandedBack) and (outcome.delay_seconds or outcome.message):
        why = f": {outcome.message}" if outcome.message else ""
        return failed(f"Not yet, run it again in {outcome.delay_seconds} s{why}")
    return outcome
