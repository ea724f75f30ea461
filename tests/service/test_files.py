"""Files on a platform: what is kept, what is refused, and that nothing is left of what is not there."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from data_factory.model.errors import (
    IdempotencyKeyReused,
    NotFound,
    QuotaExceeded,
    TooLarge,
    Unavailable,
)
from data_factory.model.records import FileRecord
from data_factory.service.commands import IdempotencyKey
from data_factory.service.files import ARRIVAL_MS, Arrival, FileRules
from data_factory.service.paging import Part
from data_factory.service.platform import Platform
from data_factory.store.blobs import BLOCK_BYTES, NoRoom
from data_factory.store.disk import DiskBlobs, DiskDraft
from data_factory.store.sqlite import SqliteStore
from tests.running import KEY

pytestmark = pytest.mark.anyio

START = 1_700_000_000_000
RULES = FileRules(max_bytes=3 * BLOCK_BYTES, retention_ms=1_000, quota_bytes=4 * BLOCK_BYTES)


class Depot:
    """A platform whose loops do not run, and its account; `now` is the time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = START
        self.blobs = DiskBlobs(directory / "files")
        self.platform = Platform(SqliteStore(directory), self.blobs, RULES, clock=lambda: self.now)
        self.files = self.platform.files
        self.account = ""

    async def open(self) -> None:
        await self.platform.keys.prepare(KEY)
        self.account = (await self.platform.keys.caller(KEY)).account_id

    def arrival(self) -> Arrival:
        return self.files.arrival(self.account)

    async def bring(self, content: bytes, key: IdempotencyKey | None = None) -> FileRecord:
        async with self.arrival() as arrival:
            for begin in range(0, len(content), 65_536):
                await arrival.write(content[begin : begin + 65_536])
            return await arrival.keep("a.bin", "application/octet-stream", key)

    async def content(self, file: FileRecord) -> bytes:
        _, blob = await self.files.open(self.account, file.id)
        content = b"".join([block async for block in blob.read(0, file.size)])
        await blob.close()
        return content

    async def sweep(self) -> None:
        await self.platform.retention.run_once(self.now)

    def on_the_disk(self) -> set[str]:
        return {path.name for path in (self.directory / "files").rglob("*") if path.is_file()}

    async def listed(self) -> list[str]:
        return [file.id for file in await self.files.files(self.account, Part(limit=100))]

    async def room_left(self) -> int:
        tally = await self.platform.store.read(lambda reads: reads.file_tally(self.account))
        return RULES.quota_bytes - (tally.bytes if tally else 0)


@pytest.fixture
async def depot(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Depot]:
    depot = Depot(tmp_path)
    await depot.open()
    yield depot
    await depot.platform.stop()


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 1])
async def test_what_comes_is_what_is_kept(depot: Depot, size: int) -> None:
    content = os.urandom(size)
    kept = await depot.bring(content)
    assert await depot.files.file(depot.account, kept.id) == kept
    assert (kept.size, kept.due_at, kept.created_at) == (size, START + 1_000, START)
    assert await depot.content(kept) == content
    assert depot.on_the_disk() == {kept.id}


async def test_nothing_is_seen_of_a_file_before_all_of_it_is_there_nor_left_of_one_that_never_was(depot: Depot) -> None:
    async with depot.arrival() as arrival:
        await arrival.write(b"x" * BLOCK_BYTES)
        assert [name.endswith(".part") for name in depot.on_the_disk()] == [True]
        assert await depot.listed() == []
    assert depot.on_the_disk() == set()
    await depot.sweep()
    assert await depot.platform.store.read(lambda reads: reads.next_due_file()) is None


async def test_one_of_which_nothing_has_come_costs_nothing(depot: Depot) -> None:
    async with depot.arrival():
        pass
    assert await depot.platform.store.read(lambda reads: reads.next_due_file()) is None


async def test_more_than_a_file_may_have_is_refused_when_it_is_announced_or_when_it_has_come(depot: Depot) -> None:
    async with depot.arrival() as arrival:
        with pytest.raises(TooLarge, match="3,145,728 bytes"):
            await arrival.expect(RULES.max_bytes + 1)
        await arrival.write(b"x" * RULES.max_bytes)
        with pytest.raises(TooLarge):
            await arrival.write(b"x")
    await depot.sweep()
    assert depot.on_the_disk() == set()


async def test_an_account_has_so_much_room_and_has_it_again(depot: Depot) -> None:
    first = await depot.bring(b"x" * (2 * BLOCK_BYTES))
    with pytest.raises(QuotaExceeded, match="4,194,304 bytes in all"):
        await depot.bring(b"x" * (2 * BLOCK_BYTES + 1))
    with pytest.raises(QuotaExceeded):
        await depot.arrival().expect(2 * BLOCK_BYTES + 1)
    await depot.sweep()
    assert depot.on_the_disk() == {first.id}
    await depot.bring(b"x" * (2 * BLOCK_BYTES))
    assert await depot.room_left() == 0
    await depot.files.delete(depot.account, first.id)
    assert await depot.room_left() == 2 * BLOCK_BYTES


async def test_two_that_arrive_together_do_not_both_get_the_last_room(depot: Depot) -> None:
    async with depot.arrival() as one, depot.arrival() as other:
        for arrival in (one, other):
            await arrival.expect(3 * BLOCK_BYTES)
            await arrival.write(b"x" * (3 * BLOCK_BYTES))
        kept = await one.keep("a", "a/b")
        with pytest.raises(QuotaExceeded):
            await other.keep("b", "a/b")
    await depot.sweep()
    assert depot.on_the_disk() == {kept.id}


async def test_a_request_that_is_repeated_brings_one_file(depot: Depot) -> None:
    key = IdempotencyKey(key="k", fingerprint="f")
    kept = await depot.bring(b"content", key)
    assert await depot.bring(b"content", key) == kept
    with pytest.raises(IdempotencyKeyReused):
        await depot.bring(b"other", key)
    await depot.sweep()
    assert (await depot.listed(), depot.on_the_disk()) == ([kept.id], {kept.id})


async def test_a_file_goes_when_its_time_is_over(depot: Depot) -> None:
    kept = await depot.bring(b"content")
    depot.now += 999
    await depot.sweep()
    assert await depot.content(kept) == b"content"
    depot.now += 1
    await depot.sweep()
    assert depot.on_the_disk() == set()
    with pytest.raises(NotFound):
        await depot.files.file(depot.account, kept.id)
    assert await depot.room_left() == RULES.quota_bytes


async def test_more_than_one_sweep_takes_at_a_time(depot: Depot) -> None:
    for _ in range(101):
        await depot.bring(b"")
    depot.now += 1_000
    await depot.sweep()
    assert (await depot.listed(), depot.on_the_disk()) == ([], set())


async def test_a_file_that_is_deleted_is_gone_at_once_and_its_content_soon(depot: Depot) -> None:
    kept = await depot.bring(b"content")
    assert await depot.files.delete(depot.account, kept.id) == kept
    with pytest.raises(NotFound):
        await depot.files.delete(depot.account, kept.id)
    await depot.sweep()
    assert depot.on_the_disk() == set()


async def test_a_sweep_that_was_interrupted_is_finished_by_the_next(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await depot.bring(b"content")
    depot.now += 1_000

    async def fail(_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(depot.blobs, "remove", fail)
        with pytest.raises(Unavailable):
            await depot.sweep()
    assert (await depot.listed(), depot.on_the_disk()) == ([], {kept.id})
    assert await depot.room_left() == RULES.quota_bytes
    await depot.sweep()
    assert depot.on_the_disk() == set()
    assert await depot.room_left() == RULES.quota_bytes


async def test_what_a_crash_left_half_way_is_swept_at_the_next_start(depot: Depot, tmp_path: Path) -> None:
    kept = await depot.bring(b"content")
    arrival = depot.arrival()
    await arrival.write(b"x" * BLOCK_BYTES)
    complete = depot.arrival()
    draft = await complete._flush()
    await draft.keep()
    assert len(depot.on_the_disk()) == 3
    await depot.platform.stop()
    next_one = Depot(tmp_path)
    next_one.now = START + 1
    await next_one.platform.start(KEY)
    await next_one.platform.retention.stop()
    await next_one.sweep()
    assert next_one.on_the_disk() == {kept.id}
    await next_one.platform.stop()


async def test_one_that_nobody_brings_to_its_end_is_given_up(depot: Depot) -> None:
    arrival = depot.arrival()
    await arrival.write(b"x" * BLOCK_BYTES)
    depot.now += ARRIVAL_MS
    await depot.sweep()
    assert depot.on_the_disk() == set()
    with pytest.raises(Unavailable):
        await arrival.keep("a", "a/b")
    assert (await depot.listed(), depot.on_the_disk()) == ([], set())


async def test_a_disk_that_is_full_keeps_nothing_and_says_so(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: object, _data: object) -> None:
        raise NoRoom

    with monkeypatch.context() as patch:
        patch.setattr(DiskDraft, "_write", full)
        with pytest.raises(NoRoom):
            await depot.bring(b"content")
    await depot.sweep()
    assert (await depot.listed(), depot.on_the_disk()) == ([], set())
    assert await depot.content(await depot.bring(b"content")) == b"content"


async def test_content_that_is_not_where_it_should_be_is_not_taken_for_a_file_that_is_not_there(depot: Depot) -> None:
    kept = await depot.bring(b"content")
    (depot.directory / "files" / kept.id[-2:] / kept.id).unlink()
    with pytest.raises(Unavailable, match="not where this server looks"):
        await depot.files.open(depot.account, kept.id)


async def test_another_account_has_neither_the_file_nor_its_content(depot: Depot) -> None:
    kept = await depot.bring(b"content")
    for ask in (depot.files.file, depot.files.open, depot.files.delete):
        with pytest.raises(NotFound):
            await ask("0" * 24, kept.id)
    assert await depot.files.known("0" * 24, {kept.id}) == {}
    assert await depot.files.known(depot.account, {kept.id}) == {kept.id: kept}


async def test_the_loop_is_woken_by_what_comes_due_earlier(depot: Depot) -> None:
    kept = await depot.bring(b"content")
    depot.platform.retention.start()
    await depot.files.delete(depot.account, kept.id)
    while await depot.platform.store.read(lambda reads: reads.next_due_file()) is not None:
        pass
    assert depot.on_the_disk() == set()
