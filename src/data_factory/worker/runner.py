"""Runs the executions that were claimed, and keeps those that are over until the server has their results."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from data_factory.model.resources import TaskExecution
from data_factory.worker.clock import Clock, cancel
from data_factory.worker.executors import InExecutor
from data_factory.worker.handler import Handler
from data_factory.worker.outcome import Completed, Failed, HandedBack, Outcome, failed
from data_factory.worker.places import EventLoop, InThread, Place
from data_factory.worker.processes import Processes
from data_factory.worker.progress import Notes
from data_factory.worker.room import Room
from data_factory.worker.run import OpenFiles, Run
from data_factory.worker.threads import Threads
from data_factory.worker.vitals import Vitals
from data_factory.worker.workdir import WorkDirectories, remove

logger = logging.getLogger("data_factory.worker")

Recall = Callable[[TaskExecution], Awaitable[dict[str, Any]]]
"""Finds out what an earlier try of an execution had saved."""


async def _saved_in(execution: TaskExecution) -> dict[str, Any]:
    return execution.output


class Runner:
    """The runs of a worker. A run holds its room from its claim until `settle`, whatever happens in between."""

    def __init__(
        self, room: Room, clock: Clock, open_files: OpenFiles | None = None, vitals: Vitals | None = None
    ) -> None:
        self.vitals = vitals or Vitals()
        self.vitals.slots = room.total
        self.room = room
        self.runs: dict[str, Run] = {}
        self.accepting = True
        self.noted = asyncio.Event()
        self.recall_saved: Recall = _saved_in
        self._clock = clock
        self._open_files = open_files
        self._loop = asyncio.get_running_loop()
        self._over: deque[Run] = deque()
        self._some_over = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._threads = Threads("data-factory-task")
        self._in_loop, self._in_thread = EventLoop(), InThread(self._threads)
        self._processes = Processes(clock)
        self._directories = WorkDirectories()
        self._performing: set[asyncio.Task[None]] = set()

    def accept(self, handler: Handler, execution: TaskExecution, *, late: bool = False) -> None:
        """Begin to run what was claimed, which holds room already.

        What comes after the worker was told to stop is handed back, unless `late` says that it has to be run all the
        same.
        """
        if execution.id in self.runs:
            # The answer to one claim, given twice: it is being worked on, from now on under the lease given last.
            self.runs[execution.id].execution = execution
            self.room.leave(execution.task_id)
            return
        run = Run(execution, handler, self._clock.now(), Notes(self._on_note), self._open_files)
        self.runs[execution.id] = run
        self.vitals.running = len(self.runs)
        self._idle.clear()
        if not (self.accepting or late):
            self._end(run, HandedBack())
            return
        logger.debug("%s begins", run.name, extra=run.facts("task_execution.begun", attempt=execution.attempt))
        performing = asyncio.create_task(self._perform(run))
        self._performing.add(performing)
        performing.add_done_callback(self._performing.discard)

    def _on_note(self) -> None:
        """From any thread, perhaps one that has outlived the worker."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.noted.set)

    def drop(self, run: Run, reason: str) -> None:
        """The server no longer wants the result of this run: the task is told to stop, its room is free when it has."""
        if run.dropped or run.outcome is not None:
            return
        run.drop()
        self.vitals.dropped(run.handler.task_key)
        facts = run.facts("task_execution.dropped")
        logger.warning("%s: told to stop, and its result will be dropped: %s", run.name, reason, extra=facts)

    async def wait_over(self) -> None:
        """Return once a run is over whose result was not taken yet."""
        await self._some_over.wait()

    def take_over(self, most: int) -> list[Run]:
        """The runs that are over and not reported, oldest first, up to `most`."""
        taken = [self._over.popleft() for _ in range(min(most, len(self._over)))]
        if not self._over:
            self._some_over.clear()
        return taken

    def settle(self, run: Run) -> None:
        """The run is done with: reported, refused or dropped. Its room is free."""
        if self.runs.get(run.id) is run:
            del self.runs[run.id]
            self.vitals.running = len(self.runs)
            self.room.leave(run.execution.task_id)
            if not self.runs:
                self._idle.set()

    def replace(self, run: Run, message: str) -> None:
        """Report a failure instead of a result that the server does not take."""
        run.outcome, run.replaced = failed(message), True
        self.report_again(run)

    def report_again(self, run: Run) -> None:
        """The result of this run has to be reported once more, after the others."""
        self._over.append(run)
        self._some_over.set()

    async def wait_idle(self) -> None:
        """Return once no run is left, reported or not."""
        await self._idle.wait()

    def recall(self) -> None:
        """Tell every task that it has to stop now."""
        for run in self.runs.values():
            if run.outcome is None:
                run.recall()

    def hand_back(self) -> None:
        """End every run that is not over, to be handed back."""
        # Not after the end of these: another worker may begin the same at once.
        self._processes.kill()
        for run in list(self.runs.values()):
            self._end(run, HandedBack())

    async def abandon(self) -> None:
        """Stop everything at once; nothing is reported."""
        self.accepting = False
        for run in self.runs.values():
            run.drop()
        if self._performing:
            await asyncio.wait(self._performing, timeout=1)

    def close(self) -> None:
        """Let go of threads and folders."""
        for performing in self._performing:
            performing.cancel()
        self._processes.kill()
        self._threads.close()
        self._directories.close()

    async def _perform(self, run: Run) -> None:
        outcome: Outcome = HandedBack()
        folders: list[Path] = []

        def make_workdir() -> Path:
            folders.append(self._directories.make(run.id))
            return folders[-1]

        timers = [asyncio.create_task(timer) for timer in self._timers(run)]
        try:
            previous = await self.recall_saved(run.execution)
            outcome = await run.perform(self._place_of(run.handler), make_workdir, previous)
        finally:
            if timers:
                await cancel(*timers)
            for folder in folders:
                await asyncio.to_thread(remove, folder)
            self._end(run, outcome)

    def _place_of(self, handler: Handler) -> Place:
        where = handler.declaration.runs_in
        if where == "process":
            return self._processes
        if isinstance(where, Executor):
            return InExecutor(where)
        return self._in_loop if handler.is_async else self._in_thread

    def _timers(self, run: Run) -> Iterator[Coroutine[Any, Any, None]]:
        """What ends a run in time: its own timeout, and that of the server, which no longer waits for it then."""
        timeout = run.handler.declaration.timeout
        execution = run.execution
        if timeout is not None:
            yield self._expire_after(run, timeout)
        if execution.timeout_at is not None:
            # As long as the server said when it handed it out: its clock may not be ours.
            yield self._drop_after(run, (execution.timeout_at - execution.updated_at).total_seconds())

    async def _expire_after(self, run: Run, seconds: float) -> None:
        await self._clock.sleep(seconds)
        logger.warning("%s: told to stop after its %g s", run.name, seconds, extra=run.facts("task_execution.expired"))
        run.expire(f"The task ran longer than its timeout of {seconds:g} seconds")

    async def _drop_after(self, run: Run, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self.drop(run, f"the {seconds:g} seconds that the server gave it are over")

    def _end(self, run: Run, outcome: Outcome) -> None:
        """The run is over, if it was not already."""
        if self.runs.get(run.id) is not run or run.outcome is not None:
            return
        if run.dropped:
            self.settle(run)
            return
        run.outcome = outcome
        self.vitals.ended(run.handler.task_key, outcome, self._clock.now() - run.started)
        self._tell(run, outcome)
        self.report_again(run)

    def _tell(self, run: Run, outcome: Outcome) -> None:
        took = round((self._clock.now() - run.started) * 1000)
        match outcome:
            case Completed():
                facts = run.facts("task_execution.completed", duration_ms=took)
                logger.info("%s completed after %d ms", run.name, took, extra=facts)
            case HandedBack(delay_seconds=delay) if delay or outcome.message:
                facts = run.facts("task_execution.later", delay_seconds=delay)
                logger.info("%s is to be run in %d s: %s", run.name, delay, outcome.message, extra=facts)
            case HandedBack():
                logger.info("%s is handed back", run.name, extra=run.facts("task_execution.handed_back"))
            case Failed() if run.error is not None:
                facts = run.facts("task_execution.failed", duration_ms=took)
                logger.error("%s failed after %d ms", run.name, took, extra=facts, exc_info=run.error)
            case Failed():
                facts = run.facts("task_execution.failed", duration_ms=took, traceback=run.trace)
                logger.warning("%s failed after %d ms: %s", run.name, took, outcome.message, extra=facts)
