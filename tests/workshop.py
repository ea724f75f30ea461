"""A real store and the real batches on it, one at a time, with a clock that the test moves.

    with workshop() as shop:
        work = shop.task("work", retry_count=1)
        job = shop.job(step("first", work), step("second", work))
        shop.do(shop.launch(job))
        (held,) = shop.do(shop.claim(work))
        shop.do(shop.report(held, "COMPLETED", {"v": 1}))

What the queue, the waiting and the timers do with such batches is tested where they are.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from data_factory.model.definitions import JobBody, PipelineDefinition, TaskDefinition
from data_factory.model.ids import IdMaker
from data_factory.model.records import (
    JobExecutionRecord,
    JobRecord,
    PipelineRecord,
    TaskExecutionRecord,
    TaskRecord,
)
from data_factory.model.status import ReportStatus
from data_factory.service.batch import run_batch
from data_factory.service.commands import Claim, Command, IdempotencyKey, Launch, Report
from data_factory.service.effects import Done
from data_factory.service.graphs import Graphs
from data_factory.service.platform import Platform
from data_factory.service.vault import Vault
from data_factory.store.disk import DiskBlobs
from data_factory.store.sqlite import SqliteStore
from data_factory.store.sqlite.database import FILE_NAME, connect_reader

START = 1_700_000_000_000
KEY = "a-key-that-only-tests-use"

T = TypeVar("T")
R = TypeVar("R", JobExecutionRecord, TaskExecutionRecord)


def quick_directory() -> tempfile.TemporaryDirectory[str]:
    """A directory in memory, where the system has such a thing: the same code, and no waiting for a disk."""
    memory = Path("/dev/shm")  # noqa: S108 - only a place for `tempfile` to work in
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="data-factory-")


@contextmanager
def workshop() -> Iterator[Workshop]:
    """A workshop on a directory of its own."""
    with quick_directory() as directory, Workshop(Path(directory)) as shop:
        yield shop


class Orders:
    """The commands of one account."""

    def __init__(self, account_id: str, new_id: IdMaker) -> None:
        self.account_id = account_id
        self.new_id = new_id

    def launch(self, job: JobRecord, input: dict[str, Any] | None = None, key: str | None = None) -> Launch:
        return Launch(
            id=self.new_id(),
            account_id=self.account_id,
            job_id=job.id,
            input=encode(input or {}),
            title=None,
            origin="API",
            launched_by="user",
            idempotency=None if key is None else IdempotencyKey(key, f"{job.id} {input}"),
        )

    def claim(self, *tasks: TaskRecord, limit: int = 1, claim_id: str | None = None, lease: float = 60) -> Claim:
        return Claim(
            account_id=self.account_id,
            task_ids=tuple(task.id for task in tasks),
            limit=limit,
            lease_ms=int(lease * 1000),
            claim_id=claim_id,
        )

    def report(
        self, held: TaskExecutionRecord, status: ReportStatus = "COMPLETED", output: dict[str, Any] | None = None
    ) -> Report:
        given = None if output is None else encode(output)
        return Report(account_id=self.account_id, id=held.id, status=status, output=given, lease=held.lease)


class Workshop(Orders):
    """The first account of a store; `now` is the time."""

    def __init__(self, directory: Path, now: int = START, new_id: IdMaker | None = None) -> None:
        self.directory = directory
        self.now = now
        new_id = new_id or IdMaker(lambda: self.now)
        self.graphs = Graphs()
        self.vault = Vault(bytes(32))
        self._runner = asyncio.Runner()
        self.store = self.run(self._open())
        self.platform = Platform(self.store, DiskBlobs(directory / "files"), clock=lambda: self.now, new_id=new_id)
        self.run(self.platform.keys.prepare(KEY))
        super().__init__(self.run(self.platform.keys.caller(KEY)).account_id, new_id)
        self._reader = connect_reader(directory / FILE_NAME)

    def __enter__(self) -> Workshop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._reader.close()
        self.run(self.store.close())
        self._runner.close()

    async def _open(self) -> SqliteStore:
        return SqliteStore(self.directory)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * 1000)

    # -- batches

    def batch(self, *commands: Command) -> Done:
        """Carry out commands in one transaction."""
        return self.run(self.store.write(self.work_of(*commands)))

    def work_of(self, *commands: Command) -> partial[Coroutine[Any, Any, Done]]:
        """What the dispatcher would hand to the store."""
        return partial(
            run_batch, commands=commands, now=self.now, new_id=self.new_id, graphs=self.graphs, vault=self.vault
        )

    def do(self, command: Command) -> Any:
        """The answer to one command; raised if it is an error."""
        (answer,) = self.batch(command).answers
        if isinstance(answer, Exception):
            raise answer
        return answer

    # -- what is declared

    def task(self, key: str = "work", **settings: Any) -> TaskRecord:
        return self.run(declare_task(self.platform, self.account_id, key, **settings))

    def pipeline(self, slots: int = 1) -> PipelineRecord:
        return self.run(declare_pipeline(self.platform, self.account_id, slots))

    def job(self, *steps: dict[str, Any], pipeline: PipelineRecord | None = None, **fields: Any) -> JobRecord:
        return self.run(declare_job(self.platform, self.account_id, *steps, pipeline=pipeline, **fields))

    # -- what is kept

    def executions(self) -> list[JobExecutionRecord]:
        """All job executions, in the order in which they were launched."""
        return self._rows(JobExecutionRecord, "SELECT * FROM job_executions ORDER BY seq")

    def task_executions(self) -> list[TaskExecutionRecord]:
        """All task executions, in the order in which they were made."""
        return self._rows(TaskExecutionRecord, "SELECT * FROM task_executions ORDER BY seq")

    def statuses(self) -> list[str]:
        return [row.status for row in self.executions()]

    def attempts(self) -> list[str]:
        return [f"{row.path} {row.attempt} {row.status}" for row in self.task_executions()]

    def _rows(self, record: type[R], sql: str) -> list[R]:
        cursor = self._reader.execute(sql)
        names = [column[0] for column in cursor.description]
        places = [names.index(field) for field in record.__struct_fields__]
        return [record(*(row[place] for place in places)) for row in cursor]


async def declare_task(platform: Platform, account_id: str, key: str, **settings: Any) -> TaskRecord:
    definition = TaskDefinition(key=key, **{"retry_delay_seconds": 0, **settings})
    return await platform.catalog.create_task(account_id, definition)


async def declare_pipeline(platform: Platform, account_id: str, slots: int) -> PipelineRecord:
    return await platform.catalog.create_pipeline(account_id, PipelineDefinition(title="line", slots=slots))


async def declare_job(
    platform: Platform, account_id: str, *steps: dict[str, Any], pipeline: PipelineRecord | None = None, **fields: Any
) -> JobRecord:
    body = {"key": f"job-{platform.new_id()}", "tasks": steps, **fields}
    if pipeline is not None:
        body["pipelineId"] = pipeline.id
    job, _ = await platform.catalog.create_job(account_id, msgspec.convert(body, JobBody))
    return job


def step(reference: str, task: TaskRecord, **fields: Any) -> dict[str, Any]:
    """A step of a job that runs this task."""
    return {"name": f"${{account}}/{task.key}", "taskReferenceName": reference, "type": "SUB_WORKFLOW", **fields}


def encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()
