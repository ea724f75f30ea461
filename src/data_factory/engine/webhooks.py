"""Webhooks as Standard Webhooks has them: whom to tell, how it is signed, and when it is tried again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from data_factory.model.records import DeliveryRecord, JobExecutionRecord, WebhookRecord

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how one begins

DELAYS_S: Final = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
"""How long after each attempt the next one follows: ten in all, over three days."""

LONGEST_WAIT_S: Final = 24 * 3600
"""The longest `Retry-After` that is heeded."""

KEPT_ATTEMPTS: Final = 50
"""Of how many attempts it is kept how they went."""

JITTER: Final = 0.1

GONE: Final = 410

_SECONDS: Final = re.compile(r"\s*(\d{1,9})\s*")
_texts: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_encode: Final = msgspec.json.Encoder().encode


class Attempt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How one attempt went: the status that was answered, or what went wrong. `retry_after` is what the receiver asked
    for, in seconds."""

    at: int
    milliseconds: int
    status: int | None = None
    error: str | None = None
    retry_after: int = 0

    @property
    def is_good(self) -> bool:
        """Whether it was received."""
        return self.status is not None and 200 <= self.status < 300


_attempts: Final = msgspec.json.Decoder(tuple[Attempt, ...]).decode


def is_for(webhook: WebhookRecord, execution: JobExecutionRecord) -> bool:
    """Whether a webhook is to be told of the end of a job execution."""
    if webhook.job_execution_id is not None:
        return webhook.job_execution_id == execution.id
    statuses, job_ids = _texts(webhook.statuses), _texts(webhook.job_ids)
    return (
        webhook.account_id == execution.account_id
        and (not statuses or execution.status in statuses)
        and (not job_ids or execution.job_id in job_ids)
    )


def signature(secret: str, id: str, seconds: int, body: bytes) -> str:
    """One signature, as it stands in `webhook-signature`.

    >>> signature(
    ...     "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ...     "msg_p5jXN8AQM9LWM0D4loKWxJek",
    ...     1614265330,
    ...     b'{"test": 2432232314}',
    ... )
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = hmac.digest(key, f"{id}.{seconds}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def headers(secrets: Iterable[str], id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers of what is sent: signed with each of these secrets, so that one may be replaced."""
    return {
        "webhook-id": id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signature(secret, id, seconds, body) for secret in secrets),
    }


def retry_after(header: str) -> int:
    """How many seconds a receiver asks to be left alone, if it says so as a number; else 0.

    >>> retry_after("120"), retry_after("soon")
    (120, 0)
    """
    found = _SECONDS.fullmatch(header)
    return 0 if found is None else int(found[1])


def after(delivery: DeliveryRecord, attempt: Attempt, now: int, chance: float) -> DeliveryRecord:
    """A delivery after an attempt: told, to be tried again, or given up. `chance` is from 0 to 1: those that failed
    together do not come back together."""
    tried = replace(
        delivery,
        tries=delivery.tries + 1,
        attempts=_encode((*_attempts(delivery.attempts), attempt)[-KEPT_ATTEMPTS:]).decode(),
        lease=None,
    )
    if attempt.is_good:
        return replace(tried, status="DELIVERED", due_at=None, ended_at=now)
    if attempt.status == GONE or tried.tries > len(DELAYS_S):
        return replace(tried, status="FAILED", due_at=None, ended_at=now)
    delay = max(DELAYS_S[tried.tries - 1], min(attempt.retry_after, LONGEST_WAIT_S))
    return replace(tried, due_at=now + round(delay * 1000 * (1 + JITTER * chance)))


def given_up(delivery: DeliveryRecord, why: str, now: int) -> DeliveryRecord:
    """A delivery that cannot be sent any more."""
    last = after(delivery, Attempt(at=now, milliseconds=0, error=why), now, 0)
    return replace(last, status="FAILED", due_at=None, ended_at=now)


def again(delivery: DeliveryRecord, now: int) -> DeliveryRecord:
    """A delivery that has ended and is asked for again: due now, and tried as often as at first."""
    return replace(delivery, status="PENDING", tries=0, due_at=now, ended_at=None)


def attempts_of(delivery: DeliveryRecord) -> tuple[Attempt, ...]:
    """How the attempts went, the latest last."""
    return _attempts(delivery.attempts)
