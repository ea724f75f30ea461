"""What things cost: in statements, and in the steps of SQLite's machine, which are the work behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from data_factory.model.records import JobRecord, TaskExecutionRecord, TaskRecord
from data_factory.model.status import ReportStatus
from data_factory.service import timers
from data_factory.service.commands import Cancel, Command, FireTimers
from data_factory.store.sqlite.transaction import SqliteTransaction
from tests.factory import factory
from tests.workshop import Workshop, step, workshop

TASKS = 1_000
ROUNDS = 200


class Cost(msgspec.Struct):
    """What some batches took: statements, and steps of SQLite's machine."""

    statements: int
    work: int


class Meter:
    """Counts what a workshop's store does."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._work = 0
        shop.store._connection.set_progress_handler(self._tick, 1)

    def _tick(self) -> int:
        self._work += 1
        return 0

    def of(self, do: Callable[[], Any]) -> Cost:
        statements, work = self._shop.store.statements_run, self._work
        do()
        return Cost(self._shop.store.statements_run - statements, self._work - work)


@pytest.fixture
def shop() -> Iterator[Workshop]:
    with workshop() as shop:
        yield shop


# -- a long job


def test_advancing_costs_the_same_at_the_10th_and_at_the_1000th_task_of_a_job(shop: Workshop) -> None:
    work = shop.task()
    given = [{}, *({"v": "${t%d.output.v}" % (number - 1)} for number in range(1, TASKS))]
    steps = [step(f"t{number}", work, inputParameters=reads) for number, reads in enumerate(given)]
    shop.do(shop.launch(shop.job(*steps, outputParameters={"first": "${t0.output.v}"})))
    meter = Meter(shop)
    (held,) = shop.do(shop.claim(work))

    def advance() -> None:
        nonlocal held
        _, (held,) = shop.batch(shop.report(held, output={"v": 1}), shop.claim(work)).answers

    costs = [meter.of(advance) for _ in range(TASKS - 1)]
    tenth, last = costs[9], costs[TASKS - 2]
    assert {cost.statements for cost in costs[1:]} == {tenth.statements}
    assert last.work <= tenth.work + 200, "some hundred steps more: indexes are deeper, and that is all"
    shop.do(shop.report(held, output={"v": 2}))
    assert shop.statuses() == ["COMPLETED"]
    assert shop.executions()[0].output == '{"first":1}'


def test_going_round_costs_the_same_in_the_10th_and_in_the_200th_iteration_of_a_loop(shop: Workshop) -> None:
    work = shop.task()
    way: dict[str, Any] = {"name": "way", "taskReferenceName": "way", "type": "SWITCH", "expression": "'A'"}
    way |= {"decisionCases": {"A": [step("second", work, inputParameters={"v": "${first.output.v}"})]}}
    loop: dict[str, Any] = {"name": "loop", "taskReferenceName": "loop", "type": "DO_WHILE"}
    loop |= {"loopCondition": f"$.loop.iteration < {ROUNDS} && $.second.v > 0"}
    loop |= {"loopOver": [step("first", work, inputParameters={"v": "${second.output.v}"}), way]}
    shop.do(shop.launch(shop.job(loop, outputParameters={"last": "${second.output.v}"})))
    meter = Meter(shop)
    (held,) = shop.do(shop.claim(work))

    def advance() -> None:
        nonlocal held
        _, (held,) = shop.batch(shop.report(held, output={"v": 1}), shop.claim(work)).answers

    costs = [meter.of(advance) for _ in range(2 * ROUNDS - 1)]
    into_the_way, round_again = costs[20::2], costs[21::2]
    for each in (into_the_way, round_again):
        assert {cost.statements for cost in each} == {each[0].statements}
        assert max(cost.statements for cost in each) <= 20
        assert each[-1].work <= each[0].work + 300, "some hundred steps more: indexes are deeper, and that is all"
    shop.do(shop.report(held, output={"v": 2}))
    assert shop.executions()[0].output == '{"last":2}'


def test_a_branch_costs_the_same_when_it_is_the_first_and_when_it_is_the_last_to_end(shop: Workshop) -> None:
    work = shop.task()
    branches = [[step(f"t{number}", work)] for number in range(TASKS)]
    fork: dict[str, Any] = {"name": "fork", "taskReferenceName": "fork", "type": "FORK_JOIN", "forkTasks": branches}
    join: dict[str, Any] = {"name": "join", "taskReferenceName": "join", "type": "JOIN"}
    meter = Meter(shop)
    shop.do(shop.launch(shop.job(fork, join, outputParameters={})))
    begins = []
    while any(row.timer_at is not None for row in shop.task_executions()):
        begins.append(meter.of(lambda: shop.do(FireTimers())))
    assert len(begins) >= TASKS // 100 - 1, "they begin some at a time"
    assert {cost.statements for cost in begins} == {begins[0].statements}

    def advance() -> None:
        (held,) = shop.do(shop.claim(work))
        shop.do(shop.report(held, output={"v": 1}))

    costs = [meter.of(advance) for _ in range(TASKS - 1)]
    assert {cost.statements for cost in costs} == {costs[0].statements}
    assert costs[-1].work <= costs[9].work + 3, "some hundred steps more: indexes are deeper, and that is all"
    advance()
    assert shop.statuses() == ["COMPLETED"]


def test_a_loop_without_work_takes_turns_with_everybody_else(shop: Workshop) -> None:
    """Its batches are short, and what they cost does not grow."""
    turn: dict[str, Any] = {"name": "turn", "taskReferenceName": "turn", "type": "DECISION", "caseValueParam": "v"}
    turn |= {"inputParameters": {"v": "x"}, "decisionCases": {}}
    loop: dict[str, Any] = {"name": "loop", "taskReferenceName": "loop", "type": "DO_WHILE"}
    loop |= {"loopCondition": "$.loop.iteration < 300", "loopOver": [turn]}
    shop.do(shop.launch(shop.job(loop, outputParameters={})))
    meter = Meter(shop)
    costs = []
    while shop.statuses() == ["RUNNING"]:
        costs.append(meter.of(lambda: shop.do(FireTimers())))
    assert len(costs) >= 20
    assert max(cost.statements for cost in costs) <= 20
    assert len(shop.task_executions()) == 301


# -- a big batch


def statements_of_each_kind(shop: Workshop, job: JobRecord, work: TaskRecord, count: int) -> dict[str, int]:
    """How many statements a batch takes of so many launches, claims, heartbeats, reports."""
    meter = Meter(shop)
    taken: list[TaskExecutionRecord] = []
    kinds: dict[str, Callable[[], Any]] = {
        "launch": lambda: shop.batch(*(shop.launch(job) for _ in range(count))),
        "claim": lambda: taken.extend(
            row for answer in shop.batch(*(shop.claim(work) for _ in range(count))).answers for row in answer
        ),
        "heartbeat": lambda: shop.batch(*(shop.report(row, "IN_PROGRESS") for row in taken)),
        "report": lambda: shop.batch(*(shop.report(row, output={"v": 1}) for row in taken)),
    }
    found = {kind: meter.of(do).statements for kind, do in kinds.items()}
    assert len(taken) == count
    return found


def test_a_batch_has_the_same_number_of_statements_however_many_commands_it_has(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=1_000))
    statements_of_each_kind(shop, job, work, 1)  # the job is compiled, which is done once
    one, ten, many = [statements_of_each_kind(shop, job, work, count) for count in (1, 10, 200)]
    assert one == ten == many
    assert max(one.values()) <= 7
    assert shop.statuses() == ["COMPLETED"] * 212


def test_a_batch_of_everything_at_once_is_a_handful_of_statements(shop: Workshop) -> None:
    work = shop.task(concurrent_exec_limit=1_000, retry_count=1)
    job = shop.job(step("first", work), step("second", work), pipeline=shop.pipeline(slots=1_000))
    launched = shop.batch(*(shop.launch(job) for _ in range(300))).answers
    held = [row for answer in shop.batch(*(shop.claim(work) for _ in range(90))).answers for row in answer]
    statuses: list[ReportStatus] = ["COMPLETED", "FAILED", "IN_PROGRESS", "SCHEDULED"]
    reports = [shop.report(row, statuses[number % 4]) for number, row in enumerate(held)]
    cancels = [Cancel(shop.account_id, execution.id) for execution in launched[-30:]]
    others: list[Command] = [FireTimers(), *(shop.launch(job, key=f"k{number}") for number in range(30))]
    polls = [shop.claim(work, claim_id=f"c{number}") for number in range(30)]
    commands: list[Command] = [*reports, *cancels, *others, *polls]
    assert Meter(shop).of(lambda: shop.batch(*commands)).statements <= 30


# -- a big house


def test_what_is_kept_does_not_make_anything_dearer(shop: Workshop) -> None:
    """Thousands that have ended, and hundreds that wait elsewhere, are no work for what happens now."""
    here, elsewhere = shop.task("here"), shop.task("elsewhere")
    job = shop.job(step("first", here))
    busy = shop.job(step("first", elsewhere), pipeline=shop.pipeline(slots=300), timeoutSeconds=3_600)

    def one_job() -> None:
        shop.do(shop.launch(job))
        (held,) = shop.do(shop.claim(here))
        shop.do(shop.report(held, "IN_PROGRESS"))
        shop.do(shop.report(held, output={"v": 1}))

    meter = Meter(shop)
    one_job()
    before = meter.of(one_job)
    for _ in range(5):
        shop.batch(*(shop.launch(busy) for _ in range(300)))
        for row in shop.do(shop.claim(elsewhere, limit=300)):
            shop.batch(shop.report(row))
    shop.batch(*(shop.launch(busy) for _ in range(900)))
    assert len(shop.executions()) > 2_000
    after = meter.of(one_job)
    assert after.statements == before.statements
    assert after.work <= before.work + 1_000, "indexes are deeper, and that is all"


def test_what_runs_in_its_pipeline_does_not_make_a_job_dearer(shop: Workshop) -> None:
    here, elsewhere = shop.task("here"), shop.task("elsewhere")
    pipeline = shop.pipeline(slots=2_000)
    job, busy = (shop.job(step("first", task), pipeline=pipeline) for task in (here, elsewhere))

    def one_job() -> None:
        shop.do(shop.launch(job))
        (held,) = shop.do(shop.claim(here))
        shop.do(shop.report(held, output={"v": 1}))

    meter = Meter(shop)
    one_job()
    before = meter.of(one_job)
    for _ in range(6):
        shop.batch(*(shop.launch(busy) for _ in range(300)))
    assert shop.statuses().count("RUNNING") == 1_800
    after = meter.of(one_job)
    assert after.statements == before.statements
    assert after.work <= before.work + 1_000, "indexes are deeper, and that is all"


# -- files of another account


def test_only_an_end_whose_output_gives_another_account_a_file_costs_one_more_statement(shop: Workshop) -> None:
    url = "/v1/data_factory/files/" + "0f" * 32 + "/content"
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=100))

    def end(output: dict[str, str], launched_by: str) -> int:
        run = shop.do(shop.launch(job))
        (held,) = shop.do(shop.claim(work))
        shop.store._connection.execute("UPDATE job_executions SET account_id = ? WHERE id = ?", (launched_by, run.id))
        return Meter(shop).of(lambda: shop.do(shop.report(held, output=output))).statements

    end({}, shop.account_id)  # the job is compiled, which is done once
    plain = end({}, shop.account_id)
    assert end({"url": url}, shop.account_id) == plain == end({}, "f" * 24)
    assert end({"url": url}, "f" * 24) == plain + 1


# -- an idle house


@pytest.mark.anyio
async def test_an_idle_platform_with_100_claims_waiting_runs_no_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[str] = []
    execute, execute_all = SqliteTransaction._execute, SqliteTransaction._execute_all

    def counted(self: SqliteTransaction, name: str, **values: Any) -> Any:
        run.append(name)
        return execute(self, name, **values)

    def counted_all(self: SqliteTransaction, name: str, rows: Any, *expected: Any) -> int:
        run.append(name)
        return execute_all(self, name, rows, *expected)

    monkeypatch.setattr(SqliteTransaction, "_execute", counted)
    monkeypatch.setattr(SqliteTransaction, "_execute_all", counted_all)
    monkeypatch.setattr(timers, "LOOK_AT_CLOCK_S", 0.001)
    async with factory() as here:
        work = await here.task()
        job = await here.job(step("first", work), pipeline=await here.pipeline(slots=2))
        await here.launches(job)
        await here.polls(work)  # so that there is a timer to look at the clock for
        if (noting := here.platform.polls._writing) is not None:
            await noting
        polls = [here.polls(work) for _ in range(100)]
        await here.settle()
        run.clear()
        batches = here.platform.dispatcher.batches
        await here.looks_at_the_clock(50)  # which the loop of time does twice a minute
        assert (run, here.platform.dispatcher.batches) == ([], batches)
        await here.launches(job)
        await here.settle()
        assert sum(poll.done() for poll in polls) == 1
        assert 0 < len(run) < 30, "one of the hundred was woken"


# -- variables


def test_a_job_without_variables_pays_nothing_for_them_and_one_with_them_a_statement_each_way(shop: Workshop) -> None:
    work = shop.task()

    def costs(key: str, **given: Any) -> tuple[int, int]:
        shop.do(shop.launch(shop.job(step("only", work, inputParameters=given), key=key)))
        held: list[TaskExecutionRecord] = []
        claim = Meter(shop).of(lambda: held.extend(shop.do(shop.claim(work))))
        report = Meter(shop).of(lambda: shop.do(shop.report(held[0], output={"said": 1})))
        return claim.statements, report.statements

    (claim, report), (with_them, masked) = (
        costs("one", a="1"),
        costs("two", a="${workflow.variable.x}", b="${workflow.variable.y}"),
    )
    assert with_them == claim + 2, "what they are, and what may be shown of them"
    assert masked == report + 1, "what must not be told"
    assert costs("three", a="2") == (claim, report)
