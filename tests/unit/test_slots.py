"""Slots: how many executions of a pipeline run at a time, which ones, and how many one transaction starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
import pytest

from data_factory.engine import decider
from data_factory.service import slots
from data_factory.service.commands import Cancel, FillSlots, Resize
from data_factory.service.effects import Done
from data_factory.service.world import World
from tests.workshop import Workshop, step, workshop


@pytest.fixture
def shop() -> Iterator[Workshop]:
    with workshop() as shop:
        yield shop


def test_the_next_job_starts_in_the_transaction_in_which_a_slot_is_freed(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work))
    shop.batch(shop.launch(job), shop.launch(job))
    (held,) = shop.do(shop.claim(work))
    shop.do(shop.report(held))
    assert shop.statuses() == ["COMPLETED", "RUNNING"]


def test_a_slot_that_was_freed_goes_to_the_oldest_even_past_a_launch_of_the_same_batch(shop: Workshop) -> None:
    work = shop.task()
    job = shop.job(step("first", work))
    shop.batch(shop.launch(job), shop.launch(job))
    (held,) = shop.do(shop.claim(work))
    shop.batch(shop.launch(job), shop.report(held))
    assert shop.statuses() == ["COMPLETED", "RUNNING", "PENDING"]


def test_a_canceled_job_frees_its_slot_at_once_and_one_that_waited_is_passed_over(shop: Workshop) -> None:
    job = shop.job(step("first", shop.task()))
    first, second, _ = shop.batch(*(shop.launch(job) for _ in range(3))).answers
    shop.batch(Cancel(shop.account_id, first.id), Cancel(shop.account_id, second.id))
    assert shop.statuses() == ["TERMINATED", "TERMINATED", "RUNNING"]


def test_more_slots_start_what_waits_and_fewer_stop_nothing(shop: Workshop) -> None:
    line = shop.pipeline(slots=1)
    job = shop.job(step("first", shop.task()), pipeline=line)
    shop.batch(*(shop.launch(job) for _ in range(4)))
    shop.do(Resize(msgspec.structs.replace(line, slots=3)))
    assert shop.statuses() == ["RUNNING", "RUNNING", "RUNNING", "PENDING"]
    shop.do(Resize(msgspec.structs.replace(line, slots=1)))
    assert shop.statuses() == ["RUNNING", "RUNNING", "RUNNING", "PENDING"]


def test_after_a_pipeline_was_made_smaller_nothing_starts_until_there_is_room(shop: Workshop) -> None:
    line = shop.pipeline(slots=2)
    work = shop.task()
    job = shop.job(step("first", work), pipeline=line)
    shop.batch(*(shop.launch(job) for _ in range(3)))
    shop.do(Resize(msgspec.structs.replace(line, slots=1)))
    one, other = shop.do(shop.claim(work, limit=2))
    shop.do(shop.report(one))
    assert shop.statuses() == ["COMPLETED", "RUNNING", "PENDING"]
    shop.do(shop.report(other))
    assert shop.statuses() == ["COMPLETED", "COMPLETED", "RUNNING"]


def fill(shop: Workshop, done: Done) -> list[int]:
    """Do what the platform does until all slots are filled; how many run after each round."""
    running = [shop.statuses().count("RUNNING")]
    while done.effects.unfilled:
        done = shop.batch(FillSlots(done.effects.unfilled))
        running.append(shop.statuses().count("RUNNING"))
    return running


def test_one_transaction_starts_only_so_many_and_says_what_it_left(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "MAX_STARTS", 2)
    job = shop.job(step("first", shop.task()), pipeline=shop.pipeline(slots=7))
    done = shop.batch(*(shop.launch(job) for _ in range(9)))
    assert fill(shop, done) == [2, 4, 6, 7]
    assert shop.statuses() == ["RUNNING"] * 7 + ["PENDING"] * 2


def test_one_transaction_starts_only_so_many_in_all_pipelines_together(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = shop.task()
    lines = [shop.pipeline(slots=1) for _ in range(4)]
    for line in lines:
        shop.batch(*[shop.launch(shop.job(step("first", work), pipeline=line)) for _ in range(3)])
    monkeypatch.setattr(slots, "MAX_STARTS", 3)
    done = shop.batch(*(Resize(msgspec.structs.replace(line, slots=3)) for line in lines))
    assert fill(shop, done) == [7, 10, 12]
    started = [row.pipeline_id for row in shop.executions() if row.status == "RUNNING"]
    assert Counter(started) == {line.id: 3 for line in lines}


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_however_many_are_started_at_a_time_each_pipeline_keeps_its_order(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(slots, "MAX_STARTS", most)
    work = shop.task()
    jobs = [shop.job(step("first", work), pipeline=shop.pipeline(slots=count)) for count in (2, 5)]
    fill(shop, shop.batch(*(shop.launch(jobs[number % 2]) for number in range(16))))
    for job, count in zip(jobs, (2, 5), strict=True):
        mine = [row.status for row in shop.executions() if row.job_id == job.id]
        assert mine == ["RUNNING"] * count + ["PENDING"] * (8 - count)


def test_a_job_that_cannot_be_started_fails_and_the_next_one_starts(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job = shop.job(step("first", shop.task()))
    start = decider.start

    def failing_once(*args: object) -> object:
        monkeypatch.setattr(decider, "start", start)
        raise ZeroDivisionError

    monkeypatch.setattr(decider, "start", failing_once)
    shop.batch(shop.launch(job), shop.launch(job))
    assert shop.statuses() == ["FAILED", "RUNNING"]
    assert msgspec.json.decode(shop.executions()[0].failure or "{}")["code"] == "internal_error"
    assert "could not go on" in caplog.text


def test_what_waits_elsewhere_is_not_read(shop: Workshop) -> None:
    work = shop.task()
    narrow, wide = shop.pipeline(slots=1), shop.pipeline(slots=1_000)
    full = shop.job(step("first", work), pipeline=narrow, key="full")
    free = shop.job(step("first", work), pipeline=wide, key="free")
    shop.batch(*(shop.launch(full) for _ in range(50)))
    read: list[int] = []
    load = World.load_pending

    async def counted(world: World, ids: Iterable[str]) -> None:
        known = list(ids)
        read.append(len(known))
        await load(world, known)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(World, "load_pending", counted)
        (held,) = shop.do(shop.claim(work))
        shop.batch(shop.launch(free), shop.report(held))
    assert Counter(shop.statuses()) == {"COMPLETED": 1, "RUNNING": 2, "PENDING": 48}
    assert max(read) == 1


def test_one_transaction_starts_only_so_much(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "MAX_STARTED_BYTES", 250)
    line = shop.pipeline(slots=1)
    job = shop.job(step("first", shop.task()), pipeline=line)
    shop.batch(*(shop.launch(job, {"text": "x" * 100}) for _ in range(6)))
    done = shop.batch(Resize(msgspec.structs.replace(line, slots=6)))
    assert (Counter(shop.statuses()), done.effects.unfilled) == ({"RUNNING": 3, "PENDING": 3}, (line.id,))
    shop.batch(FillSlots((line.id,)))
    shop.batch(FillSlots((line.id,)))
    assert shop.statuses() == ["RUNNING"] * 6


def test_what_is_started_apart_is_what_would_be_started_and_only_as_much(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "MAX_STARTED_BYTES", 250)
    line = shop.pipeline(slots=1)
    job = shop.job(step("first", shop.task()), pipeline=line)
    shop.batch(*(shop.launch(job, {"text": "x" * 100}) for _ in range(7)))
    shop.batch(Resize(msgspec.structs.replace(line, slots=6)))
    ids = [row.id for row in shop.executions()]

    def waiting() -> list[str]:
        found = shop.run(shop.store.write(lambda transaction: slots.next_to_start(transaction, [line.id])))
        assert set(found.values()) <= {line.id}
        return list(found)

    assert waiting() == ids[3:5]
    shop.batch(FillSlots((line.id,), only=(ids[4], ids[0])))
    assert shop.statuses() == ["RUNNING"] * 3 + ["PENDING", "RUNNING"] + ["PENDING"] * 2
    assert waiting() == [ids[3], ids[5]]
    shop.batch(FillSlots((line.id,), only=(ids[3], ids[5], ids[6])))
    assert (shop.statuses(), waiting()) == (["RUNNING"] * 6 + ["PENDING"], [])
