"""A planned world on a real store: commands go to the platform's code and to the reference, and both must agree.

Between two steps the process may be killed; within a step its transaction may be. Nothing that was answered is lost,
nothing that was not is kept.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from data_factory.api.lists import FIELDS
from data_factory.model.actors import SYSTEM
from data_factory.model.errors import DataFactoryError
from data_factory.model.ids import IdMaker
from data_factory.model.records import JobRecord, PipelineRecord, TaskExecutionRecord, TaskRecord
from data_factory.model.requests import BulkRequest
from data_factory.model.resources import JobExecution
from data_factory.service.bulk import Bulk
from data_factory.service.bulk import Done as Portion
from data_factory.service.commands import Command, FillSlots, IdempotencyKey
from data_factory.service.dispatcher import Dispatcher
from data_factory.service.effects import Done, Effects
from data_factory.service.graphs import Graphs
from data_factory.service.reruns import Reruns
from data_factory.service.sparing import SPARED_MS
from data_factory.store.promises import Reads, Transaction
from tests.properties.plan import JobPlan, Plan, StepPlan
from tests.properties.reference import Attempt, Reference, Run
from tests.properties.watch import Watch
from tests.workshop import START, Workshop, quick_directory, step


class Killed(Exception):
    """The process dies in the middle of a transaction."""


class Dying:
    """A transaction in which the process dies at the verb number `after`."""

    def __init__(self, transaction: Transaction, after: int) -> None:
        self._transaction = transaction
        self._left = after

    def __getattr__(self, verb: str) -> Any:
        if self._left == 0:
            raise Killed
        self._left -= 1
        return getattr(self._transaction, verb)


class World:
    """The platform on a store, the reference, and the watch that compares them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.now = START
        self.reference = Reference(plan, self.now)
        self._directory: tempfile.TemporaryDirectory[str] = quick_directory()
        self._new_id = IdMaker(lambda: self.now, start=1)  # not at random, so that what was found is found again
        self.shop = Workshop(Path(self._directory.name), self.now, self._new_id)
        self.tasks: list[TaskRecord] = [
            self.shop.task(**msgspec.structs.asdict(definition)) for definition in plan.tasks
        ]
        self.pipelines: list[PipelineRecord] = [self.shop.pipeline(slots) for slots in plan.slots]
        self.jobs: list[JobRecord] = [self._declare(job) for job in plan.jobs]
        self.handles: list[TaskExecutionRecord] = []
        """Everything that workers were ever handed, oldest first."""
        self.noted: int | None = None
        """The earliest timer that the loop of time was told of since it last looked."""
        self.watch = Watch(
            {task.id: definition for task, definition in zip(self.tasks, plan.tasks, strict=True)},
            {
                job.id: [each.reference for each in planned.steps]
                for job, planned in zip(self.jobs, plan.jobs, strict=True)
            },
        )

    def close(self) -> None:
        self.shop.__exit__(None, None, None)
        self._directory.cleanup()

    def _declare(self, job: JobPlan) -> JobRecord:
        steps = [self._step(each) for each in job.steps]
        output = None if job.output is None else {name: read.expression() for name, read in job.output.items()}
        return self.shop.job(
            *steps, pipeline=self.pipelines[job.pipeline], outputParameters=output, timeoutSeconds=job.timeout_seconds
        )

    def _step(self, planned: StepPlan) -> dict[str, Any]:
        given = {name: read.expression() for name, read in planned.input.items()}
        if planned.task is not None:
            task = self.tasks[planned.task]
            return step(planned.reference, task, optional=planned.optional, inputParameters=given)
        human: dict[str, Any] = {"type": "HUMAN", "name": "ask", "taskReferenceName": planned.reference}
        return {**human, "optional": planned.optional, "inputParameters": given}

    # -- time and processes

    def wait(self, ms: int) -> None:
        self.now += ms
        self.shop.now = self.reference.now = self.now

    def kill(self) -> None:
        """The process is killed and another one starts, on what the first has left on the disk."""
        directory = quick_directory()
        for file in Path(self._directory.name).iterdir():
            shutil.copy(file, directory.name)
        self.close()
        self._directory = directory
        self.shop = Workshop(Path(directory.name), self.now, self._new_id)
        self.shop.run(
            self.shop.store.write(lambda transaction: transaction.spare_leases(self.now, self.now, SPARED_MS, 1_000))
        )
        self.reference.restart(SPARED_MS)
        self.batch(FillSlots(tuple(self.shop.run(self.shop.store.read(lambda reads: reads.waiting_pipelines())))))
        self.noted = self.next_timer()

    def die_in(self, commands: list[Command], after: int) -> None:
        """The process dies while it carries out these commands: nothing of them is kept."""
        before = self.rows()
        work = self.shop.work_of(*commands)

        async def interrupted(transaction: Transaction) -> None:
            await work(Dying(transaction, after))
            raise Killed

        self.shop.graphs = type(self.shop.graphs)()
        try:
            self.shop.run(self.shop.store.write(interrupted))
        except Killed:
            assert self.rows() == before

    def delete(self, id: str) -> DataFactoryError | None:
        """Delete a job execution, and erase what is left of it; or why that is refused."""
        erasing = self.shop.platform.erasing
        try:
            self.shop.run(erasing.delete(self.shop.account_id, id, SYSTEM))
        except DataFactoryError as error:
            return error
        self.shop.run(erasing.run_once(self.now))
        self.watch.forget(id)
        return None

    def many(self, asked: BulkRequest, key: str) -> Portion:
        """Do a verb to a portion of many, as the service does: by commands of its own, in batches of its own."""
        return self.shop.run(self._many(asked, key))

    async def _many(self, asked: BulkRequest, key: str) -> Portion:
        shop, graphs = self.shop, Graphs()
        dispatcher = Dispatcher(shop.store, lambda: self.now, self._new_id, self.note, graphs)
        reruns = Reruns(shop.store, dispatcher, graphs, self._new_id)
        bulk = Bulk(shop.store, shop.platform.finding, dispatcher, reruns, shop.platform.erasing)
        by_key = IdempotencyKey(key, repr(asked))
        done = await bulk.portion(shop.account_id, asked, FIELDS[JobExecution], SYSTEM, by_key)
        await dispatcher.stop()
        if asked.verb == "delete" and not asked.dry_run:
            await shop.platform.erasing.run_once(self.now)
            for item in done.items:
                self.watch.forget(item.id)
        return done

    # -- what is so

    def rows(self) -> tuple[list[Any], list[Any]]:
        return self.shop.executions(), self.shop.task_executions()

    def next_timer(self) -> int | None:
        return self.shop.run(self.shop.store.read(lambda reads: reads.next_timer()))

    def batch(self, *commands: Command) -> Done:
        """Carry out commands in one transaction, and remember whom the loop of time was told of."""
        done = self.shop.batch(*commands)
        self.note(done.effects)
        return done

    def note(self, effects: Effects) -> None:
        if effects.next_timer is not None:
            self.noted = min(effects.next_timer, self.noted or effects.next_timer)

    def learn(self) -> None:
        """Tell the reference of the ids and ages that the store has given."""
        self.reference.learn(
            ((row.job_execution_id, row.path, row.attempt), row.id, age)
            for age, row in enumerate(self.shop.task_executions())
        )

    async def _pipelines(self, reads: Reads) -> list[PipelineRecord]:
        return await reads.pipelines_by_id([pipeline.id for pipeline in self.pipelines])

    def compare(self) -> None:
        """The store holds what the reference says, and all that may be said of it without one."""
        executions, attempts = self.rows()
        slots = {pipeline.id: slots for pipeline, slots in zip(self.pipelines, self.reference.slots, strict=True)}
        self.watch.closed = {
            pipeline.id for pipeline, closed in zip(self.pipelines, self.reference.closed, strict=True) if closed
        }
        self.watch.look(executions, attempts, slots)
        self.watch.count(executions, self.shop.run(self.shop.store.read(self._pipelines)))
        assert [row.id for row in executions] == list(self.reference.runs), "launched in this order, each once"
        for row in executions:
            assert _of_execution(row) == _of_run(self.reference.runs[row.id])
        expected = {attempt.key: attempt for attempt in self.reference.attempts()}
        assert {(row.job_execution_id, row.path, row.attempt) for row in attempts} == expected.keys()
        for row in attempts:
            assert _of_row(row) == _of_attempt(expected[row.job_execution_id, row.path, row.attempt])
        timer = self.next_timer()
        assert timer == self.reference.next_timer()
        assert timer is None or (self.noted is not None and self.noted <= timer), "the loop of time would oversleep"


Fact = dict[str, Any]


def _of_execution(row: Any) -> Fact:
    return {
        "status": row.status,
        "input": _value(row.input),
        "output": _value(row.output),
        "failure": _code(row.failure),
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "deadline_at": row.deadline_at,
        "paused": row.pause is not None,
    }


def _of_run(run: Run) -> Fact:
    return {
        "status": run.status,
        "input": run.input,
        "output": run.output,
        "failure": run.failure,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "deadline_at": run.deadline_at,
        "paused": run.paused_at is not None,
    }


def _of_row(row: TaskExecutionRecord) -> Fact:
    return {
        "status": row.status,
        "input": _value(row.input),
        "output": _value(row.output),
        "failure": _code(row.failure),
        "warning": _code(row.warning),
        "available_at": row.available_at,
        "poll_timeout_at": row.poll_timeout_at,
        "lease_expires_at": row.lease_expires_at,
        "timeout_at": row.timeout_at,
        "held": row.paused_at is not None,
    }


def _of_attempt(attempt: Attempt) -> Fact:
    return {
        "status": attempt.status,
        "input": attempt.input,
        "output": attempt.output,
        "failure": attempt.failure,
        "warning": attempt.warning,
        "available_at": attempt.available_at,
        "poll_timeout_at": attempt.poll_timeout_at,
        "lease_expires_at": attempt.lease_expires_at,
        "timeout_at": attempt.timeout_at,
        "held": attempt.held,
    }


def _value(text: str) -> Any:
    return msgspec.json.decode(text)


def _code(failure: str | None) -> str | None:
    return None if failure is None else str(_value(failure)["code"])
