"""Webhooks and deliveries, as they are shown."""

from __future__ import annotations

from datetime import datetime

import msgspec

from data_factory.model.resources.shapes import Resource
from data_factory.model.status import DeliveryStatus, JobExecutionEnd


class Webhook(Resource, frozen=True, kw_only=True, tag="webhook"):
    """An address that is told of the end of job executions. `secret` is only in the answer that made it.

    `disabled_reason` says why the platform itself has made it inactive. What it is told is also signed with the secret
    that was replaced, until `former_secret_until`.
    """

    updated_at: datetime
    url: str
    statuses: tuple[JobExecutionEnd, ...]
    job_ids: tuple[str, ...]
    is_active: bool
    disabled_reason: str | None
    former_secret_until: datetime | None
    secret: str | None = None


class DeliveryAttempt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One time that a webhook was sent something: what it answered, or what went wrong, after how many milliseconds.
    `retry_after` is for how many seconds the receiver asked to be left alone.
    """

    at: datetime
    milliseconds: int
    status: int | None
    error: str | None
    retry_after: int


class WebhookDelivery(Resource, frozen=True, kw_only=True, tag="webhook_delivery"):
    """What a webhook was told, or is to be told. `id` is the `webhook-id` that it is sent with, however often."""

    webhook_id: str
    job_execution_id: str | None
    status: DeliveryStatus
    next_attempt_at: datetime | None
    ended_at: datetime | None
    attempts: tuple[DeliveryAttempt, ...]
