"""`Worker`: claims executions of your tasks, runs them, reports what they gave, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from data_factory.client.awaited import AsyncClient
from data_factory.client.errors import NotFound
from data_factory.client.retry import NO_RETRIES, Backoff
from data_factory.client.settings import check_base_url, load_settings, read_environment
from data_factory.model.errors import DataFactoryError
from data_factory.model.resources import Task
from data_factory.worker.batched import Batched
from data_factory.worker.clock import Clock, cancel, within
from data_factory.worker.dependencies import Dependencies
from data_factory.worker.errors import KeyRefused, UsageError, WorkerError
from data_factory.worker.files import RemoteFiles
from data_factory.worker.handler import Handler
from data_factory.worker.journal import Journal
from data_factory.worker.line import Line
from data_factory.worker.masks import secrets_in
from data_factory.worker.pace import Pace
from data_factory.worker.registration import register as register_tasks
from data_factory.worker.room import Limit, Room
from data_factory.worker.roster import assign_ids, find_tasks
from data_factory.worker.runner import Runner
from data_factory.worker.single import Single
from data_factory.worker.task import Middleware, Tasks, declarations_of
from data_factory.worker.tracing import tracing
from data_factory.worker.vitals import Vitals
from data_factory.worker.watch import watched

T = TypeVar("T")

logger = logging.getLogger("data_factory.worker")

LONGEST_PAUSE_SECONDS: Final = 5.0
"""Between two tries of a request. A server that was down spares leases for ten seconds: it must be reached in time."""

_UNWIND_SECONDS: Final = 1.0
_LAST_WORD_SECONDS: Final = 5.0


class _Stopped(Exception):
    """The worker was told to stop before it had begun."""


class Worker:
    """Runs tasks: as many executions at a time as `concurrency`, until SIGTERM, SIGINT or `stop()`.

    The address and the key of the server come from the arguments, else from `API_BASE_PATH` and `API_ACCESS_TOKEN`
    in the environment, else from `.env`. On SIGTERM it claims nothing more, gives what is running `grace` seconds to
    end, and hands the rest back. `lease_seconds` is how long the server waits for a heartbeat before another worker
    may take over; heartbeats are sent three times as often.

    `vitals` counts what it does; `interrupted` says whether a signal has told it to stop.

    >>> Worker([power], concurrency=4).run()  # doctest: +SKIP
    """

    def __init__(
        self,
        tasks: Tasks,
        *,
        base_url: str | None = None,
        token: str | None = None,
        client: AsyncClient | None = None,
        concurrency: int = 1,
        grace: float = 30.0,
        lease_seconds: int = 60,
        wait_seconds: int = 20,
        name: str | None = None,
        register: bool = False,
        health_port: int | None = None,
        executor: Executor | None = None,
        middleware: Iterable[Middleware] = (),
        clock: Clock | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        if concurrency < 1:
            raise UsageError("concurrency is at least 1")
        environment = read_environment()
        around = (*tracing(), *middleware)
        declared = [
            replace(one, middleware=(*around, *one.middleware), runs_in=one.runs_in or executor)
            for one in declarations_of(tasks)
        ]
        self._handlers = [Handler(one) for one in assign_ids(declared, environment)]
        self._given_client = client
        self._settings = load_settings(base_url, token, environment) if client is None else None
        if self._settings is not None and self._settings.token is None:
            raise UsageError("there is no API key: set API_ACCESS_TOKEN in the environment or in .env")
        self._concurrency = concurrency
        self._grace = grace
        self._register = register
        self._health_port = health_port
        self.vitals = Vitals()
        self.interrupted = False
        self._lease_seconds = lease_seconds
        self._wait_seconds = wait_seconds
        self._name = name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self._clock = clock or Clock()
        self._backoff = backoff or Backoff(ceiling=LONGEST_PAUSE_SECONDS)
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: Runner | None = None

    def run(self) -> None:
        """Run until told to stop: SIGTERM or SIGINT stop it in good order, a second one at once.

        For the main function of a program: when the worker cannot go on, it says why in one line and raises
        `SystemExit` with the code 2 (set up wrongly), 3 (the API key is refused) or 1.
        """
        loop = asyncio.new_event_loop()
        try:
            self._handle_signals(loop)
            loop.run_until_complete(self.run_async())
        except DataFactoryError as error:
            logger.error("%s", error.message, extra={"event": "worker.stopped", "code": error.code})
            sys.exit(error.exit_code if isinstance(error, WorkerError) else 2)
        finally:
            _close(loop)

    async def run_async(self) -> None:
        """Run until `stop()`, in an event loop of your own; raises `WorkerError` when it cannot go on."""
        self._loop = asyncio.get_running_loop()
        client = self._given_client or self._make_client()
        try:
            async with watched(self.vitals, self._health_port), Dependencies() as dependencies:
                await self._work(Line(client, self._clock, self._backoff, Pace(self._clock)), dependencies)
        except _Stopped:
            logger.info("stopped before it had begun", extra={"event": "worker.stopped"})
        finally:
            self._loop = None
            if self._given_client is None:
                await client.aclose()

    def stop(self) -> None:
        """Claim nothing more, let what runs end within `grace`, hand back the rest. May be called from any thread."""
        if self._loop is None:
            self._stop.set()
        else:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _work(self, line: Line, dependencies: Dependencies) -> None:
        if self._register:
            await self._unless_stopped(register_tasks(line, self._handlers))
        found = await self._unless_stopped(find_tasks(line, self._handlers))
        for handler in self._handlers:
            await self._unless_stopped(handler.open(dependencies))
        limits = {id: Limit(one.declaration.concurrency, one.declaration.rate) for id, (_, one) in found.items()}
        room = Room(self._concurrency, found, self._clock, limits)
        runner = self._runner = Runner(
            room, self._clock, partial(self._open_files, line, asyncio.get_running_loop()), self.vitals
        )
        try:
            await self._run_tasks(line, runner, found)
        except BaseException:
            await runner.abandon()
            raise
        finally:
            runner.close()

    async def _run_tasks(self, line: Line, runner: Runner, found: Mapping[str, tuple[Task, Handler]]) -> None:
        journal = self._journal()
        logging.getLogger().addHandler(journal)
        try:
            await self._run_linked(line, runner, found, journal)
        finally:
            logging.getLogger().removeHandler(journal)

    async def _run_linked(
        self, line: Line, runner: Runner, found: Mapping[str, tuple[Task, Handler]], journal: Journal
    ) -> None:
        link = await self._link(line, runner, found)
        tasks = ", ".join(f"{task.key} ({handler.name})" for task, handler in found.values())
        extra = {"event": "worker.started", "base_url": line.client.base_url, "concurrency": self._concurrency}
        logger.info("running %s at %s, %d at a time", tasks, line.client.base_url, self._concurrency, extra=extra)
        await self._keep_going(link, runner, journal)
        logger.info("stopped", extra={"event": "worker.stopped"})

    async def _link(self, line: Line, runner: Runner, found: Mapping[str, tuple[Task, Handler]]) -> Batched | Single:
        """Claims and reports in batches where the server knows them; else, as on the hosted platform, one by one."""
        batched = Batched(
            line,
            runner,
            {task_id: handler for task_id, (_, handler) in found.items()},
            self._clock,
            self._backoff,
            worker_id=self._name,
            lease_seconds=self._lease_seconds,
            wait_seconds=self._wait_seconds,
        )
        runner.recall_saved = batched.saved_before
        try:
            await self._unless_stopped(batched.claim_now())
        except (NotFound, KeyRefused):
            # The key is good, as the tasks were found with it: some gateways say 403 for a path that they do not know.
            logger.info("this server knows no claims: polling, up to 50 requests a minute", extra={"event": "polling"})
            single = Single(line, runner, found, self._clock)
            runner.recall_saved = single.saved_before
            return single
        except _Stopped:
            # What the claim was given is handed back with the rest.
            return batched
        return batched

    async def _keep_going(self, link: Batched | Single, runner: Runner, journal: Journal) -> None:
        claiming = asyncio.create_task(link.claim_forever())
        logs = journal.send_forever(link.send_lines, link.LOG_SECONDS)
        loops = (link.report_forever(), link.beat_forever(), link.note_forever(), logs)
        serving = [asyncio.create_task(loop) for loop in loops]
        try:
            await _first(self._stop.wait(), claiming, *serving)
            runner.accepting = False
            await cancel(claiming)
            if runner.runs:
                busy = len(runner.runs)
                logger.info("stopping: %d still running", busy, extra={"event": "worker.draining", "running": busy})
            await _first(self._drain(link, runner), *serving)
            await within(self._clock, _LAST_WORD_SECONDS, journal.send_waiting(link.send_lines))
        finally:
            await cancel(claiming, *serving)
            await link.close()

    def _open_files(
        self,
        line: Line,
        loop: asyncio.AbstractEventLoop,
        workdir: Callable[[], Path],
        stopping: threading.Event,
    ) -> RemoteFiles:
        def admit() -> None:
            """Within the same requests a minute as all others."""
            asyncio.run_coroutine_threadsafe(line.pace.admit(), loop).result()

        headers = line.client.headers
        return RemoteFiles(line.client.base_url, headers, workdir, stopping, admit=admit, backoff=self._backoff)

    def _journal(self) -> Journal:
        tasks = logging.getLogger("data_factory.task")
        if tasks.level == logging.NOTSET:
            # So that they are heard in a program that has not set up its logging.
            tasks.setLevel(logging.INFO)
        own = {} if self._settings is None else {"token": self._settings.token}
        secrets = secrets_in({**os.environ, **own})
        return Journal(self._clock, secrets)

    async def _drain(self, link: Batched | Single, runner: Runner) -> None:
        """Let what runs end; when the grace is over, hand the rest back."""
        await within(self._clock, _LAST_WORD_SECONDS, link.settle_claim())
        if await within(self._clock, self._grace, runner.wait_idle()):
            return
        runner.recall()
        if await within(self._clock, _UNWIND_SECONDS, runner.wait_idle()):
            return
        runner.hand_back()
        if not await within(self._clock, _LAST_WORD_SECONDS, runner.wait_idle()):
            left = len(runner.runs)
            extra = {"event": "worker.gave_up", "running": left}
            logger.error("cannot hand back %d executions: their leases will run out", left, extra=extra)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise _Stopped
        finally:
            await cancel(working, stopping)

    def _make_client(self) -> AsyncClient:
        settings = self._settings
        if settings is None:
            raise AssertionError("a client was given")
        return AsyncClient(check_base_url(settings.base_url), settings.token, retries=NO_RETRIES)

    def _handle_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self._on_signal, number)
            except (NotImplementedError, RuntimeError, ValueError):
                # Windows, or not the main thread: the default handlers stay.
                return

    def _on_signal(self, number: signal.Signals) -> None:
        if self.interrupted:
            logger.warning("%s again: stopping at once", number.name, extra={"event": "worker.killed"})
            logging.shutdown()
            if self._runner is not None:
                self._runner.close()
            os._exit(128 + number)
        self.interrupted = True
        hint = f"waiting up to {self._grace:g} s for what runs; once more stops at once"
        logger.info("%s: claiming nothing more, %s", number.name, hint, extra={"event": "worker.stopping"})
        self._stop.set()


async def _first(work: Coroutine[Any, Any, Any], *others: asyncio.Task[Any]) -> None:
    """Return when the work is done; raise what one of the others raises, which were to go on for ever."""
    working = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({working, *others}, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        await cancel(working)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Close the loop without waiting for ever for a task that does not take its cancellation."""
    try:
        if left := asyncio.all_tasks(loop):
            for one in left:
                one.cancel()
            loop.run_until_complete(asyncio.wait(left, timeout=_UNWIND_SECONDS))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
