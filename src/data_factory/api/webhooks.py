"""Webhooks: who is told of the end of job executions, and how that went."""

from __future__ import annotations

from typing import Final

import msgspec

from data_factory.api.call import Call
from data_factory.api.presenting import Wire, iso
from data_factory.api.routing import PAGING, Routes
from data_factory.model.definitions import WebhookDefinition
from data_factory.model.errors import DeliveryPending, IdempotencyKeyReused, NoSecretKey, NotFound, TooManyWebhooks
from data_factory.model.records import DeliveryRecord, WebhookRecord
from data_factory.model.resources import Page, Webhook, WebhookDelivery

routes: Final = Routes("Webhooks")

ECHOES: Final = frozenset({"object", "id", "createdAt", "updatedAt", "disabledReason", "formerSecretUntil", "secret"})
"""What a client may send back unchanged in a PUT."""


@routes.post(
    "/webhooks",
    body=WebhookDefinition,
    answer=Webhook,
    status=201,
    errors=(NoSecretKey, TooManyWebhooks, IdempotencyKeyReused),
    idempotent=True,
)
async def create_webhook(call: Call, body: WebhookDefinition) -> Wire:
    """Have an address told of the end of job executions. The secret that it is signed with is shown this once."""
    return present_webhook(
        *await call.platform.webhooks.create(call.account_id, body, call.idempotency(), by=call.actor)
    )


@routes.get("/webhooks", answer=Page[Webhook], query=PAGING)
async def list_webhooks(call: Call) -> Wire:
    """List the webhooks, newest first."""
    found = await call.platform.webhooks.webhooks(call.account_id, call.part())
    return call.listed(found, present_webhook, lambda webhook: str(webhook.id))


@routes.get("/webhooks/{id}", answer=Webhook, errors=(NotFound,))
async def get_webhook(call: Call) -> Wire:
    """Get a webhook."""
    return present_webhook(await call.platform.webhooks.webhook(call.account_id, call.path["id"]))


@routes.put("/webhooks/{id}", body=WebhookDefinition, echoes=ECHOES, answer=Webhook, status=201, errors=(NotFound,))
async def update_webhook(call: Call, body: WebhookDefinition) -> Wire:
    """Replace what a webhook is told, and where; its secret stays."""
    return present_webhook(await call.platform.webhooks.update(call.account_id, call.path["id"], body, by=call.actor))


@routes.delete("/webhooks/{id}", answer=Webhook, status=201, errors=(NotFound,))
async def delete_webhook(call: Call) -> Wire:
    """Delete a webhook: it is told nothing more, not even what is still to be sent."""
    return present_webhook(await call.platform.webhooks.delete(call.account_id, call.path["id"], by=call.actor))


@routes.post("/webhooks/{id}/rotate", answer=Webhook, errors=(NotFound, NoSecretKey))
async def rotate_webhook(call: Call) -> Wire:
    """Give a webhook a new secret, shown this once. For a day, what it is told is signed with the former one, too."""
    return present_webhook(*await call.platform.webhooks.rotate(call.account_id, call.path["id"], by=call.actor))


@routes.post("/webhooks/{id}/test", answer=WebhookDelivery, errors=(NotFound,))
async def try_webhook(call: Call) -> Wire:
    """Send a webhook something of the type `webhook.test`, to try it."""
    return present_delivery(await call.platform.webhooks.test(call.account_id, call.path["id"], by=call.actor))


@routes.get("/webhooks/{id}/deliveries", answer=Page[WebhookDelivery], query=PAGING, errors=(NotFound,))
async def list_deliveries(call: Call) -> Wire:
    """List what a webhook was told and how that went, newest first."""
    found = await call.platform.webhooks.deliveries(call.account_id, call.path["id"], call.part())
    return call.listed(found, present_delivery, lambda delivery: str(delivery.id))


@routes.get("/job_executions/{id}/webhooks", answer=Page[WebhookDelivery], query=PAGING, errors=(NotFound,))
async def list_execution_webhooks(call: Call) -> Wire:
    """List what webhooks were told of the end of a job execution and how that went, newest first."""
    found = await call.platform.webhooks.deliveries_of_execution(call.account_id, call.path["id"], call.part())
    return call.listed(found, present_delivery, lambda delivery: str(delivery.id))


@routes.post("/webhook_deliveries/{id}/resend", answer=WebhookDelivery, errors=(NotFound, DeliveryPending))
async def resend_delivery(call: Call) -> Wire:
    """Send again what was delivered, or was given up: with the same `webhook-id`."""
    return present_delivery(await call.platform.webhooks.resend(call.account_id, call.path["id"], by=call.actor))


def present_webhook(webhook: WebhookRecord, secret: str | None = None) -> Wire:
    """A `Webhook`; the secret only for who has just made it."""
    shown: Wire = {
        "object": "webhook",
        "id": webhook.id,
        "createdAt": iso(webhook.created_at),
        "updatedAt": iso(webhook.updated_at),
        "url": webhook.url,
        "statuses": msgspec.Raw(webhook.statuses.encode()),
        "jobIds": msgspec.Raw(webhook.job_ids.encode()),
        "isActive": bool(webhook.is_active),
        "disabledReason": webhook.disabled_reason,
        "formerSecretUntil": None if webhook.former_until is None else iso(webhook.former_until),
    }
    return shown if secret is None else {**shown, "secret": secret}


def present_delivery(delivery: DeliveryRecord) -> Wire:
    """A `WebhookDelivery`."""
    return {
        "object": "webhook_delivery",
        "id": delivery.id,
        "createdAt": iso(delivery.created_at),
        "webhookId": delivery.webhook_id,
        "jobExecutionId": delivery.job_execution_id,
        "status": delivery.status,
        "nextAttemptAt": None if delivery.due_at is None else iso(delivery.due_at),
        "endedAt": None if delivery.ended_at is None else iso(delivery.ended_at),
        "attempts": [{**one, "at": iso(one["at"])} for one in msgspec.json.decode(delivery.attempts)],
    }
