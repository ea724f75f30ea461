"""A job on its way to being published: what it stands on, and what it is once it was checked and compiled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice
from typing import Final, Protocol

import msgspec
from msgspec import UNSET

from data_factory.engine.compiling import compile_graph
from data_factory.engine.graph import Graph
from data_factory.engine.publication import check_job, custom_task_keys
from data_factory.engine.schedules import next_due
from data_factory.engine.user_inputs import no_file
from data_factory.model.definitions import JobBody, JobDefinition, PeriodicityRule
from data_factory.model.errors import MAX_ERRORS, FieldError, NotFound
from data_factory.model.file_values import names_files, places_of
from data_factory.model.records import JobRecord, JobVersionRecord
from data_factory.service.lookups import pipeline_of, project_of
from data_factory.store.promises import Reads

_rules: Final = msgspec.json.Decoder(tuple[PeriodicityRule, ...])

Published = tuple[JobRecord, JobVersionRecord]


class Assets(Protocol):
    """The files that a job brings with it."""

    @property
    def file_ids(self) -> Collection[str]:
        """Their ids: of those that are new."""

    async def bring(self) -> None:
        """Keep them."""


class Ground(msgspec.Struct, frozen=True):
    """What a publication stands on: read before the check, and again in the transaction that publishes."""

    present: JobRecord | None
    known: dict[str, str]
    pipeline_id: str
    errors: tuple[FieldError, ...]
    project_id: str | None = None

    @property
    def version(self) -> int:
        """The number that the next version will have."""
        return self.present.version + 1 if self.present else 1


class GroundMoved(Exception):
    """What a job was checked on has changed before it was published."""


class Publication(msgspec.Struct, frozen=True):
    """A job that may be published, on its ground."""

    ground: Ground
    definition: JobDefinition
    encoded: str
    task_ids: dict[str, str]
    file_ids: frozenset[str]
    graph: Graph
    rules: tuple[PeriodicityRule, ...]

    def records(self, account_id: str, id: str, now: int) -> Published:
        """The job as it will be once this is published."""
        present = self.ground.present
        job = JobRecord(
            id=id,
            account_id=account_id,
            key=self.definition.key,
            title=self.definition.title,
            status=self.definition.status,
            pipeline_id=self.ground.pipeline_id,
            version=self.ground.version,
            created_at=present.created_at if present else now,
            updated_at=now,
            periodicity=_json(self.rules),
            is_paused=present.is_paused if present else 0,
            project_id=self.ground.project_id,
            due_at=None if self.definition.status == "INACTIVE" else next_due(self.rules, now),
        )
        version = JobVersionRecord(
            job_id=id, version=job.version, definition=self.encoded, task_ids=_json(self.task_ids), created_at=now
        )
        return job, version


def prepare(body: JobBody, ground: Ground) -> Publication:
    """Check a job and compile it; Invalid with all that is wrong with it."""
    rules = rules_of(ground.present) if body.periodicity is UNSET else body.periodicity
    definition, task_ids = check_job(body, ground.known, chain(ground.errors, _unattended_errors(body, rules)))
    encoded = _json(definition)
    files = frozenset(names_files(encoded))
    return Publication(ground, definition, encoded, task_ids, files, compile_graph(definition, task_ids), rules)


def rules_of(job: JobRecord | None) -> tuple[PeriodicityRule, ...]:
    """The rules by which a job is launched by itself."""
    return () if job is None else _rules.decode(job.periodicity)


def _unattended_errors(body: JobBody, rules: Iterable[PeriodicityRule]) -> Iterator[FieldError]:
    """What nobody gives to an execution that is launched by a rule."""
    if any(rule.is_enabled for rule in rules):
        for index, one in enumerate(body.user_inputs):
            if one.required and one.default is None and one.default_value is None:
                yield FieldError(
                    f"userInputs[{index}].defaultValue", "is required: the job's periodicity gives no value"
                )


def files_of(body: JobBody, brought: Collection[str]) -> set[str]:
    """The ids of the files that a job names, without those that it brings."""
    return names_files(_json(body)).difference(brought)


async def ground_of(
    reads: Reads, account_id: str, body: JobBody, present: JobRecord | None, file_ids: Collection[str]
) -> Ground:
    """What a job stands on now, which names these files."""
    known = {task.key: task.id for task in await reads.tasks_by_key(account_id, custom_task_keys(body))}
    errors: list[FieldError] = []
    pipeline_id, project_id = "", None
    try:
        pipeline_id = await _pipeline_for(reads, account_id, body, present)
    except NotFound as error:
        errors.append(FieldError("pipelineId", error.message))
    try:
        project_id = await _project_for(reads, account_id, body, present)
    except NotFound as error:
        errors.append(FieldError("projectId", error.message))
    kept = {file.id for file in await reads.files_by_id(account_id, file_ids)} if file_ids else set()
    if missing := {*file_ids} - kept:
        places = places_of(msgspec.to_builtins(body), missing)
        errors += (FieldError(path, no_file(id)) for path, id in islice(places, MAX_ERRORS))
    return Ground(present, known, pipeline_id, tuple(errors), project_id)


async def _project_for(reads: Reads, account_id: str, body: JobBody, present: JobRecord | None) -> str | None:
    """The project that a job names, or the one that it is in if it says nothing of that."""
    if body.project_id is UNSET:
        return present.project_id if present else None
    return (await project_of(reads, account_id, body.project_id)).id if body.project_id else None


async def _pipeline_for(reads: Reads, account_id: str, body: JobBody, present: JobRecord | None) -> str:
    """The pipeline that a job names, else the one that it has (`job.json` names none), else the account's default."""
    if body.pipeline_id is not None:
        return (await pipeline_of(reads, account_id, body.pipeline_id)).id
    if present is not None:
        return present.pipeline_id
    default = await reads.default_pipeline(account_id)
    if default is None:
        raise NotFound("The account has no default pipeline: name one.")
    return default.id


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
