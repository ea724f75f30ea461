"""What a store promises of accounts, their API keys, and the idempotency keys of their requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from data_factory.model.records import AccountRecord, ApiKeyRecord, IdempotencyRecord, KeyUseRecord
from data_factory.store.promises.parts import Pair, Slice


class AccountReads(Protocol):
    """What can be asked of accounts, their API keys, and the idempotency keys of their requests."""

    async def first_account(self) -> AccountRecord | None: ...

    async def oldest_account(self) -> AccountRecord | None:
        """The first account; in a transaction others may make one meanwhile, unlike with `first_account`."""
        ...

    async def account(self, id: str) -> AccountRecord | None:
        """An account; in a transaction it stays as read until that ends."""
        ...

    async def accounts(self, part: Slice) -> list[AccountRecord]:
        """All accounts, newest first."""
        ...

    async def api_key_by_hash(self, hash: str) -> ApiKeyRecord | None: ...

    async def api_key(self, account_id: str, id: str) -> ApiKeyRecord | None: ...

    async def api_keys_by_title(self, account_id: str, title: str) -> list[ApiKeyRecord]: ...

    async def api_keys_of_account(self, account_id: str, part: Slice) -> list[ApiKeyRecord]: ...

    async def idempotency_keys(self, pairs: Iterable[Pair]) -> list[IdempotencyRecord]:
        """These keys: `pairs` of account id and key."""
        ...

    async def key_titles(self, account_id: str, ids: Iterable[str]) -> dict[str, str]:
        """What these API keys are called, those that were revoked too, by their ids."""
        ...


class AccountWrites(Protocol):
    """What can be done of accounts, their API keys, and the idempotency keys of their requests."""

    async def insert_account(self, account: AccountRecord) -> None: ...

    async def update_account(self, account: AccountRecord) -> None:
        """Change the title of an account, and whether it is disabled."""
        ...

    async def note_key_uses(self, uses: Sequence[KeyUseRecord]) -> None:
        """API keys were used; they come in the order of their ids."""
        ...

    async def insert_api_key(self, key: ApiKeyRecord) -> None: ...

    async def revoke_api_key(self, account_id: str, id: str, now: int) -> None: ...

    async def insert_idempotency_keys(self, rows: Sequence[IdempotencyRecord], forget_before: int) -> None:
        """Keep these, and forget some of those made before `forget_before`."""
        ...
