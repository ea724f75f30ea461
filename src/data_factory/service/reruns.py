"""Job executions run again: from their beginning (rerun), or from where they failed (retry).

Both launch a new job execution; the other one stays as it is.
"""

from __future__ import annotations

from typing import Final

import msgspec

from data_factory.engine.graph import Graph
from data_factory.engine.resumption import RetryPlan, mismatches, plan_retry
from data_factory.model.actors import Actor
from data_factory.model.errors import (
    FileGone,
    JobExecutionNotEnded,
    NothingToRetry,
    TaskGone,
    VersionMismatch,
)
from data_factory.model.file_values import names_files
from data_factory.model.ids import NewId
from data_factory.model.records import JobExecutionRecord, LinkRecord
from data_factory.model.requests import VersionChoice
from data_factory.model.status import JOB_EXECUTION_ENDED
from data_factory.service.commands import Again, IdempotencyKey, Launch
from data_factory.service.dispatcher import Dispatcher
from data_factory.service.graphs import Graphs
from data_factory.service.lookups import job_execution_of
from data_factory.service.resuming import resumed_at
from data_factory.store.promises import Reads, Store

_task_ids: Final = msgspec.json.Decoder(dict[str, str]).decode

MAX_NAMED: Final = 5
"""Of what is wrong, how much is named in a message."""


class Source(msgspec.Struct, frozen=True):
    """A job execution that is to be run again, and in which version of its job."""

    execution: JobExecutionRecord
    version: int


class Retry(Source, frozen=True):
    """A job execution that is to be retried, and what that comes to."""

    plan: RetryPlan


class Reruns:
    """The verbs that run job executions again."""

    def __init__(self, store: Store, dispatcher: Dispatcher, graphs: Graphs, new_id: NewId) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._graphs = graphs
        self._new_id = new_id

    async def rerun(
        self, account_id: str, id: str, choice: VersionChoice, by: Actor, key: IdempotencyKey | None
    ) -> JobExecutionRecord:
        """Run the same job with the same input again, from its beginning.

        Raises:
            NotFound: there is no such job execution.
            FileGone, TaskGone, JobInactive: it cannot be run any more.
            Invalid: the newest version asks for another input.
        """
        source = await self._store.read(lambda reads: _source(reads, account_id, id, choice))
        return await self._launch(source, Again(of_id=id, kind="RERUN", by=by), key)

    async def plan_retry(self, account_id: str, id: str, choice: VersionChoice) -> Retry:
        """What a retry would take over, and what it would run again.

        Raises:
            NotFound: there is no such job execution.
            JobExecutionNotEnded, NothingToRetry: there is nothing to be retried.
            VersionMismatch: what it has done has no place in the newest version; the message names what.
            FileGone, TaskGone: it cannot be run any more.
        """
        return await self._store.read(lambda reads: self._plan(reads, account_id, id, choice))

    async def retry(
        self, account_id: str, id: str, choice: VersionChoice, by: Actor, key: IdempotencyKey | None
    ) -> JobExecutionRecord:
        """Go on where a job execution failed, in a new one that takes over what has completed.

        Raises:
            NotFound, JobExecutionNotEnded, NothingToRetry, VersionMismatch, FileGone, TaskGone: see `plan_retry`.
            JobInactive: the job may not be launched.
        """
        found = await self.plan_retry(account_id, id, choice)
        return await self._launch(found, Again(of_id=id, kind="RETRY", plan=found.plan, by=by), key)

    async def links(self, ids: list[str]) -> list[LinkRecord]:
        """Which job executions these run again, and which run these again."""
        return await self._store.ask(lambda reads: reads.links_of(ids))

    async def _plan(self, reads: Reads, account_id: str, id: str, choice: VersionChoice) -> Retry:
        source = await _source(reads, account_id, id, choice)
        execution = source.execution
        if execution.status not in JOB_EXECUTION_ENDED:
            raise JobExecutionNotEnded(f"It is {execution.status}: only what has ended can be retried.")
        if execution.status == "COMPLETED":
            raise NothingToRetry
        before, after = (execution.job_id, execution.job_version), (execution.job_id, source.version)
        graphs = await self._graphs.load(reads, {before, after})
        traces = await reads.traces_of_job(execution.job_account_id, id)
        plan = plan_retry(graphs[before], traces, await resumed_at(reads, execution))
        if before != after:
            _check_fit(graphs[before], graphs[after], plan, is_guests=execution.is_guests)
        return Retry(execution, source.version, plan)

    async def _launch(self, source: Source, again: Again, key: IdempotencyKey | None) -> JobExecutionRecord:
        execution = source.execution
        launched: JobExecutionRecord = await self._dispatcher.submit(
            Launch(
                id=self._new_id(),
                account_id=execution.account_id,
                job_id=execution.job_id,
                input=execution.input,
                title=execution.title,
                origin=again.kind,
                launched_by=again.by.key_id,
                launched_from=again.by.address or None,
                idempotency=key,
                file_ids=frozenset(names_files(execution.input)),
                version=source.version,
                again=again,
            )
        )
        return launched


def _check_fit(graph: Graph, newest: Graph, plan: RetryPlan, *, is_guests: bool) -> None:
    if wrong := mismatches(graph, newest, plan):
        if is_guests:
            raise VersionMismatch
        named = "; ".join(f"{error.path} {error.message}" for error in wrong[:MAX_NAMED])
        more = f"; and {len(wrong) - MAX_NAMED} more" if len(wrong) > MAX_NAMED else ""
        raise VersionMismatch(f"It cannot go on in the newest version: {named}{more}.")


async def _source(reads: Reads, account_id: str, id: str, choice: VersionChoice) -> Source:
    """What is to be run again, if it can be."""
    execution = await job_execution_of(reads, account_id, id)
    version = execution.job_version
    if choice == "latest":
        (job,) = await reads.jobs_by_id([execution.job_id])
        version = job.version
    await _check_files(reads, execution)
    await _check_tasks(reads, execution, version)
    return Source(execution, version)


async def _check_files(reads: Reads, execution: JobExecutionRecord) -> None:
    """The files of its input are still there, of those that were the account's when it was launched."""
    if not (ids := names_files(execution.input)):
        return
    kept = {file.id for file in await reads.files_by_id(execution.account_id, ids)}
    ours = _presented(msgspec.json.decode(execution.input))
    if gone := sorted((ids & ours) - kept):
        raise FileGone(f"These files of its input are not there any more: {', '.join(gone[:MAX_NAMED])}.")


def _presented(value: object) -> set[str]:
    """The ids of the files that a value shows as the launch has presented them; others are another server's."""
    if isinstance(value, list):
        return set().union(*map(_presented, value))
    if isinstance(value, dict):
        own = {str(value.get("id"))} if value.get("object") == "data_factory_file" else set()
        return own.union(*map(_presented, value.values()))
    return set()


async def _check_tasks(reads: Reads, execution: JobExecutionRecord, version: int) -> None:
    """No task of a version was deleted: nobody would ever take what is scheduled of it. A guest is not told which."""
    (published,) = await reads.job_versions([(execution.job_id, version)])
    tasks = await reads.tasks_by_id(set(_task_ids(published.task_ids).values()))
    if gone := sorted(task.key for task in tasks if task.deleted_at is not None):
        if execution.is_guests:
            raise TaskGone
        named = ", ".join(gone[:MAX_NAMED])
        raise TaskGone(f"These tasks of version {version} of the job were deleted: {named}.")
