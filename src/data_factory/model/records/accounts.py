"""What is kept of accounts and their API keys."""

from __future__ import annotations

import msgspec

from data_factory.model.status import Role

Record = msgspec.Struct


class AccountRecord(Record, frozen=True):
    """Who owns everything else."""

    id: str
    title: str
    created_at: int
    disabled_at: int | None = None


class ApiKeyRecord(Record, frozen=True):
    """A key to an account: its SHA-256, never the key itself."""

    id: str
    account_id: str
    title: str
    prefix: str
    hash: str
    created_at: int
    revoked_at: int | None
    role: Role = "admin"
    expires_at: int | None = None
    used_at: int | None = None
    rate_limit: str | None = None


class KeyUseRecord(Record, frozen=True):
    """When an API key was last used."""

    key_id: str
    used_at: int


class IdempotencyRecord(Record, frozen=True):
    """What a request with an `Idempotency-Key` made, so that its repeat is given the same."""

    account_id: str
    key: str
    fingerprint: str
    resource_id: str
    created_at: int
