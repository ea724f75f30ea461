"""Variables, as they are shown."""

from __future__ import annotations

from datetime import datetime

from data_factory.model.resources.shapes import Resource
from data_factory.model.status import VariableStatus


class Variable(Resource, frozen=True, kw_only=True, tag="variable"):
    """A variable. The `value` of a secret is never shown: it is empty. `secret` says the same as `isSecret`."""

    updated_at: datetime
    key: str
    name: str
    value: str
    status: VariableStatus
    is_secret: bool
    secret: bool
