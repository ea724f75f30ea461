"""That a task is asked for is written down now and then, and costs nothing in between."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from data_factory.model.records import TaskPollRecord
from data_factory.service import polls
from data_factory.service.polls import Polls
from data_factory.store.promises import StoreUnavailable, Transaction
from data_factory.store.sqlite.transaction import SqliteTransaction
from tests.factory import Factory, factory

pytestmark = pytest.mark.anyio


async def written(here: Factory, *ids: str) -> list[TaskPollRecord]:
    return await here.store.read(lambda reads: reads.task_polls(ids))


async def until_written(noting: Polls) -> None:
    writing = noting._writing
    assert writing is not None
    await writing


async def test_a_poll_is_noted_and_the_next_half_minute_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "SOON_S", 0)
    async with factory() as here:
        one, other = await here.task("one"), await here.task("other")
        noting, begin = here.platform.polls, here.now
        await here.polls(one, other, wait=0)
        await until_written(noting)
        assert [poll.polled_at for poll in await written(here, one.id, other.id)] == [begin] * 2
        here.now += polls.EVERY_MS - 1
        await here.polls(one, wait=0)
        assert noting._writing is None
        here.now += 1
        await here.polls(one, wait=0)
        await until_written(noting)
        assert [poll.polled_at for poll in await written(here, one.id)] == [here.now]
        assert [poll.polled_at for poll in await written(here, other.id)] == [begin]


async def test_a_poll_during_the_writing_is_written_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "SOON_S", 0)
    async with factory() as here:
        one, other = await here.task("one"), await here.task("other")
        noting, note_polls = here.platform.polls, SqliteTransaction.note_polls

        async def slow(transaction: SqliteTransaction, rows: Sequence[TaskPollRecord]) -> None:
            noting.note([other.id], "vm-8")
            await note_polls(transaction, rows)

        monkeypatch.setattr(SqliteTransaction, "note_polls", slow)
        noting.note([one.id], "vm-7")
        await until_written(noting)
        assert {poll.worker_id for poll in await written(here, one.id, other.id)} == {"vm-7", "vm-8"}


async def test_a_poll_that_cannot_be_noted_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "SOON_S", 0)
    async with factory() as here:
        work = await here.task()

        async def fails(transaction: Transaction, rows: object) -> None:
            raise StoreUnavailable

        with monkeypatch.context() as broken:
            broken.setattr(SqliteTransaction, "note_polls", fails)
            await here.polls(work, wait=0)
            await until_written(here.platform.polls)
        here.now += polls.EVERY_MS
        await here.polls(work, wait=0)
        await until_written(here.platform.polls)
        assert len(await written(here, work.id)) == 1
