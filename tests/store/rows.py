"""Rows that fit together, and a short way to keep them.

Ids and clocks go backwards here: whatever is promised in the order of commits cannot be had from either.
"""

from __future__ import annotations

import itertools
from typing import Any

from msgspec.structs import replace

from data_factory.model.records import (
    AccountRecord,
    ApiKeyRecord,
    DeliveryRecord,
    EventRecord,
    FileRecord,
    FileTallyRecord,
    JobExecutionRecord,
    JobRecord,
    JobVersionRecord,
    LogRecord,
    PipelineRecord,
    TaskExecutionRecord,
    TaskRecord,
    WebhookRecord,
)
from data_factory.service.paging import Part
from data_factory.store.promises import Store, Transaction

NOW = 1_700_000_000_000
ALL = Part(limit=1_000)

Row = (
    AccountRecord
    | ApiKeyRecord
    | PipelineRecord
    | TaskRecord
    | JobRecord
    | JobVersionRecord
    | JobExecutionRecord
    | TaskExecutionRecord
)

_count = itertools.count(1)


def is_named(statement: str, code: str) -> bool:
    """Whether a statement is used: by its name, or by one that is put together from how it begins."""
    return f'"{statement}"' in code or any(f'f"{statement[:end]}{{' in code for end in range(5, len(statement)))


def new_id() -> str:
    """An id smaller than all before."""
    return f"{2**95 - next(_count):024x}"


def earlier() -> int:
    """A time before all that were given before."""
    return NOW - next(_count)


def account() -> AccountRecord:
    return AccountRecord(id=new_id(), title="ours", created_at=earlier())


def api_key(account_id: str, **changes: Any) -> ApiKeyRecord:
    id = new_id()
    key = ApiKeyRecord(
        id=id,
        account_id=account_id,
        title="ci",
        prefix="df_abc",
        hash=id.rjust(64, "0"),
        created_at=NOW,
        revoked_at=None,
    )
    return replace(key, **changes)


def pipeline(account_id: str, **changes: Any) -> PipelineRecord:
    made = PipelineRecord(
        id=new_id(), account_id=account_id, title="main", slots=1, is_default=0, created_at=NOW, updated_at=NOW
    )
    return replace(made, **changes)


def task(account_id: str, **changes: Any) -> TaskRecord:
    id = new_id()
    made = TaskRecord(
        id=id, account_id=account_id, key=f"task-{id}", definition="{}", created_at=NOW, updated_at=NOW, deleted_at=None
    )
    return replace(made, **changes)


def job(account_id: str, pipeline_id: str, **changes: Any) -> JobRecord:
    id = new_id()
    made = JobRecord(
        id=id,
        account_id=account_id,
        key=f"job-{id}",
        title="Run it",
        status="DRAFT",
        pipeline_id=pipeline_id,
        version=1,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(made, **changes)


def version(job: JobRecord, **changes: Any) -> JobVersionRecord:
    """The version that a job is at."""
    made = JobVersionRecord(job_id=job.id, version=job.version, definition="{}", task_ids="{}", created_at=NOW)
    return replace(made, **changes)


def execution(job: JobRecord, **changes: Any) -> JobExecutionRecord:
    """A PENDING execution of a job."""
    made = JobExecutionRecord(
        id=new_id(),
        account_id=job.account_id,
        job_id=job.id,
        job_version=job.version,
        job_account_id=job.account_id,
        pipeline_id=job.pipeline_id,
        status="PENDING",
        title=job.title,
        input="{}",
        output="{}",
        failure=None,
        origin="API",
        launched_by=new_id(),
        created_at=earlier(),
        started_at=None,
        ended_at=None,
        deadline_at=None,
        variables="{}",
        launched_from="192.0.2.7",
    )
    return replace(made, **changes)


def started(execution: JobExecutionRecord, **changes: Any) -> JobExecutionRecord:
    return replace(execution, status="RUNNING", started_at=NOW, **changes)


def ended(execution: JobExecutionRecord, **changes: Any) -> JobExecutionRecord:
    given = {"status": "COMPLETED", "started_at": NOW, "ended_at": NOW, "deadline_at": None, **changes}
    return replace(execution, **given)


def attempt(execution: JobExecutionRecord, task_id: str, path: str = "first", **changes: Any) -> TaskExecutionRecord:
    """A first attempt at a task, that waits for a worker."""
    created_at = earlier()
    made = TaskExecutionRecord(
        id=new_id(),
        account_id=execution.account_id,
        job_execution_id=execution.id,
        task_id=task_id,
        type="SUB_WORKFLOW",
        path=path,
        attempt=1,
        status="SCHEDULED",
        input="{}",
        output="{}",
        failure=None,
        warning=None,
        progress=None,
        worker_id=None,
        claim_id=None,
        lease=None,
        lease_ms=None,
        lease_expires_at=None,
        created_at=created_at,
        updated_at=created_at,
        available_at=None,
        poll_timeout_at=None,
        started_at=None,
        timeout_at=None,
        ended_at=None,
        timer_at=None,
    )
    return replace(made, **changes)


def claimed(waiting: TaskExecutionRecord, **changes: Any) -> TaskExecutionRecord:
    """It as a worker holds it, for a minute."""
    given = {
        "status": "IN_PROGRESS",
        "claim_id": "a claim",
        "lease": new_id(),
        "lease_ms": 60_000,
        "lease_expires_at": NOW + 60_000,
        "started_at": NOW,
        "timer_at": NOW + 60_000,
        **changes,
    }
    return replace(waiting, **given)


def done(held: TaskExecutionRecord, **changes: Any) -> TaskExecutionRecord:
    given = {
        "status": "COMPLETED",
        "ended_at": NOW,
        "available_at": None,
        "poll_timeout_at": None,
        "lease_expires_at": None,
        "timeout_at": None,
        "timer_at": None,
        **changes,
    }
    return replace(held, **given)


def log(run: JobExecutionRecord, **changes: Any) -> LogRecord:
    """Something that was told of a job execution."""
    made = LogRecord(
        id=new_id(),
        account_id=run.account_id,
        job_execution_id=run.id,
        task_execution_id=None,
        emitter_name="tests",
        severity="info",
        message_type="DEFAULT",
        message="hello",
        logged_at=NOW - 5,
        created_at=NOW,
    )
    return replace(made, **changes)


def event(run: JobExecutionRecord, **changes: Any) -> EventRecord:
    """Something that was done to a job execution."""
    made = EventRecord(
        id=new_id(),
        account_id=run.account_id,
        kind="job_execution.canceled",
        object_id=run.id,
        job_execution_id=run.id,
        at=earlier(),
        key_id=new_id(),
        address="192.0.2.7",
        origin="API",
        detail="{}",
    )
    return replace(made, **changes)


def file(account_id: str, **changes: Any) -> FileRecord:
    """A file that has arrived."""
    made = FileRecord(
        id=new_id() + "0f" * 20,
        account_id=account_id,
        status="KEPT",
        filename="prices.xml",
        content_type="text/xml",
        size=7,
        sha256="5a" * 32,
        created_at=earlier(),
        updated_at=earlier(),
        due_at=NOW + 1_000,
    )
    return replace(made, **changes)


async def arrive(store: Store, file: FileRecord) -> FileRecord:
    """It arrives: announced, kept and counted."""
    announced = replace(file, status="ARRIVING", filename="", content_type="", size=0, sha256="")

    async def work(transaction: Transaction) -> None:
        await transaction.insert_file(announced)
        await transaction.keep_file(file)
        await transaction.count_files([FileTallyRecord(file.account_id, 1, file.size)])

    await store.write(work)
    return file


async def insert(transaction: Transaction, *rows: Row) -> None:
    """Insert rows in their order, each by its verb; a job with the version that it is at."""
    for row in rows:
        match row:
            case AccountRecord():
                await transaction.insert_account(row)
            case ApiKeyRecord():
                await transaction.insert_api_key(row)
            case PipelineRecord():
                await transaction.insert_pipeline(row)
            case TaskRecord():
                await transaction.insert_task(row)
            case JobRecord():
                await transaction.insert_job(row, version(row), ())
            case JobExecutionRecord():
                await transaction.insert_job_executions([row])
            case TaskExecutionRecord():
                await transaction.insert_task_executions([row])


async def keep(store: Store, *rows: Row) -> None:
    """Insert rows, all in one transaction."""
    await store.write(lambda transaction: insert(transaction, *rows))


async def keep_each(store: Store, *rows: Row) -> None:
    """Insert rows, each in a transaction of its own."""
    for row in rows:
        await keep(store, row)


async def tally(store: Store, pipeline: PipelineRecord) -> tuple[int, int]:
    """How many run and wait in a pipeline, as it says."""
    (found,) = await store.read(lambda reads: reads.pipelines_by_id([pipeline.id]))
    return found.running, found.pending


async def change(store: Store, old: Any, new: Any) -> None:
    """Change an execution that was read as `old`."""

    async def work(transaction: Transaction) -> None:
        if isinstance(old, JobExecutionRecord):
            await transaction.update_job_executions([(old, new)])
        else:
            await transaction.update_task_executions([(old, new)])

    await store.write(work)


def ids(rows: Any) -> list[str]:
    return [row.id for row in rows]


def webhook(account_id: str, **changes: Any) -> WebhookRecord:
    made = WebhookRecord(
        id=new_id(),
        account_id=account_id,
        job_execution_id=None,
        url="https://example.com/é",
        statuses="[]",
        job_ids="[]",
        is_active=1,
        disabled_reason=None,
        secret="sealed",
        former_secret=None,
        former_until=None,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(made, **changes)


def delivery(webhook: WebhookRecord, **changes: Any) -> DeliveryRecord:
    """One that is due now."""
    made = DeliveryRecord(
        id=new_id(),
        account_id=webhook.account_id,
        webhook_id=webhook.id,
        job_execution_id=None,
        host="example.com:443",
        status="PENDING",
        tries=0,
        attempts="[]",
        lease=None,
        due_at=NOW,
        ended_at=None,
        created_at=NOW,
    )
    return replace(made, **changes)
