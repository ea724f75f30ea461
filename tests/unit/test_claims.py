"""Which waiting task execution goes to which claim."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from data_factory.model.errors import LeaseLost, NotFound
from data_factory.model.records import TaskExecutionRecord
from data_factory.service import claims
from data_factory.service.commands import Cancel, FireTimers
from tests.workshop import Workshop, step, workshop


@pytest.fixture
def shop() -> Iterator[Workshop]:
    with workshop() as shop:
        yield shop


def ids(rows: list[TaskExecutionRecord]) -> list[str]:
    return [row.id for row in rows]


def waiting(shop: Workshop) -> list[str]:
    return [row.id for row in shop.task_executions() if row.status == "SCHEDULED"]


# -- oldest first


def test_the_oldest_is_handed_out_first(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=3))
    shop.batch(*(shop.launch(job) for _ in range(3)))
    first, second, third = waiting(shop)
    assert ids(shop.do(shop.claim(work))) == [first]
    assert ids(shop.do(shop.claim(work, limit=5))) == [second, third]
    assert shop.do(shop.claim(work)) == []


def test_the_claims_of_a_batch_are_served_in_their_order_and_find_what_it_has_made(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=3))
    claim = shop.claim(work)
    one, launched, other = shop.batch(claim, shop.launch(job), claim).answers
    assert ([row.job_execution_id for row in one], other) == ([launched.id], [])


def test_a_claim_of_many_tasks_takes_the_oldest_of_all(shop: Workshop) -> None:
    a, b = shop.task("a"), shop.task("b")
    line = shop.pipeline(slots=9)
    jobs = [shop.job(step("first", task), pipeline=line) for task in (a, b)]
    for number in (0, 1, 1, 0):
        shop.do(shop.launch(jobs[number]))
    given = shop.do(shop.claim(b, a, limit=3))
    assert [row.task_id for row in given] == [a.id, b.id, b.id]


def test_what_was_handed_back_is_the_oldest_again(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=3))
    shop.batch(*(shop.launch(job) for _ in range(3)))
    (held,) = shop.do(shop.claim(work))
    shop.do(shop.report(held, "SCHEDULED"))
    assert ids(shop.do(shop.claim(work))) == [held.id]


def test_what_was_handed_back_is_the_oldest_again_for_a_claim_of_the_same_batch(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=3))
    shop.batch(*(shop.launch(job) for _ in range(3)))
    (held,) = shop.do(shop.claim(work))
    _, given = shop.batch(shop.report(held, "SCHEDULED"), shop.claim(work)).answers
    assert ids(given) == [held.id]


def test_a_retry_that_has_waited_keeps_its_age_for_a_claim_of_the_batch_that_frees_it(shop: Workshop) -> None:
    work = shop.task(retry_count=1, retry_delay_seconds=30)
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=3))
    shop.do(shop.launch(job))
    (held,) = shop.do(shop.claim(work))
    shop.do(shop.report(held, "FAILED"))
    shop.do(shop.launch(job))
    shop.wait(30)
    _, given = shop.batch(FireTimers(), shop.claim(work)).answers
    assert [(row.path, row.attempt) for row in given] == [("first", 2)]


def test_what_is_handed_back_comes_before_younger_ones_when_only_so_many_are_looked_at(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "MAX_CLAIMABLE", 1)
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=9))
    shop.batch(*(shop.launch(job) for _ in range(9)))
    oldest = waiting(shop)
    (held,) = shop.do(shop.claim(work))
    _, given = shop.batch(shop.report(held, "SCHEDULED"), shop.claim(work, limit=5)).answers
    assert ids(given) == oldest[: len(given)] != []


# -- what cannot be claimed


def test_a_retry_that_waits_for_its_time_cannot_be_claimed(shop: Workshop) -> None:
    work = shop.task(retry_count=1, retry_delay_seconds=30)
    shop.do(shop.launch(shop.job(step("first", work))))
    (held,) = shop.do(shop.claim(work))
    shop.do(shop.report(held, "FAILED"))
    shop.wait(60)
    assert shop.do(shop.claim(work)) == []  # its timer has not been fired yet


def test_what_a_cancel_of_the_same_batch_has_ended_cannot_be_claimed(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=2))
    first, _ = shop.batch(shop.launch(job), shop.launch(job)).answers
    _, given = shop.batch(Cancel(shop.account_id, first.id), shop.claim(work)).answers
    assert ids(given) == waiting_before(shop, first.id)


def waiting_before(shop: Workshop, canceled: str) -> list[str]:
    return [row.id for row in shop.task_executions() if row.job_execution_id != canceled]


def test_a_task_of_another_account_cannot_be_claimed(shop: Workshop) -> None:
    work = shop.task()
    shop.do(shop.launch(shop.job(step("first", work))))
    with pytest.raises(NotFound):
        shop.do(replace(shop.claim(work), account_id="f" * 24))
    with pytest.raises(NotFound):
        shop.do(replace(shop.claim(work), task_ids=(work.id, "f" * 24)))
    assert shop.attempts() == ["first 1 SCHEDULED"]


# -- limits


def test_no_more_than_the_limit_are_in_progress_at_a_time(shop: Workshop) -> None:
    work = shop.task(concurrent_exec_limit=2)
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=5))
    shop.batch(*(shop.launch(job) for _ in range(5)))
    one, other = shop.batch(shop.claim(work), shop.claim(work, limit=4)).answers
    assert [len(one), len(other)] == [1, 1]
    assert shop.do(shop.claim(work)) == []


def test_a_place_under_the_limit_is_free_in_the_batch_in_which_it_is_freed(shop: Workshop) -> None:
    work = shop.task(concurrent_exec_limit=1)
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=2))
    shop.batch(shop.launch(job), shop.launch(job))
    (held,) = shop.do(shop.claim(work))
    _, given = shop.batch(shop.report(held), shop.claim(work)).answers
    assert len(given) == 1


def test_the_limit_of_one_task_does_not_hold_up_another_of_the_same_claim(shop: Workshop) -> None:
    a, b = shop.task("a", concurrent_exec_limit=1), shop.task("b")
    line = shop.pipeline(slots=9)
    jobs = [shop.job(step("first", task), pipeline=line) for task in (a, b)]
    shop.batch(*(shop.launch(jobs[number]) for number in (0, 0, 1)))
    assert [row.task_id for row in shop.do(shop.claim(a, b, limit=3))] == [a.id, b.id]


# -- a claim whose answer was lost


def test_the_same_request_is_given_the_same_again(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=3))
    shop.batch(*(shop.launch(job) for _ in range(3)))
    claim = shop.claim(work, limit=2, claim_id="request")
    given = ids(shop.do(claim))
    assert ids(shop.do(claim)) == given
    assert [ids(answer) for answer in shop.batch(claim, claim).answers] == [given, given]
    assert [row.attempt for row in shop.task_executions()] == [1, 1, 1]


def test_the_same_request_in_one_batch_is_given_the_same(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=3))
    shop.batch(*(shop.launch(job) for _ in range(3)))
    claim = shop.claim(work, claim_id="request")
    one, other = shop.batch(claim, claim).answers
    assert ids(one) == ids(other)


def test_only_the_last_answer_holds_the_lease_so_the_first_may_be_handed_back(shop: Workshop) -> None:
    """The server hands back what it took for a client that has gone; the client may have asked again meanwhile."""
    work = shop.task()
    shop.do(shop.launch(shop.job(step("first", work))))
    claim = shop.claim(work, claim_id="request", lease=60)
    (lost,) = shop.do(claim)
    shop.wait(10)
    (had,) = shop.do(claim)
    with pytest.raises(LeaseLost):
        shop.do(shop.report(lost, "SCHEDULED"))
    assert had.lease_expires_at == shop.now + 60_000
    shop.do(shop.report(had))
    assert shop.attempts() == ["first 1 COMPLETED"]


def test_what_was_handed_back_first_is_had_by_asking_again_as_the_same_attempt(shop: Workshop) -> None:
    work = shop.task()
    shop.do(shop.launch(shop.job(step("first", work))))
    claim = shop.claim(work, claim_id="request")
    (lost,) = shop.do(claim)
    _, (had,) = shop.batch(shop.report(lost, "SCHEDULED"), claim).answers
    assert (had.id, had.attempt) == (lost.id, 1)


def test_what_has_ended_since_is_not_given_again(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=3))
    shop.batch(*(shop.launch(job) for _ in range(2)))
    claim = shop.claim(work, limit=2, claim_id="request")
    one, other = shop.do(claim)
    shop.do(shop.report(one))
    (other_again,) = shop.do(claim)
    assert other_again.id == other.id
    _, again = shop.batch(shop.report(other_again), claim).answers
    assert again == []


def test_the_same_request_id_for_another_task_is_another_request(shop: Workshop) -> None:
    """Request ids are chosen by workers, and two of them may choose the same."""
    a, b = shop.task("a"), shop.task("b")
    line = shop.pipeline(slots=9)
    shop.batch(*(shop.launch(shop.job(step("first", task), pipeline=line)) for task in (a, b)))
    claims_of_both = shop.claim(a, claim_id="1"), shop.claim(b, claim_id="1")
    of_a, of_b = shop.batch(*claims_of_both).answers
    assert [[row.task_id for row in given] for given in (of_a, of_b)] == [[a.id], [b.id]]
    assert [ids(answer) for answer in shop.batch(*claims_of_both).answers] == [ids(of_a), ids(of_b)]


# -- how many are looked at


def test_a_claim_that_got_nothing_because_others_were_served_is_called_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "MAX_CLAIMABLE", 2)
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=9))
    shop.batch(*(shop.launch(job) for _ in range(4)))
    done = shop.batch(*(shop.claim(work) for _ in range(3)))
    assert [len(answer) for answer in done.answers] == [1, 1, 0]
    assert done.effects.claimable == {work.id: 1}


# -- how much at a time


def test_one_answer_holds_only_so_much_but_at_least_one(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "MAX_ANSWER_BYTES", 250)
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=9))
    shop.batch(*(shop.launch(job, {"text": "x" * 100}) for _ in range(3)), shop.launch(job, {"text": "x" * 1_000}))
    assert [len(shop.do(shop.claim(work, limit=9))) for _ in range(4)] == [2, 1, 1, 0]


def test_who_finds_no_room_in_a_transaction_is_called_again(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "MAX_BATCH_BYTES", 150)
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=9))
    shop.batch(*(shop.launch(job, {"text": "x" * 100}) for _ in range(2)))
    done = shop.batch(shop.claim(work), shop.claim(work))
    assert [len(given) for given in done.answers] == [1, 0]
    assert done.effects.claimable[work.id] == 1
    assert len(shop.do(shop.claim(work))) == 1


def test_the_same_claim_twice_in_a_batch_is_given_the_same(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work), pipeline=shop.pipeline(slots=9))
    shop.batch(shop.launch(job), shop.launch(job))
    once, again = shop.batch(shop.claim(work, claim_id="a"), shop.claim(work, claim_id="a")).answers
    assert ids(once) == ids(again)
    assert [row.lease for row in shop.task_executions() if row.lease] == [again[0].lease]
