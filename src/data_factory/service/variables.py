"""The variables of the accounts. What a secret says is encrypted on its way in, and comes out in hand-outs only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.definitions import VariableDefinition
from data_factory.model.errors import FieldError, IdempotencyKeyReused, Invalid, KeyTaken, NotFound, SecretUnreadable
from data_factory.model.ids import NewId
from data_factory.model.records import IdempotencyRecord, SecretRecord, VariableRecord
from data_factory.service.audit import note
from data_factory.service.batch import IDEMPOTENCY_MS
from data_factory.service.clock import Clock
from data_factory.service.commands import IdempotencyKey
from data_factory.service.paging import Part
from data_factory.service.vault import ENVIRONMENT, KEY_FILE, UnusableSecretKey, Vault
from data_factory.store.promises import ImpossibleWrite, Reads, Store, Transaction

REMEMBERED_MS: Final = 90 * 24 * 3600 * 1000
"""For how long a secret that was replaced or deleted is still taken out of what workers tell."""


class Variables:
    """The variables of the accounts."""

    def __init__(self, store: Store, vault: Vault, clock: Clock, new_id: NewId) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._new_id = new_id

    async def check(self) -> None:
        """Make sure that the secrets that are there can be read.

        Raises:
            UnusableSecretKey: they cannot; the message says what to do.
        """
        secret = await self._store.read(lambda reads: reads.any_secret())
        if secret is None:
            return
        try:
            self._vault.unseal(secret.value, secret.account_id, secret.key)
        except SecretUnreadable as error:
            raise UnusableSecretKey(
                f"{error.message} Give the key with which its secrets were encrypted in {ENVIRONMENT}: of a server on "
                f"SQLite, it is in the file {KEY_FILE} of its data directory."
            ) from error

    async def create(
        self,
        account_id: str,
        definition: VariableDefinition,
        idempotency: IdempotencyKey | None = None,
        by: Actor = SYSTEM,
    ) -> VariableRecord:
        """Make a variable.

        Raises:
            KeyTaken: the account has one with this key.
            NoSecretKey: it is secret, and the server has no key to encrypt it with.
            Invalid: `secret` and `isSecret` contradict each other.
        """
        now = self._clock()
        variable = self._record(account_id, self._new_id(), definition, now)
        if idempotency is not None and variable.is_secret:  # a plain fingerprint would tell a secret to who guesses it
            idempotency = replace(idempotency, fingerprint=self._vault.fingerprint(idempotency.fingerprint))

        async def work(transaction: Transaction) -> VariableRecord:
            if idempotency is not None:
                for earlier in await transaction.idempotency_keys([(account_id, idempotency.key)]):
                    if earlier.fingerprint != idempotency.fingerprint:
                        raise IdempotencyKeyReused
                    return await _variable_of(transaction, account_id, earlier.resource_id)
            await _refuse_taken(transaction, variable)
            await transaction.insert_variable(variable)
            await self._note(transaction, "variable.created", by, variable)
            if idempotency is not None:
                made = IdempotencyRecord(account_id, idempotency.key, idempotency.fingerprint, variable.id, now)
                await transaction.insert_idempotency_keys([made], now - IDEMPOTENCY_MS)
            return variable

        return await self._write(work, definition.key)

    async def variable(self, account_id: str, id: str) -> VariableRecord:
        """A variable; NotFound when there is none."""
        return await self._store.read(lambda reads: _variable_of(reads, account_id, id))

    async def variables(self, account_id: str, part: Part, key: str | None = None) -> list[VariableRecord]:
        """Variables, newest first; the one with this key if it is given."""
        if key is not None:
            first = part.cursor is None and part.offset == 0
            return await self._store.read(lambda reads: reads.variables_by_key([(account_id, key)])) if first else []
        return await self._store.read(lambda reads: reads.variables_of_account(account_id, part))

    async def update(
        self, account_id: str, id: str, definition: VariableDefinition, by: Actor = SYSTEM
    ) -> VariableRecord:
        """Replace a variable. What stays a secret, and is given no value, keeps the one that nobody can read.

        Raises:
            NotFound: there is none.
            KeyTaken: another one has this key.
            NoSecretKey, SecretUnreadable: it is secret, and the server has not the key for it.
            Invalid: `secret` and `isSecret` contradict each other.
        """

        async def work(transaction: Transaction) -> VariableRecord:
            present = await _variable_of(transaction, account_id, id)
            now = self._clock()
            if present.is_secret and is_secret(definition) and definition.value in (UNSET, ""):
                kept = self._vault.unseal(present.value, account_id, present.key)
                changed = self._record(account_id, id, definition, now, kept)
            else:
                changed = self._record(account_id, id, definition, now)
            changed = replace(changed, created_at=present.created_at)
            await _refuse_taken(transaction, changed)
            await self._retire(transaction, present, now)
            await transaction.update_variable(changed)
            await self._note(transaction, "variable.updated", by, changed)
            return changed

        return await self._write(work, definition.key)

    async def delete(self, account_id: str, id: str, by: Actor = SYSTEM) -> VariableRecord:
        """Delete a variable: what is handed out from now on gets an empty text instead.

        Raises:
            NotFound: there is none.
        """

        async def work(transaction: Transaction) -> VariableRecord:
            present = await _variable_of(transaction, account_id, id)
            await self._retire(transaction, present, self._clock())
            await transaction.delete_variable(id)
            await self._note(transaction, "variable.deleted", by, present)
            return present

        return await self._store.write(work)

    async def _note(self, transaction: Transaction, kind: str, by: Actor, variable: VariableRecord) -> None:
        """What was done, and to which; never a value."""
        about = {"key": variable.key, "isSecret": bool(variable.is_secret)}
        await note(transaction, kind, by, self._clock(), self._new_id, variable, **about)

    async def _write(self, work: Callable[[Transaction], Awaitable[VariableRecord]], key: str) -> VariableRecord:
        try:
            return await self._store.write(work)
        except ImpossibleWrite:  # another one was given the key at the same moment
            raise _key_taken(key) from None

    async def _retire(self, transaction: Transaction, present: VariableRecord, now: int) -> None:
        if present.is_secret:
            secret = SecretRecord(present.account_id, present.key, present.value)
            await transaction.retire_secret(secret, now, now - REMEMBERED_MS)

    def _record(
        self, account_id: str, id: str, definition: VariableDefinition, now: int, kept: str = ""
    ) -> VariableRecord:
        secret = is_secret(definition)
        value = kept if definition.value is UNSET or not definition.value else definition.value
        return VariableRecord(
            id=id,
            account_id=account_id,
            key=definition.key,
            title=definition.name,
            status=definition.status,
            is_secret=int(secret),
            value=self._vault.seal(account_id, definition.key, value) if secret else value,
            created_at=now,
            updated_at=now,
        )


def is_secret(definition: VariableDefinition) -> bool:
    """Whether a variable is to be secret, in whichever spelling that is said.

    Raises:
        Invalid: it is said in both, and they contradict each other.
    """
    said = {flag for flag in (definition.is_secret, definition.secret) if flag is not UNSET}
    if len(said) > 1:
        raise Invalid(errors=(FieldError("secret", "contradicts `isSecret`"),))
    return said == {True}


async def _variable_of(reads: Reads, account_id: str, id: str) -> VariableRecord:
    variable = await reads.variable(account_id, id)
    if variable is None:
        raise NotFound(f"There is no variable {id!r} in this account.")
    return variable


async def _refuse_taken(transaction: Transaction, variable: VariableRecord) -> None:
    for other in await transaction.variables_by_key([(variable.account_id, variable.key)]):
        if other.id != variable.id:
            raise _key_taken(variable.key)


def _key_taken(key: str) -> KeyTaken:
    return KeyTaken(f"There is already a variable with the key {key!r} in this account.")
