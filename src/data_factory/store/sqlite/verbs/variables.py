"""The verbs of variables and secrets, on SQLite."""

from __future__ import annotations

from collections.abc import Iterable

from data_factory.model.records import SealedRecord, SecretRecord, VariableRecord
from data_factory.store.promises import Pair, Slice
from data_factory.store.promises.failures import expect
from data_factory.store.sqlite.session import Session, array, as_dict


class Variables(Session):
    """The verbs of variables and secrets."""

    async def variable(self, account_id: str, id: str) -> VariableRecord | None:
        return self._one(VariableRecord, "variable", account_id=account_id, id=id)

    async def variables_by_key(self, pairs: Iterable[Pair]) -> list[VariableRecord]:
        return self._all(VariableRecord, "variables_by_key", pairs=array(pairs))

    async def variables_of_account(self, account_id: str, part: Slice) -> list[VariableRecord]:
        return self._listed(VariableRecord, "variables_of_account", part, account_id=account_id)

    async def secrets_by_key(self, pairs: Iterable[Pair]) -> list[SecretRecord]:
        return self._all(SecretRecord, "secrets_by_key", pairs=array(pairs))

    async def secrets_of_accounts(self, account_ids: Iterable[str]) -> list[SecretRecord]:
        return self._all(SecretRecord, "secrets_of_accounts", account_ids=array(account_ids))

    async def sealed_otherwise(self, key_name: str, limit: int) -> list[SealedRecord]:
        return self._all(SealedRecord, "sealed_otherwise", key_name=key_name, limit=limit)

    async def any_secret(self) -> SecretRecord | None:
        return self._one(SecretRecord, "any_secret")

    async def insert_variable(self, variable: VariableRecord) -> None:
        self._execute("insert_variable", **as_dict(variable))

    async def update_variable(self, variable: VariableRecord) -> None:
        expect(1, self._execute("update_variable", **as_dict(variable)).rowcount)

    async def delete_variable(self, id: str) -> None:
        self._execute("delete_variable", id=id)

    async def reseal(self, secret: SealedRecord, sealed: str) -> None:
        at = {"account_id": secret.account_id, "key": secret.key, "value": secret.value}
        self._execute(f"reseal_{secret.place.replace(' ', '_')}", **at, sealed=sealed)

    async def retire_secret(self, secret: SecretRecord, now: int, forget_before: int) -> None:
        self._execute("insert_former_secret", **as_dict(secret), now=now)
        self._execute("forget_former_secrets", before=forget_before)
