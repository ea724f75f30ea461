"""What several resources are made of, lists, and the answer to what cannot be done."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Resource(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="object"):
    """What every resource has: `object` says which it is, `id` which one."""

    id: str
    created_at: datetime


class Failure(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why an execution did not complete: a stable `code`, a message for people, and the task that it came from."""

    code: str
    message: str
    task_reference_name: str | None = None
    task_execution_id: str | None = None


class Paused(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Since when something is paused, by the API key with which id, and why."""

    since: datetime
    by: str = ""
    reason: str = ""


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True, rename="camel", tag_field="object", tag="list"):
    """Some of a list, newest first. `next_cursor` is what to send as `cursor` to go on; null at the end.

    An `incomplete` page is one of a find that has looked at enough for one request: there may be more behind the
    cursor.
    """

    data: tuple[T, ...]
    page: int
    size: int
    next_cursor: str | None
    incomplete: bool = False


class Who(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Who did something: an API key, with its title as it is now, and from which address; `origin` alone is the
    platform itself (`SYSTEM`, or by a job's schedule, `PERIODIC`)."""

    origin: str
    key_id: str | None = None
    title: str | None = None
    address: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An error answer: an RFC 9457 problem document, with the fields that clients of the platform look for."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    status_code: int
    errors: tuple[dict[str, str], ...] = ()
    request_id: str = ""
