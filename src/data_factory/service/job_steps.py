"""Steps that are for other jobs: a START_WORKFLOW launches one, a SUB_WORKFLOW may run one inside its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from data_factory.engine.graph import SubJob
from data_factory.engine.starting import read_start
from data_factory.model.parents import decode_parent
from data_factory.model.records import JobExecutionRecord, JobRecord, TaskExecutionRecord
from data_factory.model.variables import shown
from data_factory.service.sub_jobs import child_of, is_sub_job
from data_factory.store.promises import Pair, Transaction

if TYPE_CHECKING:
    from data_factory.service.world import World

_decode_input = msgspec.json.Decoder(dict[str, Any]).decode


class JobSteps:
    """Those of a world that are due, by the ids of their task executions, and the jobs that they name.

    `starting` are to launch the job with this key. `calling` wait for this job execution; where there is none yet, they
    are to begin it, of the job that `called` names. `awaiting` are those whose job execution is due.
    """

    def __init__(self) -> None:
        self.starting: dict[str, Pair] = {}
        self.calling: dict[str, str | None] = {}
        self.called: dict[str, Pair] = {}
        self.awaiting: set[str] = set()
        self._jobs: dict[Pair, JobRecord] = {}

    def look(self, tasks: Iterable[TaskExecutionRecord], jobs: Iterable[JobExecutionRecord]) -> None:
        """Which they are, of what is due."""
        begun = [row for row in tasks if row.status == "IN_PROGRESS"]
        self.starting = {
            row.id: (row.account_id, read_start(_decode_input(shown(row.input))).name)
            for row in begun
            if row.type == "START_WORKFLOW"
        }
        self.calling = {row.id: child_of(row) for row in begun if is_sub_job(row)}
        self.awaiting = {decode_parent(row.parent).task_execution_id for row in jobs if row.parent is not None}

    @property
    def children(self) -> set[str]:
        """The job executions that such steps wait for."""
        return {id for id in self.calling.values() if id is not None}

    def job_of(self, id: str) -> JobRecord | None:
        """The job that a step launches, or begins; None if there is none."""
        pair = self.starting.get(id) or self.called.get(id)
        return None if pair is None else self._jobs.get(pair)

    async def load_started(self, transaction: Transaction, jobs: dict[str, JobRecord]) -> None:
        """The jobs that they launch, if any do: with the others that are launched."""
        if self.starting:
            for job in await transaction.jobs_named(sorted(set(self.starting.values()))):
                self._jobs[job.account_id, job.key] = jobs[job.id] = job

    async def load_called(self, transaction: Transaction, world: World) -> None:
        """The jobs that they run inside theirs, in the pipeline of theirs."""
        for id, child_id in self.calling.items():
            row = world.task_executions.now.get(id)
            graph = None if row is None or child_id is not None else world.graph_of(row.job_execution_id)
            if row is not None and graph is not None and isinstance(step := graph.step(row.path), SubJob):
                self.called[id] = (row.account_id, step.job_key)
        if missing := sorted(set(self.called.values()) - self._jobs.keys()):
            for job in await transaction.jobs_named(missing):
                # As it was read first, if it was: with its pipeline.
                self._jobs[job.account_id, job.key] = world.jobs.setdefault(job.id, job)
            await world.load_graphs(())
