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
from data_factory.engine.run import Needs, Outcome
from data_factory.engine.starting import read_start
from data_factory.model.actors import Actor
from data_factory.model.errors import (
    DataFactoryError,
    NotForWorkers,
    NotFound,
    SecretUnreadable,
)
from data_factory.model.events import happened
from data_factory.model.file_values import names_files
from data_factory.model.ids import NewId
from data_factory.model.records import (
    JobExecutionRecord,
    PipelineRecord,
    TaskExecutionRecord,
)
from data_factory.model.resources import Failure
from data_factory.model.status import JOB_EXECUTION_ENDED
from data_factory.model.variables import shown
from data_factory.service.claims import Claims, is_claimable
from data_factory.service.commands import (
    Cancel,
    Claim,
    Command,
    FillSlots,
    FireTimers,
    Hold,
    HoldPipeline,
    Launch,
    Report,
    Resize,
    Skip,
    WriteLogs,
)
from data_factory.service.due import JOB, TASK
from data_factory.service.effects import Done, Effects
from data_factory.service.feeds import Feeds
from data_factory.service.file_uses import files_used
from data_factory.service.graphs import Graphs
from data_factory.service.holding import hold, hold_pipeline, skip
from data_factory.service.launches import launch, launch_due
from data_factory.service.logbook import Discretion, write_logs
from data_factory.service.offers import Given, IdleClaims, Offer, offers_of
from data_factory.service.slots import fill_slots, start_only
from data_factory.service.sub_jobs import begin, follow_up, go_on, is_forsaken, refusal, taken_input
from data_factory.service.telling import tell_webhooks, touched
from data_factory.service.vault import Vault
from data_factory.service.world import World
from data_factory.store.promises import Transaction

log = logging.getLogger(__name__)

IDEMPOTENCY_MS: Final = 24 * 3600 * 1000
"""How long an Idempotency-Key is remembered."""


async def run_batch(
    transaction: Transaction,
    commands: Sequence[Command],
    now: int,
    new_id: NewId,
    graphs: Graphs,
    vault: Vault,
    idle_claims: IdleClaims = lambda task_id, count: [],  # noqa: ARG005
    feeds: Feeds | None = None,
    *,
    apart: bool = False,
) -> Done:
    """Apply the commands in one transaction. Claims come last, to find what the others have made claimable: those of
    workers that report, which so go on with one call and leave whoever waits to wait, then those that wait
    (`idle_claims`), which have waited longer than the rest. `apart` is without what nobody has asked for: slots are
    filled, and claims that wait are told to look, by others."""
    world = World(transaction, graphs, vault)
    await world.load(commands, now)
    batch = _Batch(world, now, new_id)
    answers = await batch.carry_out(commands)
    if logs := [(index, command) for index, command in enumerate(commands) if isinstance(command, WriteLogs)]:
        told = [command for _, command in logs]
        written = await write_logs(transaction, told, now, new_id, Discretion(transaction, graphs, vault))
        for (index, _), kept in zip(logs, written, strict=True):
            answers[index] = kept
    for takeover in world.takeovers:  # before they may start
        await transaction.take_over(takeover, new_id())
    batch.unfilled = await _fill(transaction, batch, commands, apart=apart)
    offers = [] if apart else offers_of(world, idle_claims)
    given = await _hand_out(transaction, batch, commands, answers, offers)
    await _save(transaction, world, now)
    batch.is_followed = await follow_up(transaction, world, now)
    deliveries = await tell_webhooks(transaction, world, now, new_id)
    if batch.claims.in_vain:
        await batch.claims.look_again(transaction)
    effects = batch.effects()
    effects.deliveries = deliveries
    if feeds is not None and not feeds.is_empty:
        effects.changes = feeds.changes(touched(world, answers))
    return Done([batch.latest(answer) for answer in answers], effects, given)


async def _fill(
    transaction: Transaction, batch: _Batch, commands: Sequence[Command], *, apart: bool
) -> tuple[str, ...]:
    """Start what waits for a slot. The pipelines that are left for the next transaction."""
    match commands:
        case [FillSlots(only=ids)] if ids is not None:
            await start_only(batch.world, ids, batch.start)
            return ()
        case [FillSlots()]:
            pass
        case _ if apart:
            return tuple(batch.world.free_slots(batch.world.pipelines))
    return await fill_slots(transaction, batch.world, batch.start)


async def _hand_out(
    transaction: Transaction, batch: _Batch, commands: Sequence[Command], answers: list[Any], offers: Sequence[Offer]
) -> Given:
    """Answer the claims among the commands; what is given to those that wait."""
    claims = [(index, command) for index, command in enumerate(commands) if isinstance(command, Claim)]
    if not claims and not offers:
        return []
    await batch.claims.load(transaction, [*(claim for _, claim in offers), *(command for _, command in claims)])
    for index, claim in claims:
        if claim.with_reports:
            answers[index] = batch.attempt(claim)
    unasked = [(waiter, claim, batch.claims.choose_unasked(claim)) for waiter, claim in offers]
    for index, claim in claims:
        if not claim.with_reports:
            answers[index] = batch.attempt(claim)
    await batch.claims.load_chosen(transaction)
    for index, command in claims:
        chosen = answers[index]
        if isinstance(chosen, list):
            answers[index] = batch.hand_out(command, chosen)
    given = [(waiter, batch.hand_out(claim, chosen)) for waiter, claim, chosen in unasked if chosen]
    return [(waiter, rows) for waiter, rows in given if isinstance(rows, list)]


class _Batch:
    """Decides the commands of one transaction, one after the other, on the same world."""

    def __init__(self, world: World, now: int, new_id: NewId) -> None:
        self.world = world
        self.now = now
        self.new_id = new_id
        self.claims = Claims(world, now, new_id)
        self.unfilled: tuple[str, ...] = ()
        self.is_followed = False

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
            case Report() | Skip():
                row = self.world.task_executions.now.get(command.id)
                return command.id if row is None else row.job_execution_id
            case Launch() | Cancel() | Hold():
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
                    return launch(self.world, command, self.now, self.new_id)
                case Claim():
                    return self.claims.choose(command)
                case Report():
                    return self._report(command)
                case Cancel():
                    return self._cancel(command)
                case Hold():
                    return hold(self.world, command, self.now, self.new_id)
                case HoldPipeline():
                    return hold_pipeline(self.world, command, self.now, self.new_id)
                case Skip():
                    return skip(self.world, command, self.now, self.new_id)
                case Resize():
                    return self._resize(command)
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
            claimable[row.task_id] += appeared or (freed and self.world.may_make_room(row.task_id))
        executions = (*self.world.executions.new(), *(new for _, new in self.world.executions.changed()))
        timers += [row.deadline_at for row in executions] + [job.due_at for job in self.world.rescheduled]
        timers.append(self.now if self.is_followed else None)
        return Effects(
            claimable=+claimable,
            ended=[row for row in executions if row.status in JOB_EXECUTION_ENDED],
            next_timer=min((timer for timer in timers if timer is not None), default=None),
            unfilled=self.unfilled,
            unseen=self.claims.unseen,
        )

    # -- the commands

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
                if report.taken:
                    self._note(
                        "task_execution.handed_back", report.by, held, worker=held.worker_id, claimedAt=held.started_at
                    )
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
        if held.type == "HUMAN":
            self._note("task_execution.answered", report.by, held, status=report.status)
        return self.world.task_executions.now[held.id]

    def _cancel(self, cancel: Cancel) -> JobExecutionRecord:
        execution = self.world.executions.now.get(cancel.id)
        if execution is None or execution.account_id != cancel.account_id:
            raise NotFound(f"There is no job execution {cancel.id!r} in this account.")
        outcome = decider.cancel(execution, self.world.active_of(execution.id), cancel.reason, self.now)
        self.world.apply(outcome)
        if outcome.execution is not execution:
            self._note("job_execution.canceled", cancel.by, execution, reason=cancel.reason or None)
        return outcome.execution

    def _resize(self, resize: Resize) -> PipelineRecord:
        present = self.world.pipeline(resize.pipeline.id)  # whoever asks for this has read it before
        pipeline = replace(resize.pipeline, pause=None if present is None else present.pause)
        self.world.resized[pipeline.id] = pipeline
        if resize.by.is_person:
            detail: dict[str, Any] = {"title": pipeline.title, "slots": pipeline.slots}
            about: dict[str, Any] = {"account_id": pipeline.account_id, "object_id": pipeline.id}
            event = happened("pipeline.updated", resize.by, self.now, self.new_id, **about, **detail)
            self.world.events.append(event)
        return pipeline

    def _note(self, kind: str, by: Actor, row: JobExecutionRecord | TaskExecutionRecord, **detail: Any) -> None:
        """Write down what a command has done to a row, where the row itself does not say it (see `happened`)."""
        execution_id = row.id if isinstance(row, JobExecutionRecord) else row.job_execution_id
        about: dict[str, Any] = {"account_id": row.account_id, "object_id": row.id, "job_execution_id": execution_id}
        self.world.events.append(happened(kind, by, self.now, self.new_id, **about, **detail))

    async def _fire(self) -> bool:
        """Do what is due, of each job execution in the order in which it came due; True when there may be more."""
        while self.world.due_jobs:
            launch_due(self.world, self.world.due_jobs.popitem()[1], self.now, self.new_id)
        due: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for at, kind, id in self.world.due:
            due[id if kind == JOB else self.world.task_executions.now[id].job_execution_id].append((at, kind, id))
        begun: list[JobExecutionRecord] = []
        await self._in_order((id, partial(self._fire_of, id, heap, begun)) for id, heap in due.items())
        await self.start(begun)
        return self.world.more_due

    def _fire_of(self, execution_id: str, due: list[tuple[int, int, str]], begun: list[JobExecutionRecord]) -> None:
        """Do what is due of one job execution: what is done is taken out of `due`. What is to run inside it is added to
        `begun`."""
        while due:
            at, kind, id = due[0]
            if kind == JOB:
                execution = self.world.executions.now[id]
                if execution.deadline_at == at and execution.pause is None:
                    if execution.status == "PENDING":  # it has waited for this time, and is given a slot below
                        self.world.executions.put(replace(execution, deadline_at=None))
                    elif is_forsaken(self.world, execution):
                        reason = "The job execution that it ran in does not wait for it any more."
                        self.world.apply(decider.cancel(execution, self.world.active_of(id), reason, self.now))
                    else:
                        self._guarded(id, decider.expire_job, self.world.active_of(id), self.now)
                heappop(due)
                continue
            row = self.world.task_executions.now[id]
            if (is_due := row.timer_at == at) and id in self.world.job_steps.starting and row.status == "IN_PROGRESS":
                self._start_job(row)
            elif is_due and id in self.world.job_steps.calling and row.status == "IN_PROGRESS":
                self._call(row, begun)
            elif is_due:
                self._guarded(execution_id, decider.expire, row, self.now, self.new_id)
            heappop(due)
            after = self.world.task_executions.now[id]
            moved = after is not row or not is_due  # to another time, here or by a command before
            if not after.task_id:
                continue  # what control flow has put off is for another batch, or nobody else would have a turn
            if moved and after.timer_at is not None and (after.timer_at, TASK) <= self.world.due_until:
                heappush(due, (after.timer_at, TASK, id))

    def _start_job(self, row: TaskExecutionRecord) -> None:
        """Launch what a START_WORKFLOW says: with its end, or not at all."""
        started = self._started_by(row)
        if isinstance(started, Failure):
            self._guarded(row.job_execution_id, decider.refuse, row, started, self.now, self.new_id)
            return
        output = msgspec.json.encode({"workflowId": started.id}).decode()
        self._guarded(row.job_execution_id, decider.complete, row, output, self.now, self.new_id)
        if self.world.task_executions.now[row.id].status == "COMPLETED":
            launch(self.world, started, self.now, self.new_id)

    def _call(self, row: TaskExecutionRecord, begun: list[JobExecutionRecord]) -> None:
        """Begin the job execution that a step runs inside its own, or end the step with it."""
        child_id = self.world.job_steps.calling[row.id]
        if child_id is not None:
            self._guarded(
                row.job_execution_id, go_on, self.world.executions.now.get(child_id), row, self.now, self.new_id
            )
            return
        made = begin(self.world, row, self.now, self.new_id)
        if isinstance(made, Failure):
            self._guarded(row.job_execution_id, decider.refuse, row, made, self.now, self.new_id)
            return
        child, waiting = made
        self.world.executions.put(child)
        self.world.apply(Outcome(self.world.executions.now[row.job_execution_id], [waiting]))
        begun.append(child)

    def _started_by(self, row: TaskExecutionRecord) -> Launch | Failure:
        """The launch that a START_WORKFLOW stands for, or why it would be refused."""
        start = read_start(msgspec.json.decode(shown(row.input)))
        job = self.world.job_steps.job_of(row.id)
        if (refused := refusal(job, start.name)) is not None or job is None:
            return refused or Failure(code="unknown_job", message=start.name)
        input = taken_input(self.world, job, msgspec.json.encode(start.input).decode())
        if isinstance(input, Failure):
            return input
        by = self.world.executions.now[row.job_execution_id]
        return Launch(
            id=self.new_id(),
            account_id=row.account_id,
            job_id=job.id,
            input=input,
            title=None,
            origin="START_WORKFLOW",
            launched_by=by.launched_by,
            launched_from=None if by.is_guests else by.launched_from,
            file_ids=frozenset(names_files(input)),
        )

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


async def _save(transaction: Transaction, world: World, now: int) -> None:
    """Write what is new and what has changed, a statement a kind."""
    if rows := world.executions.new():
        await transaction.insert_job_executions(rows)
    if used := list(files_used(world)):
        await transaction.let_read(used)
    if changes := world.executions.changed():
        await transaction.update_job_executions(changes)
    if new := world.task_executions.new():
        await transaction.insert_task_executions(new)
    if moves := world.task_executions.changed():
        await transaction.update_task_executions(moves)
    if world.links_new:
        await transaction.insert_links(world.links_new)
    if world.rescheduled:
        await transaction.reschedule_jobs(world.rescheduled)
    if world.idempotency_new:
        await transaction.insert_idempotency_keys(world.idempotency_new, now - IDEMPOTENCY_MS)
    if world.resized:
        await transaction.update_pipelines(list(world.resized.values()))
    if world.events:
        await transaction.insert_events(world.events)
