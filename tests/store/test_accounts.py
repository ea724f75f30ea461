"""Accounts, and when their keys were used: the same on every store."""

from __future__ import annotations

from functools import partial

import pytest
from msgspec.structs import replace

from data_factory.model.records import AccountRecord, KeyUseRecord
from data_factory.service.paging import Part
from data_factory.store.promises import Store, Transaction
from tests.store.rows import NOW, account, api_key, keep

pytestmark = pytest.mark.anyio


async def test_accounts_are_listed_newest_first_and_go_on_after_a_cursor(store: Store) -> None:
    older, newer = account(), account()  # each is made before the one before it
    await keep(store, older, newer)
    everything = await store.read(lambda reads: reads.accounts(Part(limit=1000)))
    mine = [one for one in everything if one.id in {older.id, newer.id}]
    assert mine == sorted(mine, key=lambda one: one.created_at, reverse=True) != []
    following = await store.read(lambda reads: reads.accounts(Part(cursor=mine[0].id, limit=1)))
    assert following == [mine[1]]
    assert await store.read(lambda reads: reads.accounts(Part(cursor="0" * 24))) == []


async def test_an_account_is_renamed_and_disabled(store: Store) -> None:
    made = account()
    await keep(store, made)
    changed = replace(made, title="theirs", disabled_at=NOW)

    async def work(transaction: Transaction) -> AccountRecord | None:
        found = await transaction.account(made.id)
        await transaction.update_account(changed)
        return found

    assert await store.write(work) == made
    assert await store.read(lambda reads: reads.account(made.id)) == changed
    assert await store.read(lambda reads: reads.account("0" * 24)) is None


async def test_the_last_use_of_a_key_never_goes_back(store: Store) -> None:
    owner = account()
    one, other = sorted((api_key(owner.id), api_key(owner.id, role="viewer", expires_at=NOW)), key=lambda key: key.id)
    await keep(store, owner, one, other)
    for used in ({one: 5, other: 7}, {one: 4}, {other: 9}):
        uses = [KeyUseRecord(key.id, at) for key, at in used.items()]
        uses.append(KeyUseRecord("f" * 24, 1))  # of a key that is not there
        await store.write(partial(_note, uses))
    found = await store.read(lambda reads: reads.api_keys_of_account(owner.id, Part()))
    assert {key.id: key.used_at for key in found} == {one.id: 5, other.id: 9}
    assert {(key.role, key.expires_at) for key in found} == {("admin", None), ("viewer", NOW)}


async def _note(uses: list[KeyUseRecord], transaction: Transaction) -> None:
    await transaction.note_key_uses(uses)
