"""Accounts: made, listed, renamed, disabled. All of it is the operator's, save to look at one's own."""

from __future__ import annotations

from typing import Final

from data_factory.api.call import Call
from data_factory.api.presenting import Wire, present_account, present_api_key
from data_factory.api.routing import PAGING, Routes
from data_factory.model.errors import NotFound, NotTheOperator, OperatorsAccount
from data_factory.model.requests import AccountRequest
from data_factory.model.resources import Account, ApiKey, Page

routes: Final = Routes("Accounts")

ECHOES: Final = frozenset({"object", "id", "createdAt", "disabledAt"})
"""What a client may send back unchanged in a PUT."""


@routes.post("/accounts", body=AccountRequest, answer=Account, status=201, errors=(NotTheOperator,))
async def create_account(call: Call, body: AccountRequest) -> Wire:
    """Make an account, with its default pipeline and its first admin key, which is shown now and never again."""
    account, record, key = await call.platform.accounts.create(call.account_id, body.title, by=call.actor)
    return present_account(account, present_api_key(record, key))


@routes.get("/accounts", answer=Page[Account], query=PAGING)
async def list_accounts(call: Call) -> Wire:
    """List the accounts, newest first; who is not the operator sees their own."""
    found = await call.platform.accounts.accounts(call.account_id, call.part())
    return call.listed(found, present_account, lambda account: str(account.id))


@routes.get("/accounts/{id}", answer=Account, errors=(NotFound,))
async def get_account(call: Call) -> Wire:
    """Get an account."""
    return present_account(await call.platform.accounts.account(call.account_id, call.path["id"]))


@routes.put(
    "/accounts/{id}",
    body=AccountRequest,
    echoes=ECHOES,
    answer=Account,
    status=201,
    errors=(NotFound, NotTheOperator),
)
async def update_account(call: Call, body: AccountRequest) -> Wire:
    """Give an account another title."""
    return present_account(
        await call.platform.accounts.rename(call.account_id, call.path["id"], body.title, by=call.actor)
    )


@routes.post("/accounts/{id}/disable", answer=Account, errors=(NotFound, NotTheOperator, OperatorsAccount))
async def disable_account(call: Call) -> Wire:
    """Refuse the keys of an account from now on, and start nothing of it; what runs is left alone."""
    return present_account(await call.platform.accounts.disable(call.account_id, call.path["id"], by=call.actor))


@routes.post("/accounts/{id}/enable", answer=Account, errors=(NotFound, NotTheOperator))
async def enable_account(call: Call) -> Wire:
    """Let an account go on where it was disabled."""
    return present_account(await call.platform.accounts.enable(call.account_id, call.path["id"], by=call.actor))


@routes.post(
    "/accounts/{id}/api_keys", body=AccountRequest, answer=ApiKey, status=201, errors=(NotFound, NotTheOperator)
)
async def create_account_key(call: Call, body: AccountRequest) -> Wire:
    """Make an admin key of an account, for who has lost theirs."""
    record, key = await call.platform.accounts.create_key(call.account_id, call.path["id"], body.title, by=call.actor)
    return present_api_key(record, key)
