"""What a store promises of variables and secrets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from data_factory.model.records import SealedRecord, SecretRecord, VariableRecord
from data_factory.store.promises.parts import Pair, Slice


class VariableReads(Protocol):
    """What can be asked of variables and secrets."""

    async def variable(self, account_id: str, id: str) -> VariableRecord | None:
        """A variable; in a transaction it stays as read until that ends."""
        ...

    async def variables_by_key(self, pairs: Iterable[Pair]) -> list[VariableRecord]:
        """These variables: `pairs` of account id and key."""
        ...

    async def variables_of_account(self, account_id: str, part: Slice) -> list[VariableRecord]: ...

    async def secrets_by_key(self, pairs: Iterable[Pair]) -> list[SecretRecord]:
        """What these secrets are, and what they once were: `pairs` of account id and key."""
        ...

    async def secrets_of_accounts(self, account_ids: Iterable[str]) -> list[SecretRecord]:
        """What all secrets of some accounts are, and what they once were."""
        ...

    async def sealed_otherwise(self, key_name: str, limit: int) -> list[SealedRecord]:
        """Some of the secrets, present and former, of variables and webhooks, that another key has sealed."""
        ...

    async def any_secret(self) -> SecretRecord | None:
        """One of the secrets of whichever account, if there is any."""
        ...


class VariableWrites(Protocol):
    """What can be done of variables and secrets."""

    async def insert_variable(self, variable: VariableRecord) -> None: ...

    async def update_variable(self, variable: VariableRecord) -> None: ...

    async def delete_variable(self, id: str) -> None: ...

    async def reseal(self, secret: SealedRecord, sealed: str) -> None:
        """A secret is sealed anew; one that was changed meanwhile is left as it is."""
        ...

    async def retire_secret(self, secret: SecretRecord, now: int, forget_before: int) -> None:
        """A secret is no longer this; remember it, and forget some of those retired before `forget_before`."""
        ...
