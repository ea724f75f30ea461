"""What an account that has launched a shared job is shown of how it runs: what each task did, when, and why it failed.

Not what the tasks were given and what they gave, in which the owner's variables are; nor who of the owner's did it.
"""

from __future__ import annotations

from msgspec.structs import replace

from data_factory.engine.attempts import EMPTY
from data_factory.model.records import (
    JobExecutionRecord,
    StandingRecord,
    TaskExecutionRecord,
    TaskPollRecord,
    ToldRecord,
)
from data_factory.service.lookups import job_execution_of
from data_factory.service.paging import Part
from data_factory.store.promises import Reads


def as_launched(execution: JobExecutionRecord) -> JobExecutionRecord:
    """A job execution as the account that launched it is shown it: of another account's job, what went in and what
    came out, and not what the job has made of that on the way."""
    if not execution.is_guests:
        return execution
    if execution.parent is None:
        return replace(execution, variables=EMPTY)
    return replace(execution, input=EMPTY, output=EMPTY, variables=EMPTY)


async def task_executions_of(reads: Reads, account_id: str, id: str, part: Part) -> list[TaskExecutionRecord]:
    """The task executions of a job execution, oldest first, as the account that launched it is shown them.

    Raises:
        NotFound: there is no such job execution.
    """
    execution = await job_execution_of(reads, account_id, id)
    rows = await reads.task_executions_of_job(execution.job_account_id, execution.id, part)
    return [task_execution_as_launched(row, account_id) for row in rows]


def task_execution_as_launched(row: TaskExecutionRecord, account_id: str) -> TaskExecutionRecord:
    """A task execution as the account that has launched its job execution is shown it."""
    if row.account_id == account_id:
        return row
    return replace(row, input=EMPTY, output=EMPTY, worker_id=None)


def told_to_guest(row: ToldRecord) -> ToldRecord:
    """What the timeline tells a guest of a task execution: neither which worker had it, nor what a SWITCH chose by."""
    return replace(row, worker_id=None, chosen=None)


def standing_to_guest(row: StandingRecord) -> StandingRecord:
    """What a guest is told of a task execution that has not ended."""
    return replace(row, worker_id=None)


def poll_to_guest(poll: TaskPollRecord) -> TaskPollRecord:
    """What a guest is told of who asks for a task: when that was."""
    return replace(poll, worker_id=None)
