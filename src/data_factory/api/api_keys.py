"""API keys: made, listed, revoked."""

from __future__ import annotations

from typing import Final

from data_factory.api.call import Call
from data_factory.api.presenting import Wire, present_api_key
from data_factory.api.routing import PAGING, Routes
from data_factory.model.errors import NotFound
from data_factory.model.requests import KeyRequest
from data_factory.model.resources import ApiKey, Page

routes: Final = Routes("API keys")


@routes.post("/api_keys", body=KeyRequest, answer=ApiKey, status=201)
async def create_api_key(call: Call, body: KeyRequest) -> Wire:
    """Make an API key. The answer holds the key: it is shown now and never again."""
    expires_at = None if body.expires_at is None else int(body.expires_at.timestamp() * 1000)
    record, key = await call.platform.keys.create(
        call.account_id, body.title, body.role, expires_at, by=call.actor, rate_limit=body.rate_limit
    )
    return present_api_key(record, key)


@routes.get("/api_keys", answer=Page[ApiKey], query=PAGING)
async def list_api_keys(call: Call) -> Wire:
    """List the API keys that were not revoked, newest first."""
    found = await call.platform.keys.list(call.account_id, call.part())
    return call.listed(found, present_api_key, lambda record: str(record.id))


@routes.delete("/api_keys/{id}", answer=ApiKey, status=201, errors=(NotFound,))
async def revoke_api_key(call: Call) -> Wire:
    """Revoke an API key, at once."""
    return present_api_key(await call.platform.keys.revoke(call.account_id, call.path["id"], by=call.actor))
