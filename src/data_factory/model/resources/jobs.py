"""Jobs, their versions and shares, and the projects that they are in, as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from data_factory.model.definitions import JobDefinition, JobTask, PeriodicityRule, UserInput
from data_factory.model.resources.shapes import Resource
from data_factory.model.status import DifferenceKind, JobStatus, ProjectStatus


class Job(Resource, frozen=True, kw_only=True, tag="job"):
    """A job as last published. `version` counts its publications, from 1."""

    updated_at: datetime
    key: str
    title: str
    title_local: dict[str, str]
    description: str
    description_local: dict[str, str]
    icon: str
    status: JobStatus
    pipeline_id: str
    project_id: str | None = None
    user_inputs: tuple[UserInput, ...]
    output: dict[str, Any] | None
    timeout_seconds: int
    tasks: tuple[JobTask, ...]
    periodicity: tuple[PeriodicityRule, ...]
    version: int


class Schedule(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="schedule"):
    """When a job is launched by itself: by which rules, and the next times (five at the most; none if it is paused)."""

    job_id: str
    periodicity: tuple[PeriodicityRule, ...]
    is_paused: bool
    next_runs_at: tuple[datetime, ...]


class JobVersion(Resource, frozen=True, kw_only=True, tag="job_version"):
    """One publication of a job, never changed. `id` is the job's; `definition` is null in lists."""

    version: int
    is_current: bool
    definition: JobDefinition | None = None


class Difference(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that differs between two versions: where it is, and what was and is there.

    Of what was `moved`, `before` and `after` are its places in the list.
    """

    kind: DifferenceKind
    path: str
    before: Any = None
    after: Any = None


class JobDiff(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="job_diff"):
    """What has changed from one version of a job to another; `more` says that it is only the first thousand."""

    job_id: str
    from_version: int
    to_version: int
    changes: tuple[Difference, ...]
    more: bool


class Project(Resource, frozen=True, kw_only=True, tag="project"):
    """A folder for jobs. `depth` says how many projects it is in: 0 for one at the top, whose `parentId` is null."""

    updated_at: datetime
    display_name: str
    parent_id: str | None
    depth: int
    status: ProjectStatus
    account_id: str


class JobShare(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object", tag="job_share"):
    """An account that may launch a job of another."""

    job_id: str
    account_id: str
    created_at: datetime | None = None


class SharedJob(Resource, frozen=True, kw_only=True, tag="shared_job"):
    """A job of another account that one may launch: what it is called and asks for, not what it does."""

    account_id: str
    key: str
    title: str
    description: str
    user_inputs: tuple[UserInput, ...]
    status: JobStatus
