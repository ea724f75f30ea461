"""What commands write down of what they do, in the same transaction: what, by whom, and once."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace

from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.events import MAX_TEXT, happened
from data_factory.model.records import EventRecord, JobExecutionRecord
from data_factory.service.commands import Cancel, handed_back
from data_factory.service.paging import Part
from data_factory.store.promises import Reads
from tests.workshop import START, Workshop, step, workshop

ME = Actor("0192f4c1a2b3000000000001", "192.0.2.7", "CLI")


@pytest.fixture
def shop() -> Iterator[Workshop]:
    with workshop() as shop:
        yield shop


def events(shop: Workshop, run: JobExecutionRecord) -> list[EventRecord]:
    async def work(reads: Reads) -> list[EventRecord]:
        return await reads.events_of_execution(run.account_id, run.id, Part(limit=100))

    return shop.run(shop.store.read(work))


def test_a_cancel_is_written_down_once_with_its_reason_and_who_did_it(shop: Workshop) -> None:
    run = shop.do(shop.launch(shop.job(step("first", shop.task("work")))))
    cancel = Cancel(account_id=run.account_id, id=run.id, reason="wrong file", by=ME)
    shop.do(cancel)
    shop.do(cancel)
    (event,) = events(shop, run)
    assert (event.kind, event.object_id, event.at) == ("job_execution.canceled", run.id, START)
    assert (event.key_id, event.address, event.origin) == (ME.key_id, ME.address, "CLI")
    assert msgspec.json.decode(event.detail) == {"reason": "wrong file"}


def test_what_a_worker_hands_back_names_it_and_what_it_never_had_does_not(shop: Workshop) -> None:
    work = shop.task("work")
    run = shop.do(shop.launch(shop.job(step("first", work))))
    (held,) = shop.do(replace(shop.claim(work), worker_id="w1"))
    shop.do(shop.report(held, "SCHEDULED"))
    (again,) = shop.do(replace(shop.claim(work), worker_id="w2"))
    shop.do(handed_back(again))
    (event,) = events(shop, run)
    assert (event.kind, event.object_id, event.key_id) == ("task_execution.handed_back", held.id, "")
    assert msgspec.json.decode(event.detail) == {"worker": "w1", "claimedAt": START}


def test_a_run_that_nobody_disturbs_writes_nothing_down(shop: Workshop) -> None:
    work = shop.task("work")
    run = shop.do(shop.launch(shop.job(step("first", work))))
    (held,) = shop.do(shop.claim(work))
    shop.do(shop.report(held, "IN_PROGRESS"))
    shop.do(shop.report(held, "COMPLETED", {}))
    assert events(shop, run) == []


def test_only_known_kinds_are_written_down_and_long_texts_are_cut() -> None:
    def make(kind: str) -> EventRecord:
        return happened(kind, SYSTEM, 1, lambda: "id", account_id="a", object_id="o", reason="x" * 10_000, none=None)

    with pytest.raises(ValueError, match="no kind of event"):
        make("job_execution.eaten")
    assert msgspec.json.decode(make("job_execution.canceled").detail) == {"reason": "x" * MAX_TEXT + "…"}
