"""Launches, decided on what a transaction has loaded: by somebody, by periodicity, or of what runs again."""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from msgspec.structs import replace

from data_factory.engine.attempts import EMPTY
from data_factory.engine.schedules import next_due
from data_factory.engine.user_inputs import launch_input
from data_factory.model.errors import (
    DataFactoryError,
    FieldError,
    IdempotencyKeyReused,
    Invalid,
    JobInactive,
    NotFound,
)
from data_factory.model.events import happened
from data_factory.model.ids import NewId
from data_factory.model.records import IdempotencyRecord, JobExecutionRecord, JobRecord, LinkRecord, TakeoverRecord
from data_factory.service.commands import Again, IdempotencyKey, Launch
from data_factory.service.publications import rules_of
from data_factory.service.world import World

log = logging.getLogger(__name__)

_RUN_AGAIN: Final = {"RERUN": "job_execution.rerun", "RETRY": "job_execution.retried"}


def launch(world: World, command: Launch, now: int, new_id: NewId) -> JobExecutionRecord:
    """Run a job: what was launched waits for a slot, or for its time.

    Raises:
        Invalid: there is no such job, or it is not to be launched with this input.
        JobInactive, IdempotencyKeyReused: it may not be launched.
    """
    if command.idempotency is not None and (earlier := _earlier(world, command, command.idempotency)):
        return earlier
    job = world.jobs.get(command.job_id)
    pipeline_id = None if job is None else _pipeline_for(world, job, command.account_id)
    if job is None or pipeline_id is None:
        raise Invalid(errors=(FieldError("jobId", f"there is no job {command.job_id!r} in this account"),))
    if job.status == "INACTIVE":
        raise JobInactive
    input, version, again = command.input, command.version or job.version, command.again
    source = None if again is None else _source(world, command.account_id, again)
    as_before = source is not None and source.job_version == version
    if not as_before and (asked := world.user_inputs_of(job)):
        input = launch_input(asked, input, command.file_ids)
    execution = JobExecutionRecord(
        id=command.id,
        account_id=command.account_id,
        job_id=job.id,
        job_version=version,
        job_account_id=job.account_id,
        pipeline_id=pipeline_id,
        status="PENDING",
        title=command.title or job.title,
        input=input,
        output=EMPTY,
        failure=None,
        origin=command.origin,
        launched_by=command.launched_by,
        created_at=now,
        started_at=None,
        ended_at=None,
        deadline_at=command.start_at if command.start_at is not None and command.start_at > now else None,
        variables=source.variables if source is not None and again is not None and again.plan is not None else EMPTY,
        priority=command.priority,
        traceparent=command.traceparent,
        launched_from=command.launched_from,
    )
    world.executions.put(execution)
    if command.webhook is not None:
        world.webhooks.append(command.webhook)
    if again is not None:
        _link(world, execution, again, now, new_id)
    if command.idempotency is not None:
        _remember(world, command, command.idempotency, now)
    return execution


def _source(world: World, account_id: str, again: Again) -> JobExecutionRecord:
    """The job execution that is run again."""
    source = world.executions.now.get(again.of_id)
    if source is None or source.account_id != account_id:
        raise NotFound(f"There is no job execution {again.of_id!r} in this account.")
    return source


def _link(world: World, execution: JobExecutionRecord, again: Again, now: int, new_id: NewId) -> None:
    """Keep which job execution this one runs again, and what it takes over of it."""
    resume: dict[str, list[str]] = {}
    if (plan := again.plan) is not None:
        resume = plan.resume
        reopened = tuple(row.id for row in plan.reopened)
        world.takeovers.append(TakeoverRecord(again.of_id, execution.id, plan.left_out, reopened))
    link = LinkRecord(
        id=execution.id,
        account_id=execution.account_id,
        of_id=again.of_id,
        kind=again.kind,
        resume=msgspec.json.encode(resume).decode(),
    )
    world.links[link.id] = link
    world.links_new.append(link)
    source = world.executions.now[again.of_id]
    about = {"account_id": source.account_id, "object_id": source.id, "job_execution_id": source.id}
    world.events.append(happened(_RUN_AGAIN[again.kind], again.by, now, new_id, **about, **{"as": execution.id}))


def _pipeline_for(world: World, job: JobRecord, account_id: str) -> str | None:
    """Where an account runs a job: its own one in the job's pipeline, one that is shared with it in its default
    pipeline, and no other."""
    if job.account_id == account_id:
        return job.pipeline_id
    guest = world.guests.get((job.id, account_id))
    return None if guest is None else guest.pipeline_id


def launch_due(world: World, job: JobRecord, now: int, new_id: NewId) -> None:
    """Launch a job by its periodicity: once, for the latest of the times that have come, and then for the next."""
    following = replace(job, due_at=next_due(rules_of(job), now))
    world.rescheduled.append(following)
    command = Launch(
        id=new_id(),
        account_id=job.account_id,
        job_id=job.id,
        input=EMPTY,
        title=None,
        origin="PERIODIC",
        launched_by="",
    )
    try:
        launch(world, command, now, new_id)
    except DataFactoryError as error:
        log.error("the job %s is due and cannot be launched: %s", job.id, error)


def _earlier(world: World, launch: Launch, idempotency: IdempotencyKey) -> JobExecutionRecord | None:
    """What an earlier request with this Idempotency-Key has made."""
    earlier = world.idempotency.get((launch.account_id, idempotency.key))
    if earlier is None or earlier.resource_id not in world.executions.now:
        return None
    if earlier.fingerprint != idempotency.fingerprint:
        raise IdempotencyKeyReused
    return world.executions.now[earlier.resource_id]


def _remember(world: World, launch: Launch, idempotency: IdempotencyKey, now: int) -> None:
    record = IdempotencyRecord(
        account_id=launch.account_id,
        key=idempotency.key,
        fingerprint=idempotency.fingerprint,
        resource_id=launch.id,
        created_at=now,
    )
    world.idempotency[record.account_id, record.key] = record
    world.idempotency_new.append(record)
