"""The calls of accounts, of their API keys, and of what people have done."""

from __future__ import annotations

from datetime import datetime

from data_factory.client.call import Call, Listing, Pages
from data_factory.client.calls.parts import given, path_of
from data_factory.model.requests import AccountRequest, KeyRequest
from data_factory.model.resources import Account, ApiKey, Deed
from data_factory.model.status import Role


def list_audit(
    *,
    actor: str | None = None,
    action: str | None = None,
    object: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    size: int = 100,
) -> Pages[Deed]:
    """What people have done, newest first: by the key `actor`, to the thing `object` (ids); `action` is one, such as
    `job.published`, or all of one sort, such as `job`. Times need a zone. It needs an admin's key.

    >>> [deed.action for deed in client.audit.list(action="variable")]  # doctest: +SKIP
    """
    times = {name: None if at is None else at.isoformat() for name, at in (("since", since), ("until", until))}
    return Pages(
        path=path_of("audit"),
        result=Listing[Deed],
        size=size,
        params=given(actor=actor, action=action, object=object, **times),
    )


def create_api_key(
    title: str, *, role: Role = "admin", expires_at: datetime | None = None, rate_limit: str | None = None
) -> Call[ApiKey]:
    """Make an API key with a role. The answer holds the key itself, which cannot be read again.

    It ends by itself at `expires_at`, which has a time zone. `rate_limit` is how many requests may be sent with it:
    `50/min`, `10/s`, `1000/h`; without it, what the server allows.
    """
    body = KeyRequest(title=title, role=role, expires_at=expires_at, rate_limit=rate_limit)
    return Call(method="POST", path=path_of("api_keys"), body=body, result=ApiKey, repeat="unsent")


def list_api_keys(*, size: int = 100) -> Pages[ApiKey]:
    """The API keys of the account, newest first, without the keys themselves."""
    return Pages(path=path_of("api_keys"), result=Listing[ApiKey], size=size)


def revoke_api_key(api_key_id: str) -> Call[ApiKey]:
    """Revoke an API key: from now on it is refused."""
    return Call(method="DELETE", path=path_of("api_keys", api_key_id), result=ApiKey, repeat="unsent")


def create_account(title: str) -> Call[Account]:
    """Make an account with its default pipeline. The answer holds its first admin key, which cannot be read again."""
    body = AccountRequest(title=title)
    return Call(method="POST", path=path_of("accounts"), body=body, result=Account, repeat="unsent")


def get_account(account_id: str) -> Call[Account]:
    """An account."""
    return Call(method="GET", path=path_of("accounts", account_id), result=Account)


def list_accounts(*, size: int = 100) -> Pages[Account]:
    """The accounts, newest first; one's own, if that is not the operator's."""
    return Pages(path=path_of("accounts"), result=Listing[Account], size=size)


def rename_account(account_id: str, title: str) -> Call[Account]:
    """Give an account another title."""
    return Call(method="PUT", path=path_of("accounts", account_id), body=AccountRequest(title=title), result=Account)


def disable_account(account_id: str) -> Call[Account]:
    """Refuse the keys of an account from now on, and start nothing of it."""
    return Call(method="POST", path=path_of("accounts", account_id, "disable"), result=Account)


def enable_account(account_id: str) -> Call[Account]:
    """Let an account go on where it was disabled."""
    return Call(method="POST", path=path_of("accounts", account_id, "enable"), result=Account)


def create_account_key(account_id: str, title: str) -> Call[ApiKey]:
    """Make an admin key of an account, for who has lost theirs."""
    path = path_of("accounts", account_id, "api_keys")
    return Call(method="POST", path=path, body=AccountRequest(title=title), result=ApiKey, repeat="unsent")
