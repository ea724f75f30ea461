"""A whole factory within a test: the real engine on a store that is thrown away, tasks run at once, time on demand."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from data_factory.cli.documents import read_object
from data_factory.model.definitions import JobBody, TaskDefinition
from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord
from data_factory.service.commands import Claim, Launch, Report
from data_factory.service.paging import Part
from data_factory.service.platform import Platform
from data_factory.store.disk import DiskBlobs
from data_factory.store.sqlite import SqliteStore
from data_factory.worker.errors import UsageError
from data_factory.worker.outcome import OF_FAILURES
from data_factory.worker.task import Declaration, Router, declarations_of
from data_factory.worker.trial import run_task

T = TypeVar("T")

START_MS: Final = 1_767_225_600_000
"""When the clock of every factory begins: the first of January 2026, midnight, UTC."""

_KEY: Final = "the-key-of-a-factory-in-memory"
_MOST_RUNS: Final = 10_000
_ALL: Final = Part(limit=_MOST_RUNS)


class JobRun:
    """A job execution, as it is now: what `advance` does shows here."""

    def __init__(self, factory: MemoryFactory, id: str) -> None:
        self._factory = factory
        self.id = id

    @property
    def status(self) -> str:
        """Its status."""
        return self._record.status

    @property
    def output(self) -> dict[str, Any]:
        """What it has given."""
        return _object(self._record.output)

    @property
    def failure(self) -> dict[str, Any] | None:
        """Why it did not complete: `code`, `message`, `taskReferenceName`."""
        failure = self._record.failure
        return None if failure is None else _object(failure)

    @property
    def attempts(self) -> list[str]:
        """Every attempt at every task, in order: `"power 1 COMPLETED"`."""
        return [f"{one.path} {one.attempt} {one.status}" for one in self._factory.attempts_of(self.id)]

    @property
    def _record(self) -> JobExecutionRecord:
        return self._factory.execution(self.id)


class MemoryFactory:
    """Runs jobs with the functions that it is told to `use`. Nothing listens, nothing waits, nothing is left behind.

    >>> with MemoryFactory() as factory:  # doctest: +SKIP
    ...     factory.use(power)
    ...     run = factory.run_job("job/", power=10)
    ...     run.status, run.output
    ('COMPLETED', {'result': 1024})
    """

    def __init__(self) -> None:
        self._now_ms = START_MS
        self._folder = tempfile.TemporaryDirectory(prefix="data-factory-")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="data-factory-in-memory", daemon=True)
        self._thread.start()
        self._tasks: dict[str, Declaration] = {}
        self._dependencies: dict[Callable[..., Any], Any] = {}
        self._platform, self._account_id = self._do(self._open())

    def use(
        self,
        *tasks: Callable[..., Any] | Router,
        dependencies: dict[Callable[..., Any], Any] | None = None,
        **definition: Any,
    ) -> None:
        """Run these tasks with these functions. `definition` is what the tasks are declared with: `retry_count=2`.

        `dependencies` stand for what factories would make.
        """
        for declaration in declarations_of(tasks):
            if declaration.key is None:
                raise UsageError(f'{declaration.name}: in a factory in memory a task has a key: @task("its-key")')
            made = TaskDefinition(key=declaration.key, **definition)
            task = self._do(self._platform.catalog.create_task(self._account_id, made))
            self._tasks[task.id] = declaration
        self._dependencies |= dependencies or {}

    def run_job(self, job: str | Path | dict[str, Any], /, **input: Any) -> JobRun:
        """Publish a job (its folder, its file, or the object itself), launch it, and run all that can run now.

        What has to wait for time, such as a retry, waits for `advance`.
        """
        definition = job if isinstance(job, dict) else read_object(_file_of(Path(job)))
        body = msgspec.convert({**definition, "key": f"job-{self._platform.new_id()}"}, JobBody)
        published, _ = self._do(self._platform.catalog.create_job(self._account_id, body))
        launch = Launch(
            id=self._platform.new_id(),
            account_id=self._account_id,
            job_id=published.id,
            input=msgspec.json.encode(input).decode(),
            title=None,
            origin="API",
            launched_by="test",
            idempotency=None,
        )
        launched = self._do(self._platform.executions.launch(launch))
        self._work()
        return JobRun(self, launched.id)

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0) -> None:
        """Let time pass, and run all that can run then."""
        self._now_ms += round((seconds + 60 * minutes + 3600 * hours) * 1000)
        self._do(self._platform.timers.run_once())
        self._work()

    def execution(self, id: str) -> JobExecutionRecord:
        """The job execution with this id, as it is now."""
        return self._do(self._platform.executions.job_execution(self._account_id, id))

    def attempts_of(self, id: str) -> list[TaskExecutionRecord]:
        """All attempts at the tasks of a job execution."""
        return self._do(self._platform.executions.task_executions(self._account_id, id, _ALL))

    def _work(self) -> None:
        for _ in range(_MOST_RUNS):
            if not self._tasks or not (claimed := self._do(self._claim())):
                return
            self._perform(claimed[0])
        raise RuntimeError(f"{_MOST_RUNS:,} executions at one time: does a task ask to run again for ever?")

    def _perform(self, held: TaskExecutionRecord) -> None:
        payload = _object(held.input)
        previous = _object(held.output) or self._saved_before(held)
        trial = run_task(
            self._tasks[held.task_id],
            payload,
            attempt=held.attempt,
            previous=previous,
            dependencies=self._dependencies,
        )
        output = trial.saved if trial.status == "SCHEDULED" else trial.output
        report = Report(
            account_id=self._account_id,
            id=held.id,
            status=trial.status,
            output=msgspec.json.encode(output).decode(),
            lease=held.lease,
            delay_ms=trial.delay_seconds * 1000,
        )
        self._do(self._platform.executions.report(report))

    def _saved_before(self, held: TaskExecutionRecord) -> dict[str, Any]:
        for one in self.attempts_of(held.job_execution_id):
            if (one.path, one.attempt) == (held.path, held.attempt - 1):
                return {name: value for name, value in _object(one.output).items() if name not in OF_FAILURES}
        return {}

    async def _claim(self) -> list[TaskExecutionRecord]:
        claim = Claim(account_id=self._account_id, task_ids=tuple(self._tasks))
        return await self._platform.executions.claim(claim)

    async def _open(self) -> tuple[Platform, str]:
        platform = Platform(
            SqliteStore(Path(self._folder.name)),
            DiskBlobs(Path(self._folder.name, "files")),
            clock=lambda: self._now_ms,
        )
        await platform.keys.prepare(_KEY)
        return platform, (await platform.keys.caller(_KEY)).account_id

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Throw everything away."""
        self._do(self._platform.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _file_of(job: Path) -> Path:
    return job / "job.json" if job.is_dir() else job


def _object(text: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(text)
    return found
