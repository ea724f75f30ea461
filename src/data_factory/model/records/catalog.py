"""What is kept of what is declared: tasks, jobs, projects, pipelines."""

from __future__ import annotations

import msgspec

from data_factory.model.status import JobStatus, ProjectStatus

Record = msgspec.Struct


class PipelineRecord(Record, frozen=True):
    """A FIFO queue of job executions, of which so many are RUNNING and PENDING. Where nothing `has_webhooks`, nobody
    looks for one when an execution ends. `pause` is a `Pause` as JSON."""

    id: str
    account_id: str
    title: str
    slots: int
    is_default: int
    created_at: int
    updated_at: int
    running: int = 0
    pending: int = 0
    has_webhooks: int = 0
    pause: str | None = None


class PipelineTallyRecord(Record, frozen=True):
    """How many job executions of a pipeline are RUNNING and PENDING, or how many more."""

    pipeline_id: str
    running: int
    pending: int


class TaskRecord(Record, frozen=True):
    """A custom task. `definition` is the `TaskDefinition` as JSON."""

    id: str
    account_id: str
    key: str
    definition: str
    created_at: int
    updated_at: int
    deleted_at: int | None


class JobRecord(Record, frozen=True):
    """A job: its present version and the settings that are not part of one.

    `periodicity` are its `PeriodicityRule`s as JSON; `due_at` is when they launch it next, None if they do not: there
    are none, they `is_paused`, or the job is INACTIVE.
    """

    id: str
    account_id: str
    key: str
    title: str
    status: JobStatus
    pipeline_id: str
    version: int
    created_at: int
    updated_at: int
    periodicity: str = "[]"
    is_paused: int = 0
    due_at: int | None = None
    project_id: str | None = None


class ProjectRecord(Record, frozen=True):
    """A folder for jobs; `depth` says how many others it is in."""

    id: str
    account_id: str
    title: str
    parent_id: str | None
    depth: int
    status: ProjectStatus
    created_at: int
    updated_at: int


class JobShareRecord(Record, frozen=True):
    """An account that a job is shared with, and the pipeline in which it runs the job: its default one."""

    job_id: str
    account_id: str
    created_at: int
    pipeline_id: str = ""


class JobVersionRecord(Record, frozen=True):
    """One publication of a job, never changed: its definition and the id of each task that it names, as JSON."""

    job_id: str
    version: int
    definition: str
    task_ids: str
    created_at: int


class JobPublicationRecord(Record, frozen=True):
    """That there is a version of a job, and since when, without what is in it."""

    job_id: str
    version: int
    created_at: int


class TaskPollRecord(Record, frozen=True):
    """When a worker last asked for a task (to within half a minute), and which."""

    task_id: str
    polled_at: int
    worker_id: str | None
