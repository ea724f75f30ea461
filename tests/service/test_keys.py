"""Who may use the platform: a key counts once it is kept, and no more once it is revoked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from data_factory.model.errors import Unauthorized
from data_factory.model.ids import IdMaker
from data_factory.service.keys import Keys
from data_factory.service.paging import Part
from data_factory.store.promises import Reads
from data_factory.store.sqlite import SqliteStore

NOW = 1_700_000_000_000

pytestmark = pytest.mark.anyio


class SlowStore(SqliteStore):
    """Its answers to reads arrive when the gate is open."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def read(self, work: Callable[[Reads], Awaitable[Any]]) -> Any:
        found = await super().read(work)
        self.asked.set()
        await self.gate.wait()
        return found


@pytest.fixture
async def store(tmp_path: Path, anyio_backend: str) -> AsyncIterator[SlowStore]:
    store = SlowStore(tmp_path)
    yield store
    await store.close()


def keys_on(store: SqliteStore) -> Keys:
    return Keys(store, lambda: NOW, IdMaker(lambda: NOW))


async def test_a_key_that_is_revoked_while_it_is_looked_up_is_not_remembered(store: SlowStore) -> None:
    keys = keys_on(store)
    admin = await keys.prepare(None)
    assert admin is not None
    owner = (await keys.caller(admin)).account_id
    record, key = await keys.create(owner, "laptop")
    store.gate.clear()
    store.asked.clear()
    asking = asyncio.create_task(keys.caller(key))
    await store.asked.wait()
    await keys.revoke(owner, record.id)
    store.gate.set()
    await asking  # it began before the key was revoked
    with pytest.raises(Unauthorized):
        await keys.caller(key)


async def test_the_first_key_is_kept_before_it_counts(store: SlowStore) -> None:
    """Who cannot keep it has no account yet, and the next start makes another."""
    kept: list[str] = []

    def fail(_key: str) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        await keys_on(store).prepare(None, fail)
    assert await store.read(lambda reads: reads.first_account()) is None
    made = await keys_on(store).prepare(None, kept.append)
    assert kept == [made]
    assert await keys_on(store).prepare(None, fail) is None


async def test_a_fixed_key_is_not_kept_and_replaces_the_one_before(store: SlowStore) -> None:
    kept: list[str] = []
    for key in ("the-first-fixed-key", "the-second-fixed-key", "the-first-fixed-key"):
        assert await keys_on(store).prepare(key, kept.append) is None
        owner = (await keys_on(store).caller(key)).account_id
        assert len(await keys_on(store).list(owner, Part())) == 1
    assert kept == []
    with pytest.raises(Unauthorized):
        await keys_on(store).caller("the-second-fixed-key")
