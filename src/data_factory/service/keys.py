"""Accounts and their API keys. Only the SHA-256 of a key is kept; a key has 256 bits of chance, so that is enough."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
from msgspec.structs import replace

from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.errors import AccountDisabled, FieldError, Invalid, NotFound, Unauthorized
from data_factory.model.ids import NewId
from data_factory.model.rates import Rate, parse_rate
from data_factory.model.records import AccountRecord, ApiKeyRecord, PipelineRecord
from data_factory.model.status import Role
from data_factory.service import news
from data_factory.service.audit import note
from data_factory.service.clock import Clock
from data_factory.service.key_uses import KeyUses
from data_factory.service.paging import Part
from data_factory.service.waiting_room import Presence
from data_factory.store.promises import Reads, Store, Transaction, WriteUnderWay

PREFIX: Final = "df_"
ENVIRONMENT: Final = "DATA_FACTORY_API_KEY"
"""The title of the key that `DATA_FACTORY_API_KEY` sets."""

_REMEMBERED: Final = 10_000

Keep = Callable[[str], None]


class Caller(msgspec.Struct, frozen=True):
    """Who makes a request: an account, by one of its keys."""

    account_id: str
    key_id: str
    role: Role = "admin"
    expires_at: int | None = None
    rate: Rate | None = None
    """How many requests may be sent with the key; without one, as many as one likes."""


class Keys:
    """Who may use the platform."""

    def __init__(
        self, store: Store, clock: Clock, new_id: NewId, uses: KeyUses | None = None, rate: Rate | None = None
    ) -> None:
        self._store = store
        self._rate = rate
        self._uses = uses or KeyUses(store, clock)
        self._clock = clock
        self._new_id = new_id
        self._callers: dict[str, Caller] = {}
        self._present: dict[Presence, Caller] = {}
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
            Unauthorized: nobody's, or one that has expired.
            AccountDisabled: it is that of an account that is disabled.
        """
        hash = _hash(key)
        caller = self._callers.get(hash)
        if caller is None:
            caller = await self._look_up(hash)
        now = self._clock()
        if caller.expires_at is not None and now >= caller.expires_at:
            raise Unauthorized("The API key is not valid any more: it has expired.")
        self._uses.note(caller.key_id, now)
        return caller

    async def _look_up(self, hash: str) -> Caller:
        forgotten = self._forgotten

        async def work(reads: Reads) -> Caller:
            record = await reads.api_key_by_hash(hash)
            if record is None:
                raise Unauthorized("The API key is not valid: it is not known, or it was revoked.")
            account = await reads.account(record.account_id)
            if account is None or account.disabled_at is not None:
                raise AccountDisabled
            rate = self._rate if record.rate_limit is None else parse_rate(record.rate_limit)
            return Caller(record.account_id, record.id, record.role, record.expires_at, rate)

        caller = await self._store.read(work)
        # What was revoked while it was looked up must not be remembered.
        if self._remembers and forgotten == self._forgotten and len(self._callers) < _REMEMBERED:
            self._callers[hash] = caller
        return caller

    @contextmanager
    def attended(self, caller: Caller, presence: Presence) -> Iterator[None]:
        """While somebody waits: as soon as their key ends, or their account is disabled, nothing is kept for them.

        Look up their key once more after the beginning: it may have ended just before.
        """
        self._present[presence] = caller
        end = None
        if caller.expires_at is not None:
            seconds = (caller.expires_at - self._clock()) / 1_000
            end = asyncio.get_running_loop().call_later(max(seconds, 0), presence.leave)
        try:
            yield
        finally:
            del self._present[presence]
            if end is not None:
                end.cancel()

    def forget(self, ids: Collection[str] | None = None) -> None:
        """These keys, or those of these accounts, have ended: who waits with one is sent away. Without ids, any may
        have been revoked. Who comes with one is looked up again."""
        self._forgotten += 1
        for presence, caller in list(self._present.items()):
            if ids is not None and (caller.key_id in ids or caller.account_id in ids):
                presence.leave()
        self._callers = {
            hash: caller
            for hash, caller in self._callers.items()
            if ids is not None and caller.key_id not in ids and caller.account_id not in ids
        }

    def remember(self, may: bool) -> None:
        """Whether callers may be remembered: not while nobody would tell that a key was revoked."""
        self._remembers = may
        self.forget()

    async def create(
        self,
        account_id: str,
        title: str,
        role: Role = "admin",
        expires_at: int | None = None,
        by: Actor = SYSTEM,
        rate_limit: str | None = None,
    ) -> tuple[ApiKeyRecord, str]:
        """A new key with a role, and its record. It ends by itself at `expires_at`, if that is given.

        `rate_limit` is how many requests may be sent with it, in place of what the server allows.

        Raises:
            Invalid: the title is that of the key which the environment sets, or its end has passed already.
        """
        if title == ENVIRONMENT:
            raise Invalid(errors=(FieldError("title", f"{ENVIRONMENT} is the title of the key that it sets"),))
        if expires_at is not None and expires_at <= self._clock():
            raise Invalid(errors=(FieldError("expiresAt", "has passed already"),))
        record, key = self.made(account_id, title, role, expires_at)
        record = replace(record, rate_limit=rate_limit)

        async def work(transaction: Transaction) -> None:
            await transaction.insert_api_key(record)
            await note(transaction, "api_key.created", by, self._clock(), self._new_id, record, title=title, role=role)

        await self._store.write(work)
        return record, key

    async def list(self, account_id: str, part: Part) -> list[ApiKeyRecord]:
        """The keys that were not revoked, newest first."""
        return await self._store.read(lambda reads: reads.api_keys_of_account(account_id, part))

    async def revoke(self, account_id: str, id: str, by: Actor = SYSTEM) -> ApiKeyRecord:
        """End a key, from now on.

        Raises:
            NotFound: there is none.
        """

        async def work(transaction: Transaction) -> ApiKeyRecord:
            record = await transaction.api_key(account_id, id)
            if record is None:
                raise NotFound(f"There is no API key {id!r} in this account.")
            now = self._clock()
            await transaction.revoke_api_key(account_id, id, now)
            await note(transaction, "api_key.revoked", by, now, self._new_id, record, title=record.title)
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
            record, key = self.made(account.id, "admin")
            await transaction.insert_api_key(record)
            if keep is not None:
                keep(key)
            return key, []

        return work()

    async def _first_account(self, transaction: Transaction) -> AccountRecord:
        return await insert_account(transaction, "default", self._clock(), self._new_id)

    async def _set_environment_key(self, transaction: Transaction, account_id: str, key: str) -> Sequence[str]:
        if await transaction.api_key_by_hash(_hash(key)) is not None:
            return []
        former = await transaction.api_keys_by_title(account_id, ENVIRONMENT)
        for old in former:
            await transaction.revoke_api_key(account_id, old.id, self._clock())
        record = self._record(account_id, ENVIRONMENT, key)
        await transaction.insert_api_key(record)
        return [old.id for old in former]

    def made(
        self, account_id: str, title: str, role: Role = "admin", expires_at: int | None = None
    ) -> tuple[ApiKeyRecord, str]:
        """A new key that is not kept yet: its record, and the key."""
        key = PREFIX + secrets.token_urlsafe(32)
        return self._record(account_id, title, key, role, expires_at), key

    def _record(
        self, account_id: str, title: str, key: str, role: Role = "admin", expires_at: int | None = None
    ) -> ApiKeyRecord:
        return ApiKeyRecord(
            id=self._new_id(),
            account_id=account_id,
            title=title,
            prefix=key[:6],
            hash=_hash(key),
            created_at=self._clock(),
            revoked_at=None,
            role=role,
            expires_at=expires_at,
        )


async def insert_account(transaction: Transaction, title: str, now: int, new_id: NewId) -> AccountRecord:
    """A new account with its default pipeline: one slot, FIFO."""
    account = AccountRecord(id=new_id(), title=title, created_at=now)
    await transaction.insert_account(account)
    await transaction.insert_pipeline(PipelineRecord(new_id(), account.id, "default", 1, 1, now, now))
    return account


def _revoked(prepared: tuple[str | None, Sequence[str]]) -> Sequence[str]:
    return news.of_revoked(prepared[1])


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
