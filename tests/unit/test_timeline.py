"""The timeline of a job execution: everything that happened, in its order, by whom, and in pages of any size."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.errors import NotFound
from data_factory.model.records import JobExecutionRecord
from data_factory.service.commands import Cancel, FireTimers
from data_factory.service.paging import Part
from data_factory.service.timeline import KINDS, Place, Told, place_cursor, timeline
from tests.workshop import Workshop, step, workshop

ME = Actor("0192f4c1a2b3000000000001", "192.0.2.7", "CLI")


@pytest.fixture
def shop() -> Iterator[Workshop]:
    with workshop() as shop:
        yield shop


def told(shop: Workshop, run: JobExecutionRecord, part: Part | None = None) -> list[tuple[Place, Told]]:
    found = shop.run(timeline(shop.store, run.account_id, run.id, part or Part(limit=1_000)))
    assert {one.kind for _, one in found} <= KINDS.keys()
    return found


def messages(shop: Workshop, run: JobExecutionRecord) -> list[str]:
    return [one.message for _, one in told(shop, run)]


def test_what_workers_did_and_lost_and_why_it_was_tried_again(shop: Workshop) -> None:
    work = shop.task("work", retry_count=3, retry_delay_seconds=5, retry_logic="FIXED", response_timeout_seconds=60)
    run = shop.do(shop.launch(shop.job(step("first", work))))
    shop.wait(1)
    (held,) = shop.do(replace(shop.claim(work), worker_id="w1"))
    shop.wait(3)
    shop.do(shop.report(held, "SCHEDULED"))
    shop.wait(1)
    shop.do(replace(shop.claim(work), worker_id="w2"))
    shop.wait(60)
    shop.do(FireTimers())
    shop.wait(5)
    shop.do(FireTimers())
    (held,) = shop.do(replace(shop.claim(work), worker_id="w3"))
    shop.wait(1)
    shop.do(shop.report(held, "FAILED", {"message": "no disk"}))
    shop.wait(5)
    shop.do(FireTimers())
    (held,) = shop.do(shop.claim(work))
    shop.wait(2)
    shop.do(shop.report(held, "COMPLETED", {}))
    assert messages(shop, run) == [
        "Launched by user (API).",
        "Started.",
        "The task 'first' waits for a worker.",
        "The task 'first' was handed back by the worker 'w1', which had it for 3 seconds.",
        "The worker 'w2' has the task 'first'.",
        "The task 'first' is lost by the worker 'w2': Its worker gave no sign of life for 60 seconds.",
        "The task 'first' is tried again, attempt 2: Its worker gave no sign of life for 60 seconds.",
        "The worker 'w3' has the task 'first', attempt 2.",
        "The task 'first', attempt 2, has failed: no disk",
        "The task 'first' is tried again, attempt 3: no disk",
        "A worker has the task 'first', attempt 3.",
        "The task 'first', attempt 3, has completed in 2 seconds.",
        "COMPLETED after 1 minute.",
    ]


def test_one_that_waits_and_is_canceled_says_by_whom(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task("work")))
    shop.do(shop.launch(job))
    run = shop.do(shop.launch(job))
    shop.wait(10)
    shop.do(Cancel(account_id=run.account_id, id=run.id, reason="wrong file", by=ME))
    canceled, ended = [one for _, one in told(shop, run)][-2:]
    assert canceled.by is not None
    assert (canceled.by.key_id, canceled.by.address, canceled.by.origin) == (ME.key_id, ME.address, "CLI")
    assert (ended.status, ended.code, ended.reason) == ("TERMINATED", "canceled", "wrong file")
    assert messages(shop, run) == [
        "Launched by user (API).",
        "It waits for a slot of its pipeline.",
        f"Canceled by {ME.key_id}: wrong file.",
        "TERMINATED: wrong file",
    ]


def test_control_flow_says_what_was_chosen_and_a_loop_ends_after_what_is_in_it(shop: Workshop) -> None:
    work = shop.task("work")
    switch = {
        "name": "switch", "taskReferenceName": "which", "type": "SWITCH", "evaluatorType": "value-param",
        "expression": "size", "inputParameters": {"size": "${workflow.input.size}"},
        "decisionCases": {"large": [step("big", work)]},
    }  # fmt: skip
    loop = {
        "name": "loop", "taskReferenceName": "round", "type": "DO_WHILE", "loopCondition": "false",
        "loopOver": [step("inner", work)],
    }  # fmt: skip
    run = shop.do(shop.launch(shop.job(switch, loop), {"size": "large"}))
    for _ in range(2):
        (held,) = shop.do(shop.claim(work))
        shop.wait(1)
        shop.do(shop.report(held, "COMPLETED", {}))
    lines = messages(shop, run)
    assert lines[2:4] == ["The SWITCH 'which' chose the case 'large'.", "The task 'big' waits for a worker."]
    assert lines[-4:] == [
        "A worker has the task 'inner[1]'.",
        "The task 'inner[1]' has completed in 1 second.",
        "The DO_WHILE 'round' has completed.",
        "COMPLETED after 2 seconds.",
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_of_any_size_give_everything_once_and_in_order(shop: Workshop, size: int) -> None:
    work = shop.task("work")
    run = shop.do(shop.launch(shop.job(*(step(f"s{number}", work) for number in range(5)))))
    for number in range(5):
        (held,) = shop.do(shop.claim(work))
        shop.wait(number % 2)
        if number == 3:
            shop.do(shop.report(held, "SCHEDULED"))
            (held,) = shop.do(shop.claim(work))
        shop.do(shop.report(held, "COMPLETED", {}))
    whole = told(shop, run)
    assert [place for place, _ in whole] == sorted({place for place, _ in whole})
    found: list[tuple[Place, Told]] = []
    while page := told(shop, run, Part(cursor=place_cursor(found[-1][0]) if found else None, limit=size)):
        found += page
    assert found == whole
    assert told(shop, run, Part(offset=4, limit=2)) == whole[4:6]


def test_what_is_not_there_is_not_found(shop: Workshop) -> None:
    run = shop.do(shop.launch(shop.job(step("first", shop.task("work")))))
    for account_id, id in ((shop.new_id(), run.id), (run.account_id, shop.new_id()), (run.account_id, "\0")):
        with pytest.raises(NotFound):
            shop.run(timeline(shop.store, account_id, id, Part()))


def test_nobody_is_by_the_platform(shop: Workshop) -> None:
    run = shop.do(shop.launch(shop.job(step("first", shop.task("work")))))
    shop.wait(1)
    shop.do(Cancel(account_id=run.account_id, id=run.id, by=SYSTEM))
    assert messages(shop, run)[-3:-1] == ["Canceled by the platform.", "The task 'first' was stopped."]
