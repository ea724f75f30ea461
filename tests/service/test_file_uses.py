"""Files whose time is over while a job execution still needs them, and whose room they take."""

from __future__ import annotations

from typing import Any

import pytest

from data_factory.model.errors import NotFound, QuotaExceeded
from data_factory.model.records import FileRecord, JobExecutionRecord
from data_factory.service.files import DAY_MS, FileRules
from data_factory.service.paging import Part
from tests.properties.test_retries import retry
from tests.workshop import Orders, Workshop, workshop

LATER = 91 * DAY_MS // 1000
WORK = {"name": "${account}/work", "taskReferenceName": "first"}
SECOND = {**WORK, "taskReferenceName": "second"}
THIRD = {**WORK, "taskReferenceName": "third"}


def bring(shop: Workshop, content: bytes = b"content", account_id: str | None = None) -> FileRecord:
    async def work() -> FileRecord:
        async with shop.platform.files.arrival(account_id or shop.account_id) as arrival:
            await arrival.write(content)
            return await arrival.keep("a.bin", "application/octet-stream")

    return shop.run(work())


def given(file: FileRecord) -> dict[str, Any]:
    return {"file": {"url": f"/v1/data_factory/files/{file.id}/content"}}


def sweep(shop: Workshop) -> None:
    shop.run(shop.platform.retention.run_once(shop.now))


def left(shop: Workshop, account_id: str | None = None) -> list[str]:
    """What the account has, oldest first; each with its content."""
    files = shop.run(shop.platform.files.files(account_id or shop.account_id, Part(limit=100)))
    on_the_disk = {path.name for path in (shop.directory / "files").rglob("*") if path.is_file()}
    assert {file.id for file in files} <= on_the_disk
    return [file.id for file in reversed(files)]


def test_what_a_job_execution_was_given_stays_until_it_has_ended() -> None:
    with workshop() as shop:
        work = shop.task("work")
        job = shop.job(WORK)
        used, unused = bring(shop), bring(shop)
        shop.do(shop.launch(job, given(used)))
        waiting = shop.do(shop.launch(job, given(used)))  # for its slot
        assert left(shop) == [used.id, unused.id]
        shop.wait(LATER)
        for _ in range(2):
            sweep(shop)
            assert left(shop) == [used.id]
            [held] = shop.do(shop.claim(work))
            shop.do(shop.report(held))
        assert shop.statuses() == ["COMPLETED", "COMPLETED"]
        assert held.job_execution_id == waiting.id
        sweep(shop)
        assert left(shop) == []


def test_what_one_task_has_made_is_there_for_the_next_and_for_a_retry() -> None:
    with workshop() as shop:
        work = shop.task("work", retry_count=0)
        run = shop.do(shop.launch(shop.job(WORK, SECOND, THIRD)))
        made, lost = bring(shop), bring(shop)
        [held] = shop.do(shop.claim(work))
        shop.do(shop.report(held, "COMPLETED", given(made)))
        [held] = shop.do(shop.claim(work))
        shop.do(shop.report(held, "FAILED"))
        again: JobExecutionRecord = retry(shop, next(one for one in shop.executions() if one.id == run.id))
        shop.wait(LATER)
        sweep(shop)
        assert left(shop) == [made.id] != [lost.id]
        for _ in range(2):
            [held] = shop.do(shop.claim(work))
            assert held.job_execution_id == again.id
            shop.do(shop.report(held))
        sweep(shop)
        assert left(shop) == []


def test_a_guest_s_file_stays_while_the_owner_s_worker_needs_it_and_takes_the_guest_s_room() -> None:
    with workshop() as shop:
        guest, _, _ = shop.run(shop.platform.accounts.create(shop.account_id, "guest"))
        work = shop.task("work")
        job = shop.job(WORK)
        shop.run(shop.platform.shares.share(shop.account_id, job.id, guest.id))
        shop.platform.files.rules = FileRules(quota_bytes=10)
        theirs, mine = bring(shop, b"123456", guest.id), bring(shop, b"123456")
        shop.do(Orders(guest.id, shop.new_id).launch(job, given(theirs)))
        with pytest.raises(QuotaExceeded):
            bring(shop, b"12345", guest.id)
        shop.wait(LATER)
        sweep(shop)
        assert (left(shop), left(shop, guest.id)) == ([], [theirs.id]), "to read is all"
        bring(shop, b"1234567890")  # of the owner's own, all room is free
        with pytest.raises(QuotaExceeded):
            bring(shop, b"12345", guest.id)
        [held] = shop.do(shop.claim(work))
        assert shop.run(shop.platform.files.file(shop.account_id, theirs.id)) == theirs
        shop.do(shop.report(held))
        sweep(shop)
        assert left(shop, guest.id) == []
        for account_id in (shop.account_id, guest.id):
            with pytest.raises(NotFound):
                shop.run(shop.platform.files.file(account_id, theirs.id))
        assert mine.id not in left(shop)
        bring(shop, b"1234567890", guest.id)


def test_what_a_task_has_so_far_stays_too() -> None:
    with workshop() as shop:
        work = shop.task("work")
        shop.do(shop.launch(shop.job(WORK)))
        [held] = shop.do(shop.claim(work))
        half = bring(shop)
        shop.do(shop.report(held, "IN_PROGRESS", given(half)))
        shop.wait(LATER)
        sweep(shop)
        assert left(shop) == [half.id]
