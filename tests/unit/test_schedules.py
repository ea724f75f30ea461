"""When a job is due: what its rules name, and what of that a launch follows from, once each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_factory.engine.schedules import coming, next_due, periodicity_errors
from data_factory.model.definitions import JobBody, PeriodicityRule
from data_factory.service.commands import FireTimers
from data_factory.service.paging import Part
from tests.workshop import START, Workshop, step, workshop


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def rules(*expressions: str, is_enabled: bool = True) -> tuple[PeriodicityRule, ...]:
    return tuple(PeriodicityRule(expression, is_enabled) for expression in expressions)


@pytest.mark.parametrize(
    ("expression", "after", "comes"),
    [
        ("* * * * *", "2026-11-28T16:30:00", "2026-11-28T16:31:00"),
        ("*/15 * * * *", "2026-11-28T16:30:01", "2026-11-28T16:45:00"),
        ("0 6 * * 1-5", "2026-11-28T16:30:00", "2026-11-30T06:00:00"),
        ("0 0 * * 0", "2026-11-28T16:30:00", "2026-11-29T00:00:00"),
        ("0 0 * * 7", "2026-11-28T16:30:00", "2026-11-29T00:00:00"),
        ("30 23 31 12 *", "2026-12-31T23:30:00", "2027-12-31T23:30:00"),
        ("0 0 29 2 *", "2026-11-28T16:30:00", "2028-02-29T00:00:00"),
    ],
)
def test_the_next_time_is_in_utc(expression: str, after: str, comes: str) -> None:
    assert next_due(rules(expression), at(after)) == at(comes)
    assert next_due(rules(expression), at(after) + 999) == at(comes)


def test_the_earliest_of_all_rules_that_are_enabled() -> None:
    both = rules("0 6 * * *", "30 5 * * *")
    assert coming(both, at("2026-11-28T05:00:00"), 3) == (
        at("2026-11-28T05:30:00"),
        at("2026-11-28T06:00:00"),
        at("2026-11-29T05:30:00"),
    )
    assert next_due((*rules("0 6 * * *"), *rules("30 5 * * *", is_enabled=False)), at("2026-11-28T05:00:00")) == at(
        "2026-11-28T06:00:00"
    )
    assert next_due(rules("0 6 * * *", is_enabled=False), 0) is None
    assert coming((), 0, 5) == ()


@given(st.integers(0, 4_000_000_000_000), st.sampled_from(["* * * * *", "7 */5 * * *", "0 0 1 * 3", "59 23 31 * *"]))
def test_no_time_comes_twice_or_is_left_out(after: int, expression: str) -> None:
    first, second = coming(rules(expression), after, 2)
    assert after < first < second
    assert first % 60_000 == second % 60_000 == 0
    assert next_due(rules(expression), first - 1) == first


@pytest.mark.parametrize(
    "expression",
    ["* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "x * * * *", "0 0 31 2 *", "*/0 * * * *", "@daily 0 0 0 0"],
)
def test_what_is_no_cron_expression(expression: str) -> None:
    [error] = periodicity_errors((*rules("* * * * *"), *rules(expression)))
    assert error.path == "periodicity[1].cronExpression"


# -- what follows


@pytest.fixture
def shop() -> Iterator[Workshop]:
    with workshop() as shop:
        yield shop


_ALL = Part(limit=100)
MINUTELY = [{"cronExpression": "* * * * *"}]


def fired(shop: Workshop) -> int:
    """How many launches follow when the timers fire now."""
    before = len(shop.executions())
    while shop.do(FireTimers()):
        pass
    return len(shop.executions()) - before


def to_the_next_minute(shop: Workshop) -> None:
    shop.now += 60_000 - shop.now % 60_000


def test_each_time_launches_once(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task()), periodicity=MINUTELY, title="Nightly")
    assert fired(shop) == 0
    for _ in range(3):
        to_the_next_minute(shop)
        assert fired(shop) == 1
        assert fired(shop) == 0
    row = shop.executions()[-1]
    assert (row.origin, row.title, row.job_id, row.account_id, row.input, row.created_at) == (
        "PERIODIC",
        "Nightly",
        job.id,
        shop.account_id,
        "{}",
        shop.now,
    )
    assert shop.statuses() == ["RUNNING", "PENDING", "PENDING"]


def test_of_what_was_missed_the_latest_is_made_up_for(shop: Workshop) -> None:
    shop.job(step("first", shop.task()), periodicity=MINUTELY)
    shop.wait(3_600)
    assert fired(shop) == 1
    assert fired(shop) == 0
    to_the_next_minute(shop)
    assert fired(shop) == 1


def test_two_firings_in_one_transaction_launch_once(shop: Workshop) -> None:
    shop.job(step("first", shop.task()), periodicity=MINUTELY)
    to_the_next_minute(shop)
    shop.batch(FireTimers(), FireTimers())
    assert len(shop.executions()) == 1


def test_the_next_time_is_told_to_the_timers(shop: Workshop) -> None:
    shop.job(step("first", shop.task()), periodicity=MINUTELY)
    to_the_next_minute(shop)
    assert shop.batch(FireTimers()).effects.next_timer == shop.now + 60_000


def test_defaults_are_filled_in(shop: Workshop) -> None:
    asked = [{"key": "n", "type": "NUMBER", "required": True, "default": 7}]
    shop.job(step("first", shop.task()), periodicity=MINUTELY, userInputs=asked)
    to_the_next_minute(shop)
    assert fired(shop) == 1
    assert shop.executions()[0].input == '{"n":7}'


def published(shop: Workshop, id: str, **fields: Any) -> None:
    body = {"key": "again", "tasks": (), **fields}
    task = shop.run(shop.platform.catalog.tasks(shop.account_id, _ALL))[0]
    body["tasks"] = [step("first", task)]
    shop.run(shop.platform.catalog.update_job(shop.account_id, id, msgspec.convert(body, JobBody)))


def test_a_new_version_keeps_the_rules_and_what_is_due(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task()), periodicity=MINUTELY)
    to_the_next_minute(shop)
    published(shop, job.id)
    assert fired(shop) == 1, "it was due before it was published"
    published(shop, job.id, status="INACTIVE")
    to_the_next_minute(shop)
    assert fired(shop) == 0
    published(shop, job.id)
    assert fired(shop) == 0, "what came while it was INACTIVE is not made up for"
    published(shop, job.id, periodicity=[])
    shop.wait(600)
    assert fired(shop) == 0


def test_what_is_paused_is_not_launched(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task()), periodicity=MINUTELY)
    schedules = shop.platform.schedules
    shop.run(schedules.pause(shop.account_id, job.id))
    published(shop, job.id)
    shop.wait(600)
    assert fired(shop) == 0
    assert shop.run(schedules.schedule(shop.account_id, job.id)).times == ()
    plan = shop.run(schedules.resume(shop.account_id, job.id))
    assert len(plan.times) == 5
    assert plan.times[0] > shop.now
    assert fired(shop) == 0
    to_the_next_minute(shop)
    assert shop.run(schedules.resume(shop.account_id, job.id)).times[0] == shop.now, "resumed twice, nothing is lost"
    assert fired(shop) == 1


def test_many_jobs_that_are_due_cost_a_handful_of_statements(shop: Workshop) -> None:
    work = shop.task()
    for _ in range(30):
        shop.job(step("first", work), periodicity=MINUTELY)
    assert shop.now == START
    to_the_next_minute(shop)
    assert fired(shop) == 30
