"""Who may use the platform: a key counts once it is kept, and no more once it is revoked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from data_factory.model.errors import Unauthorized
from data_factory.model.ids import IdMaker
from data_factory.service.key_uses import KeyUses
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


async def test_a_key_ends_by_itself_though_it_is_remembered(store: SlowStore) -> None:
    now = [NOW]
    keys = Keys(store, lambda: now[0], IdMaker(lambda: NOW))
    admin = await keys.prepare(None)
    assert admin is not None
    owner = (await keys.caller(admin)).account_id
    _, key = await keys.create(owner, "for a second", "viewer", NOW + 1000)
    now[0] += 999
    assert (await keys.caller(key)).role == "viewer"
    now[0] += 1
    with pytest.raises(Unauthorized, match="expired"):
        await keys.caller(key)
    now[0] -= 1  # a clock that was set back
    await keys.caller(key)


async def test_uses_are_written_in_one_go_and_never_go_back(store: SlowStore) -> None:
    now = [NOW]
    uses = KeyUses(store, lambda: now[0])
    keys = Keys(store, lambda: now[0], IdMaker(lambda: NOW), uses)
    admin = await keys.prepare(None)
    assert admin is not None
    owner = (await keys.caller(admin)).account_id
    record, key = await keys.create(owner, "never used")

    async def used() -> dict[str, int | None]:
        return {one.title: one.used_at for one in await keys.list(owner, Part())}

    assert await used() == {"admin": None, "never used": None}
    now[0] += 5
    await keys.caller(admin)
    await uses.run_once()
    assert await used() == {"admin": NOW + 5, "never used": None}
    now[0] -= 3
    await keys.caller(admin)
    await keys.caller(key)
    await uses.run_once()
    assert await used() == {"admin": NOW + 5, "never used": NOW + 2}
    await keys.revoke(owner, record.id)
    uses.note(record.id, NOW + 9)  # it was on its way
    await uses.run_once()
