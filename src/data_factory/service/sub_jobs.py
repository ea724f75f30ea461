"""Jobs that run inside another one, for a SUB_WORKFLOW that names them: how their job executions begin and end.

Each of these is a transaction that a timer asks for: whatever happens to the server in between, the next one follows.

- the step is due: the job execution begins, RUNNING in the slot of the one it is in;
- it has ended: the step comes due again, and ends with it;
- the step has ended otherwise: the job execution comes due, and is canceled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from data_factory.engine import decider
from data_factory.engine.attempts import EMPTY, under_way
from data_factory.engine.run import Outcome, Run
from data_factory.engine.scope import TOO_LARGE, as_payload
from data_factory.engine.user_inputs import launch_input
from data_factory.model.errors import Invalid
from data_factory.model.file_values import names_files
from data_factory.model.ids import NewId
from data_factory.model.parents import MEMBER, Parent, decode_parent
from data_factory.model.records import JobExecutionRecord, JobRecord, TaskExecutionRecord
from data_factory.model.resources import Failure
from data_factory.model.status import JOB_EXECUTION_ENDED, TASK_EXECUTION_ENDED
from data_factory.model.variables import shown
from data_factory.store.promises import Transaction

if TYPE_CHECKING:
    from data_factory.service.world import World

MAX_DEPTH: Final = 20
"""How many job executions may be around one."""

ORIGIN: Final = "SUB_WORKFLOW"
"""The `origin` of a job execution that runs inside another one."""

_decode_failure: Final = msgspec.json.Decoder(Failure).decode


def is_sub_job(row: TaskExecutionRecord) -> bool:
    """Whether a step runs another job."""
    return not row.task_id and row.type == "SUB_WORKFLOW"


def child_of(row: TaskExecutionRecord) -> str | None:
    """The job execution that such a step waits for; None before it has begun."""
    found = msgspec.json.decode(row.output).get(MEMBER)
    return found if isinstance(found, str) else None


def begin(
    world: World, row: TaskExecutionRecord, now: int, new_id: NewId
) -> tuple[JobExecutionRecord, TaskExecutionRecord] | Failure:
    """The job execution that a due step waits for from now on, and that step; or why there can be none."""
    around = world.executions.now[row.job_execution_id]
    _, key = world.job_steps.called[row.id]
    depth = 1 + (0 if around.parent is None else decode_parent(around.parent).depth)
    if depth > MAX_DEPTH:
        message = f"It would be {depth} deep in other job executions; it may be {MAX_DEPTH}."
        return Failure(code="too_deep", message=message)
    job = world.job_steps.job_of(row.id)
    if (refused := refusal(job, key)) is not None or job is None:
        return refused or Failure(code="unknown_job", message=key)
    input = taken_input(world, job, shown(row.input))
    if isinstance(input, Failure):
        return input
    child = JobExecutionRecord(
        id=new_id(),
        account_id=around.account_id,
        job_id=job.id,
        job_version=job.version,
        job_account_id=job.account_id,
        pipeline_id=around.pipeline_id,
        status="PENDING",
        title=job.title,
        input=input,
        output=EMPTY,
        failure=None,
        origin=ORIGIN,
        launched_by=around.launched_by,
        created_at=now,
        started_at=None,
        ended_at=None,
        deadline_at=None,
        variables=EMPTY,
        traceparent=around.traceparent,
        parent=Parent(around.id, row.id, depth).encoded(),
        launched_from=around.launched_from,
    )
    progress = _json({"message": f"job execution {child.id}"})
    return child, replace(under_way(row, _json({MEMBER: child.id}), now), progress=progress)


def refusal(job: JobRecord | None, key: str) -> Failure | None:
    """Why a job cannot be launched by another one."""
    if job is None:
        return Failure(code="unknown_job", message=f"There is no job with the key {key!r}.")
    if job.status == "INACTIVE":
        return Failure(code="job_inactive", message=f"The job {key!r} is INACTIVE.")
    return None


def taken_input(world: World, job: JobRecord, input: str) -> str | Failure:
    """An input that a job gives another one, with the defaults of what it leaves out. Its files are as the first one
    has them: what of them is not there, its tasks will see."""
    try:
        return launch_input(world.user_inputs_of(job), input, names_files(input))
    except Invalid as error:
        wrong = "; ".join(f"{one.path} {one.message}" for one in error.errors[:3])
        return Failure(code="invalid_start", message=f"The job {job.key!r} cannot be launched: {wrong}.")


def go_on(run: Run, child: JobExecutionRecord | None, row: TaskExecutionRecord, now: int, new_id: NewId) -> Outcome:
    """What follows for a step whose job execution is said to have ended.

    Raises:
        Needs: more is to be read.
    """
    if child is None:
        failure = Failure(code="sub_workflow_gone", message=f"The job execution {child_of(row)} has been deleted.")
        return decider.refuse(run, row, failure, now, new_id)
    if child.status not in JOB_EXECUTION_ENDED:
        return Outcome(run.execution, [replace(row, available_at=None, timer_at=None)])
    output = as_payload({**msgspec.json.decode(child.output), MEMBER: child.id})
    if output is None:
        failure = Failure(code="output_too_large", message=f"The output of the job execution {child.id} {TOO_LARGE}.")
        return decider.refuse(run, row, failure, now, new_id)
    if child.status == "COMPLETED":
        return decider.complete(run, row, output, now, new_id)
    why = "" if child.failure is None else f" {_decode_failure(child.failure).message}"
    failure = Failure(code="sub_workflow_failed", message=f"The job execution {child.id} is {child.status}.{why}")
    return decider.refuse(run, replace(row, output=output), failure, now, new_id)


def is_forsaken(world: World, child: JobExecutionRecord) -> bool:
    """Whether the step that a job execution was begun for does not wait for it any more."""
    if child.parent is None:
        return False
    step = world.task_executions.now.get(decode_parent(child.parent).task_execution_id)
    return step is None or step.status in TASK_EXECUTION_ENDED


async def follow_up(transaction: Transaction, world: World, now: int) -> bool:
    """Once all is written: let come due what waits for job executions that have ended, and those for which nothing
    waits any more. Whether there was any."""
    steps = list(_steps_to_wake(world))
    children = [
        child
        for _, row in world.task_executions.changed()
        if row.status == "CANCELED" and is_sub_job(row) and (child := child_of(row)) is not None
    ]
    if steps:
        await transaction.wake_parents(steps, now)
    if children:
        await transaction.stop_children(children, now)
    return bool(steps or children)


def _steps_to_wake(world: World) -> Iterable[str]:
    for row in world.executions.new():
        if row.parent is not None and row.status in JOB_EXECUTION_ENDED:
            yield decode_parent(row.parent).task_execution_id
    for old, row in world.executions.changed():
        if row.parent is not None and row.status in JOB_EXECUTION_ENDED and old.status not in JOB_EXECUTION_ENDED:
            yield decode_parent(row.parent).task_execution_id


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
