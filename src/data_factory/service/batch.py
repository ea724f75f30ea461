"""The commands of one transaction: load the rows they touch, decide each in turn, keep what changed.

This is the one idea of the platform. However many commands come together, they cost one commit and a handful of
statements.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from heapq import heappop, heappush
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from data_factory.engine import decider, lease
from data_factory.engine.attempts import EMPTY
from data_factory.engine.run import Needs
from data_factory.engine.schedules import next_due
from data_factory.engine.user_inputs import launch_input
from data_factory.model.errors import (
    DataFactoryError,
    FieldError,
    IdempotencyKeyReused,
    Invalid,
    JobInactive,
    NotForWorkers,
    NotFound,
    SecretUnreadable,
)
from data_factory.model.ids import NewId
from data_factory.model.records import IdempotencyRecord, JobExecutionRecord, JobRecord, TaskExecutionRecord
from data_factory.model.resources import Failure
from data_factory.model.status import JOB_EXECUTION_ENDED
from data_factory.service.claims import Claims, is_claimable
from data_factory.service.commands import (
    Cancel,
    Claim,
    Command,
    FillSlots,
    FireTimers,
    IdempotencyKey,
    Launch,
    Report,
    Resize,
    WriteLogs,
)
from data_factory.service.graphs import Graphs
from data_factory.service.logbook import Discretion, write_logs
from data_factory.service.publications import rules_of
from data_factory.service.vault import Vault
from data_factory.service.world import JOB, TASK, World
from data_factory.store.promises import Transaction

log = logging.getLogger(__name__)

IDEMPOTENCY_MS: Final = 24 * 3600 * 1000
"""How long an Idempotency-Key is remembered."""

MAX_STARTS: Final = 1_000
"""The most executions that one transaction starts; the rest follow in the next."""

MAX_STARTED_BYTES: Final = 64 * 1024 * 1024
"""The inputs of the executions that one transaction starts have no more in all, save for a single one."""


class Effects(msgspec.Struct):
    """What others may be waiting for, once the transaction is kept.

    `claimable` says for each task how many claims may now find something; `ended` which job executions have ended;
    `next_timer` the earliest new timer; `unfilled` the pipelines that have both free slots and waiting executions;
    `unseen` for each task how many claims found nothing because another transaction had it in its hands.
    """

    claimable: Counter[str] = msgspec.field(default_factory=Counter)
    ended: list[str] = []
    next_timer: int | None = None
    unfilled: tuple[str, ...] = ()
    unseen: Counter[str] = msgspec.field(default_factory=Counter)


class Done(msgspec.Struct):
    """The answer to each command, in their order (an exception where it was refused), and the effects of all."""

    answers: list[Any]
    effects: Effects


async def run_batch(
    transaction: Transaction, commands: Sequence[Command], now: int, new_id: NewId, graphs: Graphs, vault: Vault
) -> Done:
    """Apply the commands in one transaction. Claims come last, to find what the others have made claimable."""
    world = World(transaction, graphs, vault)
    await world.load(commands, now)
    batch = _Batch(world, now, new_id)
    answers = await batch.carry_out(commands)
    if logs := [(index, command) for index, command in enumerate(commands) if isinstance(command, WriteLogs)]:
        told = [command for _, command in logs]
        written = await write_logs(transaction, told, now, new_id, Discretion(transaction, graphs, vault))
        for (index, _), kept in zip(logs, written, strict=True):
            answers[index] = kept
    await _fill_slots(transaction, batch)
    claims = [(index, command) for index, command in enumerate(commands) if isinstance(command, Claim)]
    if claims:
        await batch.claims.load(transaction, [command for _, command in claims])
        for index, command in claims:
            answers[index] = batch.attempt(command)
        await batch.claims.load_chosen(transaction)
        for index, command in claims:
            chosen = answers[index]
            if isinstance(chosen, list):
                answers[index] = batch.hand_out(command, chosen)
    await _save(transaction, world, now)
    if batch.claims.in_vain:
        await batch.claims.look_again(transaction)
    effects = batch.effects()
    return Done([batch.latest(answer) for answer in answers], effects)


class _Batch:
    """Decides the commands of one transaction, one after the other, on the same world."""

    def __init__(self, world: World, now: int, new_id: NewId) -> None:
        self.world = world
        self.now = now
        self.new_id = new_id
        self.claims = Claims(world, now, new_id)
        self.unfilled: tuple[str, ...] = ()

    async def carry_out(self, commands: Sequence[Command]) -> list[Any]:
        """The answers to all commands but claims and logs, in their order."""
        answers: list[Any] = [None] * len(commands)

        def answer(index: int) -> None:
            answers[index] = self.attempt(commands[index])

        first = 0
        for last, command in enumerate((*commands, FireTimers())):
            if isinstance(command, FireTimers):  # after all that came before, and before all that comes after
                decided = [index for index in range(first, last) if not isinstance(commands[index], Claim | WriteLogs)]
                await self._in_order((self._execution_of(commands[index]), partial(answer, index)) for index in decided)
                if last < len(commands):
                    answers[last] = await self._fire()
                first = last + 1
        return answers

    async def _in_order(self, decisions: Iterable[tuple[str, Callable[[], None]]]) -> None:
        """Make decisions, those on one job execution in their order. What they find missing is read for all at once."""
        waiting = list(decisions)
        while waiting:
            needs: dict[str, Needs] = {}
            later: list[tuple[str, Callable[[], None]]] = []
            for execution_id, decide in waiting:
                if execution_id not in needs:
                    try:
                        decide()
                        continue
                    except Needs as missing:
                        needs[execution_id] = missing
                later.append((execution_id, decide))
            if needs:
                await self.world.supply(needs)
            waiting = later

    def _execution_of(self, command: Command) -> str:
        """The id of the job execution that a command is about."""
        match command:
            case Report():
                row = self.world.task_executions.now.get(command.id)
                return command.id if row is None else row.job_execution_id
            case Launch() | Cancel():
                return command.id
            case _:
                return ""

    def attempt(self, command: Command) -> Any:
        """The answer to a command, or the error that refuses it; a refused one has changed nothing.

        Raises:
            Needs: it cannot be decided yet.
        """
        try:
            match command:
                case Launch():
                    return self._launch(command)
                case Claim():
                    return self.claims.choose(command)
                case Report():
                    return self._report(command)
                case Cancel():
                    return self._cancel(command)
                case Resize():
                    self.world.resized[command.pipeline.id] = command.pipeline
                    return command.pipeline
                case FireTimers() | FillSlots() | WriteLogs():
                    return None
        except Needs:
            raise
        except DataFactoryError as error:
            return error
        except Exception as error:
            log.exception("%s could not be decided", type(command).__name__)
            return error

    def hand_out(self, claim: Claim, chosen: Sequence[str]) -> list[TaskExecutionRecord] | DataFactoryError:
        """What a claim is given of what was chosen for it, or why it is not."""
        try:
            return self.claims.hand_out(claim, chosen)
        except SecretUnreadable as error:
            log.error("a task could not be handed out: %s", error.message)
            return error

    def latest(self, answer: Any) -> Any:
        """A job execution as it is at the end of the batch: launched, it may have been started since."""
        if isinstance(answer, JobExecutionRecord):
            return self.world.executions.now[answer.id]
        return answer

    def effects(self) -> Effects:
        """What is to be told to those who wait."""
        claimable = Counter(self.claims.overlooked)
        timers: list[int | None] = []
        changes = self.world.task_executions.changed()
        for old, row in (*changes, *((None, row) for row in self.world.task_executions.new())):
            timers.append(row.timer_at)
            if not row.task_id:
                continue
            appeared = is_claimable(row) and not (old and is_claimable(old))
            freed = old is not None and old.status == "IN_PROGRESS" and row.status != "IN_PROGRESS"
            claimable[row.task_id] += appeared or (freed and self.world.limit_of(row.task_id) > 0)
        executions = (*self.world.executions.new(), *(new for _, new in self.world.executions.changed()))
        timers += [row.deadline_at for row in executions] + [job.due_at for job in self.world.rescheduled]
        return Effects(
            claimable=+claimable,
            ended=[row.id for row in executions if row.status in JOB_EXECUTION_ENDED],
            next_timer=min((timer for timer in timers if timer is not None), default=None),
            unfilled=self.unfilled,
            unseen=self.claims.unseen,
        )

    # -- the commands

    def _launch(self, launch: Launch) -> JobExecutionRecord:
        if launch.idempotency is not None and (earlier := self._earlier(launch, launch.idempotency)):
            return earlier
        job = self.world.jobs.get(launch.job_id)
        if job is None or job.account_id != launch.account_id:
            raise Invalid(errors=(FieldError("jobId", f"there is no job {launch.job_id!r} in this account"),))
        if job.status == "INACTIVE":
            raise JobInactive
        input = launch.input
        if asked := self.world.user_inputs_of(job):
            input = launch_input(asked, input, launch.file_ids)
        execution = JobExecutionRecord(
            id=launch.id,
            account_id=launch.account_id,
            job_id=job.id,
            job_version=job.version,
            job_account_id=job.account_id,
            pipeline_id=job.pipeline_id,
            status="PENDING",
            title=launch.title or job.title,
            input=input,
            output=EMPTY,
            failure=None,
            origin=launch.origin,
            launched_by=launch.launched_by,
            created_at=self.now,
            started_at=None,
            ended_at=None,
            deadline_at=None,
            variables=EMPTY,
        )
        self.world.executions.put(execution)
        if launch.idempotency is not None:
            self._remember(launch, launch.idempotency)
        return execution

    def _launch_due(self, job: JobRecord) -> None:
        """Launch a job by its periodicity: once, for the latest of the times that have come, and then for the next."""
        following = replace(job, due_at=next_due(rules_of(job), self.now))
        self.world.rescheduled.append(following)
        launch = Launch(
            id=self.new_id(),
            account_id=job.account_id,
            job_id=job.id,
            input=EMPTY,
            title=None,
            origin="PERIODIC",
            launched_by="",
        )
        try:
            self._launch(launch)
        except DataFactoryError as error:
            log.error("the job %s is due and cannot be launched: %s", job.id, error)

    def _earlier(self, launch: Launch, idempotency: IdempotencyKey) -> JobExecutionRecord | None:
        """What an earlier request with this Idempotency-Key has made."""
        earlier = self.world.idempotency.get((launch.account_id, idempotency.key))
        if earlier is None or earlier.resource_id not in self.world.executions.now:
            return None
        if earlier.fingerprint != idempotency.fingerprint:
            raise IdempotencyKeyReused
        return self.world.executions.now[earlier.resource_id]

    def _remember(self, launch: Launch, idempotency: IdempotencyKey) -> None:
        record = IdempotencyRecord(
            account_id=launch.account_id,
            key=idempotency.key,
            fingerprint=idempotency.fingerprint,
            resource_id=launch.id,
            created_at=self.now,
        )
        self.world.idempotency[record.account_id, record.key] = record
        self.world.idempotency_new.append(record)

    def _report(self, report: Report) -> TaskExecutionRecord:
        held = self.world.task_executions.now.get(report.id)
        if held is None or held.account_id != report.account_id:
            raise NotFound(f"There is no task execution {report.id!r} in this account.")
        if held.type == "HUMAN" and report.status in ("IN_PROGRESS", "SCHEDULED"):
            raise NotForWorkers(f"{held.path} is a HUMAN: nobody holds it, and it waits for its end.")
        if not held.task_id and held.type != "HUMAN":
            raise NotForWorkers(f"{held.path} is a {held.type}: the platform itself carries it out.")
        if (mask := self.world.mask_of(held)) is not None:
            report = replace(
                report,
                output=None if report.output is None else mask.payload(report.output),
                progress=None if report.progress is None else mask.payload(report.progress),
            )
        if lease.is_repeat(held, report.status, report.output, report.lease):
            return held
        match report.status:
            case "IN_PROGRESS":
                self.world.task_executions.put(lease.extend(held, self.now, report.output, report.progress))
            case "SCHEDULED":
                task = self.world.definitions[held.task_id]
                waiting = lease.hand_back(held, task, self.now, report.output, report.delay_ms)
                self.world.task_executions.put(waiting)
            case "COMPLETED":
                run = self.world.run_of(held.job_execution_id)
                output = held.output if report.output is None else report.output
                self.world.apply(decider.complete(run, held, output, self.now, self.new_id))
            case "FAILED" | "FAILED_WITH_TERMINAL_ERROR":
                run = self.world.run_of(held.job_execution_id)
                output = held.output if report.output is None else report.output
                self.world.apply(decider.fail(run, held, report.status, output, self.now, self.new_id))
        return self.world.task_executions.now[held.id]

    def _cancel(self, cancel: Cancel) -> JobExecutionRecord:
        execution = self.world.executions.now.get(cancel.id)
        if execution is None or execution.account_id != cancel.account_id:
            raise NotFound(f"There is no job execution {cancel.id!r} in this account.")
        outcome = decider.cancel(execution, self.world.active_of(execution.id), cancel.reason, self.now)
        self.world.apply(outcome)
        return outcome.execution

    async def _fire(self) -> bool:
        """Do what is due, of each job execution in the order in which it came due; True when there may be more."""
        while self.world.due_jobs:
            self._launch_due(self.world.due_jobs.popitem()[1])
        due: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for at, kind, id in self.world.due:
            due[id if kind == JOB else self.world.task_executions.now[id].job_execution_id].append((at, kind, id))
        await self._in_order((id, partial(self._fire_of, id, heap)) for id, heap in due.items())
        return self.world.more_due

    def _fire_of(self, execution_id: str, due: list[tuple[int, int, str]]) -> None:
        """Do what is due of one job execution: what is done is taken out of `due`."""
        while due:
            at, kind, id = due[0]
            if kind == JOB:
                if self.world.executions.now[id].deadline_at == at:
                    self._guarded(id, decider.expire_job, self.world.active_of(id), self.now)
                heappop(due)
                continue
            row = self.world.task_executions.now[id]
            if is_due := row.timer_at == at:
                self._guarded(execution_id, decider.expire, row, self.now, self.new_id)
            heappop(due)
            after = self.world.task_executions.now[id]
            moved = after is not row or not is_due  # to another time, here or by a command before
            if not after.task_id:
                continue  # what control flow has put off is for another batch, or nobody else would have a turn
            if moved and after.timer_at is not None and (after.timer_at, TASK) <= self.world.due_until:
                heappush(due, (after.timer_at, TASK, id))

    async def start(self, executions: Iterable[JobExecutionRecord]) -> None:
        """Give a slot to each of these executions."""
        await self._in_order(
            (one.id, partial(self._guarded, one.id, decider.start, self.now, self.new_id)) for one in executions
        )

    def _guarded(self, execution_id: str, decide: Any, *args: Any) -> None:
        """Apply a decision that nobody waits for. One that cannot be made ends its execution, or it would be
        tried for ever and hold up all that come after it."""
        try:
            self.world.apply(decide(self.world.run_of(execution_id), *args))
        except Needs:
            raise
        except Exception:
            log.exception("job execution %s could not go on", execution_id)
            failure = Failure(code="internal_error", message="The platform could not go on with it; see its log.")
            execution = self.world.executions.now[execution_id]
            active = self.world.active_of(execution_id)
            self.world.apply(decider.abandon(execution, active, failure, self.now))


async def _fill_slots(transaction: Transaction, batch: _Batch) -> None:
    """Start what waits in the pipelines that the batch has touched: oldest first, as many as there are free slots."""
    world = batch.world
    launched: dict[str, list[JobExecutionRecord]] = defaultdict(list)
    for row in world.executions.new():
        launched[row.pipeline_id].append(row)
    open_ids = dict.fromkeys(world.pipelines)
    room = MAX_STARTED_BYTES
    starts = 0
    while free := world.free_slots(open_ids):
        if starts >= MAX_STARTS or room <= 0:
            batch.unfilled = tuple(free)
            return
        share = max(1, (MAX_STARTS - starts) // len(free))
        gone = Counter(old.pipeline_id for old, _ in world.executions.changed() if old.status == "PENDING")
        kept = world.still_pending(free)
        wanted = {id: min(slots, share) + gone[id] for id, slots in free.items() if id in kept}
        waiting: dict[str, list[str]] = defaultdict(list)
        for one in await transaction.pending_job_executions(wanted) if wanted else ():
            room -= one.size
            if room > 0 or not waiting:
                waiting[one.queue_id].append(one.id)
        await world.load_pending({id for ids in waiting.values() for id in ids})
        for id, slots in free.items():
            exhausted = id not in kept or (room > 0 and len(waiting[id]) < wanted[id])
            if exhausted:
                waiting[id] += (row.id for row in launched[id])
            now = world.executions.now
            pending = [now[one] for one in waiting[id] if now[one].status == "PENDING"]
            starting = pending[: min(slots, MAX_STARTS - starts)]
            await batch.start(starting)
            starts += len(starting)
            if exhausted and len(starting) == len(pending):
                del open_ids[id]


async def _save(transaction: Transaction, world: World, now: int) -> None:
    """Write what is new and what has changed, a statement a kind."""
    if rows := world.executions.new():
        await transaction.insert_job_executions(rows)
    if changes := world.executions.changed():
        await transaction.update_job_executions(changes)
    if new := world.task_executions.new():
        await transaction.insert_task_executions(new)
    if moves := world.task_executions.changed():
        await transaction.update_task_executions(moves)
    if world.rescheduled:
        await transaction.reschedule_jobs(world.rescheduled)
    if world.idempotency_new:
        await transaction.insert_idempotency_keys(world.idempotency_new, now - IDEMPOTENCY_MS)
    if world.resized:
        await transaction.update_pipelines(list(world.resized.values()))
