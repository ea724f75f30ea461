"""Pause, resume and skip, decided on what a transaction has loaded."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from data_factory.engine import decider, holding
from data_factory.model.errors import NotFound, NotSkippable, TaskExecutionEnded
from data_factory.model.events import happened
from data_factory.model.ids import NewId
from data_factory.model.pauses import Pause
from data_factory.model.records import JobExecutionRecord, PipelineRecord, TaskExecutionRecord
from data_factory.model.status import TASK_EXECUTION_ENDED
from data_factory.service.commands import Hold, HoldPipeline, Skip
from data_factory.service.world import World

_WAITING_TYPES: Final = ("HUMAN", "WAIT")


def hold(world: World, command: Hold, now: int, new_id: NewId) -> JobExecutionRecord:
    """Pause a job execution, or resume it."""
    execution = world.executions.now.get(command.id)
    if execution is None or execution.account_id != command.account_id:
        raise NotFound(f"There is no job execution {command.id!r} in this account.")
    active = world.active_of(execution.id)
    if command.on:
        outcome = holding.pause(execution, active, Pause(now, command.by.key_id, command.reason))
    else:
        outcome = holding.resume(execution, active, world.definitions, now)
    if outcome.execution is not execution:
        world.apply(outcome)
        about = {"account_id": execution.account_id, "object_id": execution.id, "job_execution_id": execution.id}
        kind = "job_execution.paused" if command.on else "job_execution.resumed"
        world.events.append(happened(kind, command.by, now, new_id, **about, reason=command.reason or None))
    return outcome.execution


def hold_pipeline(world: World, command: HoldPipeline, now: int, new_id: NewId) -> PipelineRecord:
    """Pause a pipeline, or resume it."""
    pipeline = world.pipeline(command.id)
    if pipeline is None or pipeline.account_id != command.account_id:
        raise NotFound(f"There is no pipeline {command.id!r} in this account.")
    if command.on == (pipeline.pause is not None):
        return pipeline
    pause = Pause(now, command.by.key_id, command.reason).encoded() if command.on else None
    changed = replace(pipeline, pause=pause, updated_at=now)
    world.resized[pipeline.id] = changed
    kind = "pipeline.paused" if command.on else "pipeline.resumed"
    about = {"account_id": pipeline.account_id, "object_id": pipeline.id}
    world.events.append(happened(kind, command.by, now, new_id, **about, reason=command.reason or None))
    return changed


def skip(world: World, command: Skip, now: int, new_id: NewId) -> TaskExecutionRecord:
    """Have the job go on as if a task execution that waits had COMPLETED."""
    waiting = world.task_executions.now.get(command.id)
    if waiting is None or waiting.account_id != command.account_id:
        raise NotFound(f"There is no task execution {command.id!r} in this account.")
    if waiting.status == "SKIPPED" and command.output in (None, waiting.output):
        return waiting
    if waiting.status in TASK_EXECUTION_ENDED:
        raise TaskExecutionEnded(f"The task execution has already ended: it is {waiting.status}.")
    if waiting.task_id and waiting.status == "IN_PROGRESS":
        raise NotSkippable(f"A worker is running {waiting.path}: only what waits can be skipped.")
    if not waiting.task_id and waiting.type not in _WAITING_TYPES:
        raise NotSkippable(f"{waiting.path} is a {waiting.type}: it is done by the platform, and cannot be skipped.")
    run = world.run_of(waiting.job_execution_id)
    world.apply(decider.skip(run, waiting, command.output, now, new_id))
    about = {"account_id": waiting.account_id, "object_id": waiting.id, "job_execution_id": waiting.job_execution_id}
    world.events.append(happened("task_execution.skipped", command.by, now, new_id, **about))
    return world.task_executions.now[waiting.id]
