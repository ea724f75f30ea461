"""Runs a task as a worker would, with no server and no worker: for tests, and to run a real input again."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from data_factory.model.resources import TaskExecution
from data_factory.model.status import ReportStatus
from data_factory.worker.context import TaskContext
from data_factory.worker.dependencies import Dependencies
from data_factory.worker.files import LocalFiles
from data_factory.worker.handler import Bound, Handler
from data_factory.worker.outcome import Completed, HandedBack, output_of, status_of
from data_factory.worker.progress import Notes, Progress
from data_factory.worker.run import Run
from data_factory.worker.task import Declaration, declarations_of

_NOWHERE: Final = "0" * 24


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended.

    `status` is as it would be reported, `output` that of a failure too, with its `message`; then what the task saved,
    each progress that it made, the files that it uploaded by name, and the exception, if it raised one that is none of
    the endings.
    """

    status: ReportStatus
    output: dict[str, Any]
    saved: dict[str, Any]
    progress: tuple[Progress, ...]
    files: dict[str, bytes] = {}
    delay_seconds: int = 0
    error: BaseException | None = None

    @property
    def completed(self) -> bool:
        """Whether the task gave an output."""
        return self.status == "COMPLETED"


def run_task(
    task: Callable[..., Any] | Declaration,
    input: Mapping[str, Any] | None = None,
    *,
    attempt: int = 1,
    previous: Mapping[str, Any] | None = None,
    dependencies: Mapping[Callable[..., Any], Any] | None = None,
) -> Trial:
    """Run a task once: input and output are checked, dependencies made, middleware is around it, in a folder that is
    removed. Whatever it would run in, it runs here. `dependencies` stand for what factories would make.

    >>> from data_factory import task
    >>> @task("power")
    ... def power(power: int) -> dict[str, int]:
    ...     return {"result": 2**power}
    >>> run_task(power, {"power": 10}).output
    {'result': 1024}
    """
    (declaration,) = [task] if isinstance(task, Declaration) else declarations_of([task])
    work = _try(declaration, dict(input or {}), attempt, dict(previous or {}), dict(dependencies or {}))
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return _in_a_thread(lambda: asyncio.run(work))


async def _try(
    declaration: Declaration,
    payload: dict[str, Any],
    attempt: int,
    previous: dict[str, Any],
    given: dict[Callable[..., Any], Any],
) -> Trial:
    steps: list[Progress] = []
    notes = Notes(lambda: _step(notes, steps))
    with tempfile.TemporaryDirectory(prefix="data-factory-") as folder:
        async with Dependencies(given) as dependencies:
            handler = Handler(declaration)
            await handler.open(dependencies)
            files = LocalFiles(lambda: Path(folder))
            run = Run(_execution(payload, attempt), handler, 0.0, notes, lambda *_: files)
            outcome = await run.perform(_Here(), lambda: Path(folder), previous)
    return Trial(
        status=status_of(outcome),
        output=output_of(outcome),
        saved=notes.saved,
        progress=tuple(steps),
        files=files.kept,
        delay_seconds=outcome.delay_seconds if isinstance(outcome, HandedBack) else 0,
        error=None if isinstance(outcome, Completed) else run.error,
    )


class _Here:
    """The thread that asks, so that a debugger is where the task is."""

    cancellable = False

    async def run(self, handler: Handler, bound: Bound, context: TaskContext) -> dict[str, Any]:
        if handler.is_async:
            return handler.finish(await handler.call_async(bound.arguments, context), context)
        return handler.finish(handler.call(bound.arguments, context), context)


def _step(notes: Notes, steps: list[Progress]) -> None:
    if notes.progress is not None and (not steps or steps[-1] is not notes.progress):
        steps.append(notes.progress)


def _execution(payload: dict[str, Any], attempt: int) -> TaskExecution:
    now = datetime.now(UTC)
    return TaskExecution(
        id=_NOWHERE,
        created_at=now,
        updated_at=now,
        task_id=_NOWHERE,
        job_execution_id=_NOWHERE,
        task_reference_name="task",
        attempt=attempt,
        status="IN_PROGRESS",
        input=payload,
        output={},
        available_at=None,
        started_at=now,
        ended_at=None,
        worker_id=None,
        lease=None,
        lease_expires_at=None,
        timeout_at=None,
        progress=None,
        failure=None,
        warning=None,
    )


def _in_a_thread(work: Callable[[], Trial]) -> Trial:
    """For a test that runs in an event loop already."""
    ended: list[Trial | BaseException] = []

    def go() -> None:
        try:
            ended.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where it was asked for
            ended.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    (result,) = ended
    if isinstance(result, BaseException):
        raise result
    return result


def declaration_named(declarations: Iterable[Declaration], task_id: str, task_key: str) -> Declaration | None:
    """The one that implements a task, among these: by its id or key, or the only one, if it says neither."""
    known = list(declarations)
    found = [one for one in known if task_id == one.id or task_key == one.key]
    if not found and len(known) == 1 and known[0].id is None and known[0].key is None:
        return known[0]
    return found[0] if found else None
