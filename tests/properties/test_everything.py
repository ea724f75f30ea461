"""The whole service against a plain reference: random jobs, commands, batches, crashes, and time that passes.

After every step the store holds exactly what the reference says (`World.compare`) and what may be said of it without
one (`Watch`). At the end everything is worked off: every job ends.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from data_factory.service.bulk import Done as Portion
from data_factory.service.commands import Claim, FireTimers, Hold, Launch
from data_factory.service.effects import Done
from tests.properties.orders import (
    AnswerOrder,
    CancelOrder,
    ClaimOrder,
    FireOrder,
    HoldOrder,
    HoldPipelineOrder,
    LaunchOrder,
    Many,
    Order,
    ReportOrder,
    RerunOrder,
    ResizeOrder,
    RetryOrder,
    SkipOrder,
    StrangersOrder,
    answers,
    launches,
    many,
    orders,
    retries,
)
from tests.properties.plan import INPUTS, OUTPUTS, Plan, plans
from tests.properties.world import World

Given = list[tuple[Order, Any]]

TIMES = [1, 999, 1_000, 5_000, 10_000, 20_000, 30_000, 60_000, 300_000, 3_600_000]


EVERYTHING = ClaimOrder((0, 1, 2), 1_000, 60, None)


class Everything(RuleBasedStateMachine):
    """One account with its tasks, pipelines and jobs, and everything that may happen to it."""

    world: World | None = None

    @initialize(plan=plans(), first=st.lists(launches, max_size=6))
    def declare(self, plan: Plan, first: list[Order]) -> None:
        self.world = World(plan)
        self.commands(first)

    # -- what may happen

    @rule(batch=orders())
    def commands(self, batch: list[Order]) -> None:
        """Some commands come together."""
        given = resolved(self.there, batch)
        if given:
            carry_out(self.there, given)

    @rule(batch=orders())
    def more_commands(self, batch: list[Order]) -> None:
        """The same: it is what happens most."""
        self.commands(batch)

    @rule(batch=orders())
    def still_more_commands(self, batch: list[Order]) -> None:
        self.commands(batch)

    @rule(ms=st.sampled_from(TIMES))
    def time_passes(self, ms: int) -> None:
        self.there.wait(ms)

    @precondition(lambda self: self.world and self.world.reference.next_timer() is not None)
    @rule(ms=st.sampled_from([-1, 0, 0, 1]))
    def time_passes_until_something_is_due(self, ms: int) -> None:
        self.there.wait(max((self.there.reference.next_timer() or 0) + ms - self.there.now, 0))

    @rule(limit=st.sampled_from([1, 2, 3, 500]))
    def timers_fire(self, limit: int) -> None:
        fire_all(self.there, limit)

    @precondition(lambda self: self.world and self.world.reference.runs)
    @rule(last_but=st.integers(0, 3), again=retries)
    def one_works_is_canceled_and_retried(self, last_but: int, again: Order) -> None:
        """Few stop by themselves after they have done something."""
        for batch in ([EVERYTHING], [ReportOrder(0, "what is held", "COMPLETED", 2, "own")], [CancelOrder(last_but)]):
            carry_out(self.there, resolved(self.there, [*batch]))
        carry_out(self.there, resolved(self.there, [again]))

    @precondition(lambda self: self.world and self.world.reference.asked())
    @rule(answer=answers, verbs=st.lists(st.sampled_from(["answer", "pause", "resume", "skip", "cancel"]), max_size=3))
    def a_person_is_asked(self, answer: AnswerOrder, verbs: list[str]) -> None:
        """And until they answer, this happens to what waits for them, all at once."""
        reference = self.there.reference
        asked = reference.by_id[reference.asked()[-1]]
        run = list(reversed(reference.runs)).index(asked.run.id)
        orders_of: dict[str, Order] = {
            "answer": replace(answer, last_but=0, of="what waits"),
            "pause": HoldOrder(run, on=True),
            "resume": HoldOrder(run, on=False),
            "skip": SkipOrder(list(reversed(reference.by_id.values())).index(asked), answer.output),
            "cancel": CancelOrder(run),
        }
        carry_out(self.there, resolved(self.there, [orders_of[verb] for verb in verbs]))
        carry_out(self.there, resolved(self.there, [answer]))

    @precondition(lambda self: self.world and self.world.reference.runs)
    @rule(last_but=st.integers(0, 7), ended=st.sampled_from([True, True, False]))
    def one_is_deleted(self, last_but: int, ended: bool) -> None:
        """Whatever has become of it; of what still waits or runs nothing is deleted."""
        runs = list(self.there.reference.runs)
        if ended:
            runs = [run.id for run in self.there.reference.runs.values() if run.ended_at is not None] or runs
        id = runs[-1 - last_but % len(runs)]
        _agree(self.there.delete(id), self.there.reference.delete(id))

    @precondition(lambda self: self.world and self.world.reference.runs)
    @rule(order=many, canceled=st.booleans())
    def many_are_told_the_same(self, order: Many, canceled: bool) -> None:
        if canceled:  # few have ended by themselves
            carry_out_many(self.there, Many("cancel", None, None, 100, dry_run=False, twice=False))
        carry_out_many(self.there, order)

    @rule()
    def the_process_is_killed(self) -> None:
        self.there.kill()

    @rule(batch=orders(), after=st.integers(0, 20), restarts=st.booleans())
    def the_process_dies_in_a_batch(self, batch: list[Order], after: int, restarts: bool) -> None:
        self.there.die_in([command for _, command in resolved(self.there, batch)], after)
        if restarts:
            self.there.kill()

    # -- what is so

    @property
    def there(self) -> World:
        assert self.world is not None
        return self.world

    @invariant()
    def the_store_holds_what_the_reference_says(self) -> None:
        if self.world is not None:
            self.world.compare()

    def teardown(self) -> None:
        if self.world is not None:
            try:
                work_off(self.world)
            finally:
                self.world.close()


def resolved(world: World, batch: list[Order]) -> Given:
    """The commands that are meant, as things are now."""
    given = [(order, order.command(world)) for order in batch]
    return [(order, command) for order, command in given if command is not None]


def carry_out(world: World, given: Given) -> None:
    """Do it in one batch and, one after the other, in the reference; the answers are those that should be given."""
    due = world.reference.due()
    done = world.batch(*(command for _, command in given))
    answered = [(order, command, answer) for (order, command), answer in zip(given, done.answers, strict=True)]
    before = set(world.reference.runs)
    opened = _open(world)
    claimable = {attempt.key for attempt in world.reference.attempts() if attempt.is_claimable}
    launched: list[tuple[str, Any]] = []
    for order, command, answer in answered:
        match order:
            case LaunchOrder(input=number, key=key, priority=priority):
                job = order.job % len(world.jobs)
                expected, id = world.reference.launch(
                    command.id, job, INPUTS[number], key, priority, order.start_at(world)
                )
                _agree(answer, expected)
                if expected is None:
                    launched.append((id, answer))
            case RerunOrder():
                world.reference.rerun(command.id, command.again.of_id)
                _agree(answer, None)
                launched.append((command.id, answer))
            case RetryOrder():
                world.reference.retry(command.id, command.again.of_id)
                _agree(answer, None)
                launched.append((command.id, answer))
            case CancelOrder():
                _agree(answer, world.reference.cancel(command.id))
            case HoldOrder(on=on):
                _agree(answer, world.reference.hold(command.id, on))
            case HoldPipelineOrder(on=on):
                world.reference.closed[order.pipeline % len(world.pipelines)] = on
            case SkipOrder(output=number):
                _agree(answer, world.reference.skip(world.reference.by_id[command.id], OUTPUTS[number]))
            case ReportOrder(status=status, output=number) | AnswerOrder(status=status, output=number):
                attempt = world.reference.by_id[command.id]
                _agree(answer, world.reference.report(attempt, status, OUTPUTS[number], command.lease))
            case ResizeOrder(slots=slots):
                world.reference.slots[order.number(world)] = slots
            case FireOrder():
                world.reference.fire(due)
            case StrangersOrder():
                _agree(answer, "Invalid" if isinstance(command, Launch) else "NotFound")
    world.reference.fill()
    world.learn()
    for order, command, answer in answered:
        if isinstance(order, ClaimOrder):
            _claimed(world, order, command, answer)
    for id, answer in launched:
        assert (answer.id, answer.status) == (id, world.reference.runs[id].status)
    _told(world, done, opened | (world.reference.runs.keys() - before), claimable)


def carry_out_many(world: World, order: Many) -> None:
    """Do a verb to all for which a filter holds, a portion after the other, and in the reference to each of them."""
    cursor: str | None = None
    seen: str | None = None
    key = world.shop.new_id()
    while True:
        expected = world.reference.found(order.verb, order.status, order.number(world), seen)
        asked = order.request(world, cursor)
        done = world.many(asked, key)
        assert [item.id for item in done.items] == expected[: order.size]
        if not order.dry_run:
            told_each(world, order.verb, done)
        if order.twice and order.verb in ("rerun", "retry"):
            assert world.many(asked, key) == done, "what was run again is run again twice"
        world.compare()
        if (cursor := done.go_on) is None:
            assert len(expected) <= order.size, "some were left out"
            return
        seen = done.items[-1].id


def told_each(world: World, verb: str, done: Portion) -> None:
    """The same in the reference, to one after the other."""
    reference = world.reference
    assert all(item.code is None for item in done.items), "all of them could be told so"
    sources = {item.launched_id: item.id for item in done.items}
    for item in done.items:
        match verb:
            case "cancel":
                _agree(None, reference.cancel(item.id))
            case "pause" | "resume":
                _agree(None, reference.hold(item.id, verb == "pause"))
            case "delete":
                _agree(None, reference.delete(item.id))
    for id in [row.id for row in world.shop.executions() if row.id in sources]:
        (reference.rerun if verb == "rerun" else reference.retry)(id, sources[id])
    reference.fill()
    world.learn()


def _agree(answer: Any, error: str | None) -> None:
    """The command was refused as it should be, or not."""
    refused = type(answer).__name__ if isinstance(answer, Exception) else None
    assert refused == error


def _claimed(world: World, order: ClaimOrder, command: Claim, answer: Any) -> None:
    """A claim was given the oldest there are, and as many as may be."""
    expected = world.reference.claim(order.numbers(world), command.limit, command.lease_ms or 0, command.claim_id)
    assert [(row.job_execution_id, row.path, row.attempt) for row in answer] == [each.key for each in expected]
    for attempt, row in zip(expected, answer, strict=True):
        attempt.lease = row.lease
        world.handles.append(row)


def _told(world: World, done: Done, opened: set[str], claimable: set[tuple[str, str, int]]) -> None:
    """Those who wait for an end are told of each, once; those who wait for a task, of all that is there now."""
    assert sorted(row.id for row in done.effects.ended) == sorted(opened - _open(world))
    appeared = Counter(
        world.tasks[number].id
        for attempt in world.reference.attempts()
        if attempt.is_claimable and attempt.key not in claimable
        for number in [attempt.run.plan.steps[attempt.step].task]
        if number is not None
    )
    assert appeared <= done.effects.claimable


def _open(world: World) -> set[str]:
    return {run.id for run in world.reference.runs.values() if run.ended_at is None}


def fire_all(world: World, limit: int = 500) -> None:
    """What the loop of time does when it wakes: all that is due, in batches, and then it looks for the next."""
    reference = world.reference
    while world.batch(FireTimers(limit=limit)).answers[0]:
        pass
    reference.fire(reference.due())
    reference.fill()
    world.learn()
    world.noted = world.next_timer()
    assert world.noted is None or world.noted > world.now, "something that is due was left"


def work_off(world: World) -> None:
    """Workers do what there is to do and time passes, until nothing is left; it ends, and every job with it."""
    resume_all(world)
    for _ in range(1_000):
        fire_all(world)
        carry_out(world, resolved(world, [EVERYTHING]))
        held = [attempt for attempt in world.reference.attempts() if attempt.status == "IN_PROGRESS"]
        rows = {row.id: row for row in world.shop.task_executions() if row.status == "IN_PROGRESS"}
        reports: Given = [
            (ReportOrder(0, "what is held", "COMPLETED", 2, "own"), world.shop.report(row, "COMPLETED", OUTPUTS[2]))
            for row in rows.values()
        ]
        assert len(reports) == len(held)
        if reports:
            carry_out(world, reports)
        elif (timer := world.reference.next_timer()) is not None:
            world.wait(max(timer - world.now, 0))
        else:
            break
        world.compare()
    assert all(run.ended_at is not None for run in world.reference.runs.values()), "a job that never ends"
    world.compare()


def resume_all(world: World) -> None:
    """Nothing is held any more."""
    resumed: Given = [
        (order, order.command(world))
        for number in range(len(world.pipelines))
        for order in [HoldPipelineOrder(number, on=False)]
    ]
    held = [run.id for run in world.reference.runs.values() if run.paused_at is not None]
    resumed += [(HoldOrder(0, on=False), Hold(world.shop.account_id, id, on=False)) for id in held]
    carry_out(world, resumed)


TestEverything = Everything.TestCase
TestEverything.settings = settings(stateful_step_count=25)
