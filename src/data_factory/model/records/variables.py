"""What is kept of variables and secrets."""

from __future__ import annotations

import msgspec

from data_factory.model.status import VariableStatus

Record = msgspec.Struct


class SealedRecord(Record, frozen=True):
    """A secret as it is encrypted, and where it is kept: a variable, a former secret, a webhook or its former secret.

    `key` is what it was sealed for, beside the account.
    """

    place: str
    account_id: str
    key: str
    value: str


class VariableRecord(Record, frozen=True):
    """A variable of an account. Of a secret, `value` is encrypted (see `service.vault`)."""

    id: str
    account_id: str
    key: str
    title: str
    status: VariableStatus
    is_secret: int
    value: str
    created_at: int
    updated_at: int


class SecretRecord(Record, frozen=True):
    """The encrypted value of a secret, as it is or as it once was."""

    account_id: str
    key: str
    value: str
