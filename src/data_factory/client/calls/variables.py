"""The calls of variables and secrets."""

from __future__ import annotations

from typing import Any

from data_factory.client.call import Call, Listing, Pages, Steps
from data_factory.client.calls.parts import create_one, find_one, given, path_of, update_one
from data_factory.model.resources import Variable
from data_factory.model.status import VariableStatus


def create_variable(
    key: str,
    value: str = "",
    *,
    name: str = "",
    secret: bool = False,
    status: VariableStatus = "ACTIVE",
    idempotency_key: str | None = None,
) -> Call[Variable]:
    """Make a variable, which jobs read as `${workflow.variable.<key>}`; a secret is never shown again.

    >>> client.variables.create("supplier_token", token, secret=True)  # doctest: +SKIP
    """
    body = {"key": key, "value": value, "name": name, "isSecret": secret, "status": status}
    return create_one("variables", body, Variable, idempotency_key)


def get_variable(variable_id: str) -> Call[Variable]:
    """The variable with this id; of a secret without its value."""
    return Call(method="GET", path=path_of("variables", variable_id), result=Variable)


def update_variable(
    variable_id: str,
    key: str,
    value: str | None = None,
    *,
    name: str = "",
    secret: bool = False,
    status: VariableStatus = "ACTIVE",
) -> Call[Variable]:
    """Replace a variable. What stays a secret, and is given no value, keeps the one that it has."""
    body: dict[str, Any] = {"key": key, "name": name, "isSecret": secret, "status": status}
    if value is not None:
        body["value"] = value
    return update_one("variables", variable_id, body, Variable)


def delete_variable(variable_id: str) -> Call[Variable]:
    """Delete a variable; jobs that read it are given an empty text from now on."""
    return Call(method="DELETE", path=path_of("variables", variable_id), result=Variable, repeat="unsent")


def list_variables(*, key: str | None = None, size: int = 100) -> Pages[Variable]:
    """The variables of the account, newest first, read `size` at a time."""
    return Pages(path=path_of("variables"), result=Listing[Variable], params=given(key=key), size=size)


def find_variable(key: str) -> Steps[Variable | None]:
    """The variable with this key, or None."""
    return find_one(list_variables(key=key), key)


def set_variable(key: str, value: str, *, secret: bool | None = None, name: str | None = None) -> Steps[Variable]:
    """Give the variable with this key a value, whether it is there or not; what is not given stays as it is."""
    present = yield from find_variable(key)
    if present is None:
        return (yield from create_variable(key, value, name=name or "", secret=bool(secret)))
    return (
        yield from update_variable(
            present.id,
            key,
            value,
            name=present.name if name is None else name,
            secret=present.is_secret if secret is None else secret,
            status=present.status,
        )
    )
