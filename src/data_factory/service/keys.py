"""Accounts and their API keys. Only the SHA-256 of a key is kept; a key has 256 bits of chance, so that is enough."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

import msgspec

from data_factory.model.errors import FieldError, Invalid, NotFound, Unauthorized
from data_factory.model.ids import NewId
from data_factory.model.records import AccountRecord, ApiKeyRecord, PipelineRecord
from data_factory.service import news
from data_factory.service.clock import Clock
from data_factory.service.paging import Part
from data_factory.store.promises import Store, Transaction, WriteUnderWay

PREFIX: Final = "df_"
ENVIRONMENT: Final = "DATA_FACTORY_API_KEY"
"""The title of the key that `DATA_FACTORY_API_KEY` sets."""

_REMEMBERED: Final = 10_000

Keep = Callable[[str], None]


class Caller(msgspec.Struct, frozen=True):
    """Who makes a request: an account, by one of its keys."""

    account_id: str
    key_id: str


class Keys:
    """Who may use the platform."""

    def __init__(self, store: Store, clock: Clock, new_id: NewId) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._callers: dict[str, Caller] = {}
        self._forgotten = 0
        self._remembers = True

    async def prepare(self, fixed: str | None, keep: Keep | None = None) -> str | None:
        """Make the account, its default pipeline and its first key, if this is the first start.

        `fixed` is a key that is to be valid (and replaces the one given so before); without it the first start makes
        one, which is returned, now and never again. `keep` is given it before it counts: whoever dies in between has
        it already.
        """
        made, _ = await self._store.write(lambda transaction: self._prepare(transaction, fixed, keep), tell=_revoked)
        return made

    async def caller(self, key: str) -> Caller:
        """Whose key this is.

        Raises:
            Unauthorized: nobody's.
        """
        hash = _hash(key)
        caller = self._callers.get(hash)
        if caller is None:
            forgotten = self._forgotten
            record = await self._store.read(lambda reads: reads.api_key_by_hash(hash))
            if record is None:
                raise Unauthorized("The API key is not valid: it is not known, or it was revoked.")
            caller = Caller(record.account_id, record.id)
            # What was revoked while it was looked up must not be remembered.
            if self._remembers and forgotten == self._forgotten and len(self._callers) < _REMEMBERED:
                self._callers[hash] = caller
        return caller

    def forget(self, key_ids: Collection[str] | None = None) -> None:
        """These keys, or all, may have been revoked: who comes with one is looked up again."""
        self._forgotten += 1
        self._callers = {
            hash: caller
            for hash, caller in self._callers.items()
            if key_ids is not None and caller.key_id not in key_ids
        }

    def remember(self, may: bool) -> None:
        """Whether callers may be remembered: not while nobody would tell that a key was revoked."""
        self._remembers = may
        self.forget()

    async def create(self, account_id: str, title: str) -> tuple[ApiKeyRecord, str]:
        """A new key, and its record.

        Raises:
            Invalid: the title is that of the key which the environment sets.
        """
        if title == ENVIRONMENT:
            raise Invalid(errors=(FieldError("title", f"{ENVIRONMENT} is the title of the key that it sets"),))
        record, key = self._made(account_id, title, PREFIX + secrets.token_urlsafe(32))
        await self._store.write(lambda transaction: transaction.insert_api_key(record))
        return record, key

    async def list(self, account_id: str, part: Part) -> list[ApiKeyRecord]:
        """The keys that are valid, newest first."""
        return await self._store.read(lambda reads: reads.api_keys_of_account(account_id, part))

    async def revoke(self, account_id: str, id: str) -> ApiKeyRecord:
        """End a key, from now on.

        Raises:
            NotFound: there is none.
        """

        async def work(transaction: Transaction) -> ApiKeyRecord:
            record = await transaction.api_key(account_id, id)
            if record is None:
                raise NotFound(f"There is no API key {id!r} in this account.")
            await transaction.revoke_api_key(account_id, id, self._clock())
            return record

        try:
            record = await self._store.write(work, tell=lambda record: news.of_revoked([record.id]))
        except WriteUnderWay as unknown:
            unknown.end.add_done_callback(lambda _: self.forget([id]))
            raise
        self.forget([id])
        return record

    def _prepare(
        self, transaction: Transaction, fixed: str | None, keep: Keep | None
    ) -> Awaitable[tuple[str | None, Sequence[str]]]:
        """The key that was made, and the ids of those that were revoked."""

        async def work() -> tuple[str | None, Sequence[str]]:
            account = await transaction.first_account()
            first = account is None
            if account is None:
                account = await self._first_account(transaction)
            if fixed is not None:
                return None, await self._set_environment_key(transaction, account.id, fixed)
            if not first:
                return None, []
            record, key = self._made(account.id, "admin", PREFIX + secrets.token_urlsafe(32))
            await transaction.insert_api_key(record)
            if keep is not None:
                keep(key)
            return key, []

        return work()

    async def _first_account(self, transaction: Transaction) -> AccountRecord:
        now = self._clock()
        account = AccountRecord(id=self._new_id(), title="default", created_at=now)
        await transaction.insert_account(account)
        await transaction.insert_pipeline(
            PipelineRecord(
                id=self._new_id(),
                account_id=account.id,
                title="default",
                slots=1,
                is_default=1,
                created_at=now,
                updated_at=now,
            )
        )
        return account

    async def _set_environment_key(self, transaction: Transaction, account_id: str, key: str) -> Sequence[str]:
        if await transaction.api_key_by_hash(_hash(key)) is not None:
            return []
        former = await transaction.api_keys_by_title(account_id, ENVIRONMENT)
        for old in former:
            await transaction.revoke_api_key(account_id, old.id, self._clock())
        record, _ = self._made(account_id, ENVIRONMENT, key)
        await transaction.insert_api_key(record)
        return [old.id for old in former]

    def _made(self, account_id: str, title: str, key: str) -> tuple[ApiKeyRecord, str]:
        record = ApiKeyRecord(
            id=self._new_id(),
            account_id=account_id,
            title=title,
            prefix=key[:6],
            hash=_hash(key),
            created_at=self._clock(),
            revoked_at=None,
        )
        return record, key


def _revoked(prepared: tuple[str | None, Sequence[str]]) -> Sequence[str]:
    return news.of_revoked(prepared[1])


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
