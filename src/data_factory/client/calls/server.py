"""What a server says of itself."""

from __future__ import annotations

from typing import Any, Final

from data_factory.client.call import PREFIX, Call

KNOWS_IDEMPOTENCY_KEYS: Final = Call(
    method="GET", path=f"{PREFIX}/pipelines", params={"size": "1"}, result=dict[str, Any]
)
"""Answered by a server that knows `Idempotency-Key`; 404 from the hosted platform, which does not."""


def health() -> Call[dict[str, Any]]:
    """What the server says of itself; `ServerFailed` if it is not ready. Needs no API key."""
    return Call(method="GET", path="/health/ready", result=dict[str, Any], repeat="unsent")
