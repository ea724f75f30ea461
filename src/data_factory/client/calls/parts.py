"""What calls are put together from."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from data_factory.client.call import PREFIX, Call, Listing, Pages, Steps


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


K = TypeVar("K", bound=_Keyed)
R = TypeVar("R")


def path_of(*parts: str) -> str:
    """The path of a resource, from the names and the ids that it is made of."""
    if "" in parts:
        raise ValueError("an id is empty")
    return "/".join([PREFIX, *(quote(part, safe="") for part in parts)])


def given(**params: str | None) -> dict[str, str]:
    """The parameters that are asked for: those that are not None."""
    return {name: value for name, value in params.items() if value is not None}


def prefer(wait: float) -> dict[str, str]:
    """The header that asks the server to hold its answer back for so many seconds."""
    return {"Prefer": f"wait={math.ceil(wait)}"} if wait else {}


def keyed(idempotency_key: str | None) -> dict[str, str]:
    """The header by which a server knows that it is asked again for the same: with this key, or with one of its own."""
    return {"Idempotency-Key": idempotency_key or secrets.token_hex(16)}


def create_one(resource: str, body: Any, result: type[R], idempotency_key: str | None) -> Call[R]:
    """Make one of a resource, once, however often the request has to be repeated."""
    headers = keyed(idempotency_key)
    return Call(method="POST", path=path_of(resource), body=body, result=result, headers=headers, repeat="keyed")


def update_one(resource: str, resource_id: str, definition: Any, result: type[R]) -> Call[R]:
    """Replace one of a resource."""
    plain = dict(definition) if isinstance(definition, Mapping) else msgspec.to_builtins(definition)
    body = {**plain, "id": resource_id}
    return Call(method="PUT", path=path_of(resource, resource_id), body=body, result=result)


def find_one(pages: Pages[K], key: str) -> Steps[K | None]:
    """The one of a list that has this key, or None."""
    call: Call[Listing[K]] | None = pages.first()
    while call is not None:
        listing = yield from call
        for item in listing.data:
            if item.key == key:
                return item
        call = pages.after(call, listing)
    return None
