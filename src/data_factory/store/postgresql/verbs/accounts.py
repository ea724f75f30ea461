"""The verbs of accounts, their API keys, and the idempotency keys of their requests, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from data_factory.model.records import AccountRecord, ApiKeyRecord, IdempotencyRecord, KeyUseRecord
from data_factory.store.postgresql.session import Session, WritingSession, as_dict, columns, texts
from data_factory.store.promises import Pair, Slice

_by_key = attrgetter("account_id", "key")


class AccountReads(Session):
    """What can be asked of accounts, their API keys, and the idempotency keys of their requests."""

    async def first_account(self) -> AccountRecord | None:
        return await self._one(AccountRecord, "first_account")

    async def oldest_account(self) -> AccountRecord | None:
        return await self._one(AccountRecord, "first_account")

    async def account(self, id: str) -> AccountRecord | None:
        return await self._one(AccountRecord, "account", id=id)

    async def accounts(self, part: Slice) -> list[AccountRecord]:
        return await self._listed(AccountRecord, "accounts", part)

    async def api_key_by_hash(self, hash: str) -> ApiKeyRecord | None:
        return await self._one(ApiKeyRecord, "api_key_by_hash", hash=hash)

    async def api_key(self, account_id: str, id: str) -> ApiKeyRecord | None:
        return await self._one(ApiKeyRecord, "api_key", account_id=account_id, id=id)

    async def api_keys_by_title(self, account_id: str, title: str) -> list[ApiKeyRecord]:
        return await self._all(ApiKeyRecord, "api_keys_by_title", account_id=account_id, title=title)

    async def api_keys_of_account(self, account_id: str, part: Slice) -> list[ApiKeyRecord]:
        return await self._listed(ApiKeyRecord, "api_keys_of_account", part, account_id=account_id)

    async def key_titles(self, account_id: str, ids: Iterable[str]) -> dict[str, str]:
        rows = await self._fetch("key_titles", account_id=account_id, ids=texts(ids))
        return {row[0]: row[1] for row in rows}

    async def idempotency_keys(self, pairs: Iterable[Pair]) -> list[IdempotencyRecord]:
        account_ids, keys = columns(pairs, 2)
        return await self._all(IdempotencyRecord, "idempotency_keys", account_ids=account_ids, keys=keys)


class AccountWrites(AccountReads, WritingSession):
    """What can be done with accounts, their API keys, and the idempotency keys of their requests."""

    async def first_account(self) -> AccountRecord | None:
        await self._connection.execute(self._sql["hold_accounts"].sql)
        return await super().first_account()

    async def insert_account(self, account: AccountRecord) -> None:
        await self._execute("insert_account", **as_dict(account))

    async def account(self, id: str) -> AccountRecord | None:
        return await self._one(AccountRecord, "hold_account", id=id)

    async def update_account(self, account: AccountRecord) -> None:
        await self._execute("update_account", id=account.id, title=account.title, disabled_at=account.disabled_at)

    async def note_key_uses(self, uses: Sequence[KeyUseRecord]) -> None:
        await self._insert_all("note_key_uses", uses)

    async def insert_api_key(self, key: ApiKeyRecord) -> None:
        await self._execute("insert_api_key", **as_dict(key))

    async def revoke_api_key(self, account_id: str, id: str, now: int) -> None:
        await self._execute("revoke_api_key", account_id=account_id, id=id, now=now)

    async def insert_idempotency_keys(self, rows: Sequence[IdempotencyRecord], forget_before: int) -> None:
        # In the order of the keys: two requests that use the same ones wait for each other one way only.
        await self._insert_all("insert_idempotency_keys", sorted(rows, key=_by_key))
        await self._execute("forget_idempotency_keys", before=forget_before)
