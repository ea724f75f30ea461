"""The verbs of accounts, their API keys, and the idempotency keys of their requests, on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_factory.model.records import AccountRecord, ApiKeyRecord, IdempotencyRecord, KeyUseRecord
from data_factory.store.promises import Pair, Slice
from data_factory.store.sqlite.session import Session, array, as_dict


class Accounts(Session):
    """The verbs of accounts, their API keys, and the idempotency keys of their requests."""

    async def first_account(self) -> AccountRecord | None:
        return self._one(AccountRecord, "first_account")

    async def insert_account(self, account: AccountRecord) -> None:
        self._execute("insert_account", **as_dict(account))

    async def api_key_by_hash(self, hash: str) -> ApiKeyRecord | None:
        return self._one(ApiKeyRecord, "api_key_by_hash", hash=hash)

    async def api_key(self, account_id: str, id: str) -> ApiKeyRecord | None:
        return self._one(ApiKeyRecord, "api_key", account_id=account_id, id=id)

    async def api_keys_by_title(self, account_id: str, title: str) -> list[ApiKeyRecord]:
        return self._all(ApiKeyRecord, "api_keys_by_title", account_id=account_id, title=title)

    async def api_keys_of_account(self, account_id: str, part: Slice) -> list[ApiKeyRecord]:
        return self._listed(ApiKeyRecord, "api_keys_of_account", part, account_id=account_id)

    async def oldest_account(self) -> AccountRecord | None:
        return self._one(AccountRecord, "first_account")

    async def account(self, id: str) -> AccountRecord | None:
        return self._one(AccountRecord, "account", id=id)

    async def accounts(self, part: Slice) -> list[AccountRecord]:
        return self._listed(AccountRecord, "accounts", part)

    async def update_account(self, account: AccountRecord) -> None:
        self._execute("update_account", id=account.id, title=account.title, disabled_at=account.disabled_at)

    async def note_key_uses(self, uses: Sequence[KeyUseRecord]) -> None:
        self._execute_all("note_key_uses", uses)

    async def insert_api_key(self, key: ApiKeyRecord) -> None:
        self._execute("insert_api_key", **as_dict(key))

    async def revoke_api_key(self, account_id: str, id: str, now: int) -> None:
        self._execute("revoke_api_key", account_id=account_id, id=id, now=now)

    async def key_titles(self, account_id: str, ids: Iterable[str]) -> dict[str, str]:
        return dict(self._execute("key_titles", account_id=account_id, ids=array(ids)).fetchall())

    async def idempotency_keys(self, pairs: Iterable[Pair]) -> list[IdempotencyRecord]:
        return self._all(IdempotencyRecord, "idempotency_keys", pairs=array(pairs))

    async def insert_idempotency_keys(self, rows: Sequence[IdempotencyRecord], forget_before: int) -> None:
        self._execute_all("insert_idempotency_keys", rows)
        self._execute("forget_idempotency_keys", before=forget_before)
