"""The verbs of variables and secrets, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from data_factory.model.records import SealedRecord, SecretRecord, VariableRecord
from data_factory.store.postgresql.session import Session, WritingSession, as_dict, columns, texts
from data_factory.store.promises import Pair, Slice
from data_factory.store.promises.failures import expect

_by_key = attrgetter("account_id", "key")


class VariableReads(Session):
    """What can be asked of variables and secrets."""

    async def variable(self, account_id: str, id: str) -> VariableRecord | None:
        return await self._one(VariableRecord, "variable", account_id=account_id, id=id)

    async def variables_by_key(self, pairs: Iterable[Pair]) -> list[VariableRecord]:
        account_ids, keys = columns(pairs, 2)
        return await self._all(VariableRecord, "variables_by_key", account_ids=account_ids, keys=keys)

    async def variables_of_account(self, account_id: str, part: Slice) -> list[VariableRecord]:
        return await self._listed(VariableRecord, "variables_of_account", part, account_id=account_id)

    async def secrets_by_key(self, pairs: Iterable[Pair]) -> list[SecretRecord]:
        account_ids, keys = columns(pairs, 2)
        return await self._all(SecretRecord, "secrets_by_key", account_ids=account_ids, keys=keys)

    async def secrets_of_accounts(self, account_ids: Iterable[str]) -> list[SecretRecord]:
        return await self._all(SecretRecord, "secrets_of_accounts", account_ids=texts(account_ids))

    async def sealed_otherwise(self, key_name: str, limit: int) -> list[SealedRecord]:
        return await self._all(SealedRecord, "sealed_otherwise", key_name=key_name, limit=limit)

    async def any_secret(self) -> SecretRecord | None:
        return await self._one(SecretRecord, "any_secret")


class VariableWrites(VariableReads, WritingSession):
    """What can be done with variables and secrets."""

    async def variable(self, account_id: str, id: str) -> VariableRecord | None:
        return await self._one(VariableRecord, "hold_variable", account_id=account_id, id=id)

    async def insert_variable(self, variable: VariableRecord) -> None:
        await self._execute("insert_variable", **as_dict(variable))

    async def update_variable(self, variable: VariableRecord) -> None:
        expect(1, await self._execute("update_variable", **as_dict(variable)))

    async def delete_variable(self, id: str) -> None:
        await self._execute("delete_variable", id=id)

    async def reseal(self, secret: SealedRecord, sealed: str) -> None:
        at = {"account_id": secret.account_id, "key": secret.key, "value": secret.value}
        await self._execute(f"reseal_{secret.place.replace(' ', '_')}", **at, sealed=sealed)

    async def retire_secret(self, secret: SecretRecord, now: int, forget_before: int) -> None:
        await self._execute("insert_former_secret", **as_dict(secret), now=now)
        await self._execute("forget_former_secrets", before=forget_before)
