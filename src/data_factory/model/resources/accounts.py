"""Accounts, their API keys, and what people have done, as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from data_factory.model.resources.shapes import Resource, Who
from data_factory.model.status import Role


class ApiKey(Resource, frozen=True, kw_only=True, tag="api_key"):
    """An API key. `key` is the secret itself: only in the answer that made it, never again.

    `last_used_at` is up to a minute late. `rate_limit` is how many requests may be sent with it, null if it is the
    server's.
    """

    title: str
    prefix: str
    role: Role
    expires_at: datetime | None
    last_used_at: datetime | None
    rate_limit: str | None
    key: str | None = None


class Account(Resource, frozen=True, kw_only=True, tag="account"):
    """An account. `api_key` is its first admin key: only in the answer that made the account."""

    title: str
    disabled_at: datetime | None
    api_key: ApiKey | None = None


class Deed(Resource, frozen=True, kw_only=True, tag="audit_event"):
    """Something that somebody did: `action` to the thing `object_id`; `created_at` is when. `detail` names what it was
    done to, as it was then: never a payload, and never the value of a variable."""

    action: str
    object_id: str
    job_execution_id: str | None
    by: Who
    detail: dict[str, Any]
