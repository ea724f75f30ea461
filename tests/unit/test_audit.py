"""What one look at the audit costs, and how it is forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from data_factory.model.actors import Actor
from data_factory.model.events import happened
from data_factory.service.audit import AT_A_TIME, DAY_MS, MOST_LOOKED_AT, Audit, Sought
from tests.workshop import START, Workshop, workshop

ME = Actor("0192f4c1a2b3000000000001", "192.0.2.7", "API")


@pytest.fixture
def shop() -> Iterator[Workshop]:
    with workshop() as shop:
        yield shop


def write(shop: Workshop, count: int, at: int, kind: str = "task.updated") -> None:
    events = [
        happened(kind, ME, at, shop.new_id, account_id=shop.account_id, object_id=shop.account_id) for _ in range(count)
    ]
    shop.run(shop.store.write(lambda t: t.insert_events(events)))


def test_one_answer_looks_through_so_many_and_says_where_to_go_on(shop: Workshop) -> None:
    write(shop, 1, START, "job.created")
    write(shop, MOST_LOOKED_AT, START)
    audit, sought = shop.platform.audit, Sought(kind="job")
    first = shop.run(audit.find(shop.account_id, sought, None, 10))
    assert (first.events, first.cursor is None) == ([], False)
    second = shop.run(audit.find(shop.account_id, sought, first.cursor, 10))
    assert ([event.kind for event in second.events], second.cursor) == (["job.created"], None)


def test_what_is_too_old_is_forgotten_however_much_there_is(shop: Workshop) -> None:
    write(shop, AT_A_TIME + 1, START)
    write(shop, 1, START + 1)
    audit = Audit(shop.store, lambda: shop.now, kept_days=30)
    shop.run(audit.run_once(START + 30 * DAY_MS))
    assert len(shop.run(audit.find(shop.account_id, Sought(), None, 10)).events) == 10
    shop.run(audit.run_once(START + 30 * DAY_MS + 1))
    found = shop.run(audit.find(shop.account_id, Sought(), None, 10))
    assert [event.at for event in found.events] == [START + 1]
