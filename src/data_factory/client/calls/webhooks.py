"""The calls of webhooks: who is told of the end of job executions, and how that went."""

from __future__ import annotations

from collections.abc import Sequence

from data_factory.client.call import Call, Listing, Pages
from data_factory.client.calls.parts import keyed, path_of
from data_factory.model.definitions import WebhookDefinition
from data_factory.model.resources import Webhook, WebhookDelivery
from data_factory.model.status import JobExecutionEnd


def create_webhook(
    url: str,
    *,
    statuses: Sequence[JobExecutionEnd] = (),
    job_ids: Sequence[str] = (),
    is_active: bool = True,
    idempotency_key: str | None = None,
) -> Call[Webhook]:
    """Have an address told of the end of job executions; its `secret` is in this answer, and never again.

    >>> client.webhooks.create("https://example.com/ended", statuses=["FAILED"]).secret  # doctest: +SKIP
    """
    body = WebhookDefinition(url=url, statuses=tuple(statuses), job_ids=tuple(job_ids), is_active=is_active)
    headers = keyed(idempotency_key)
    return Call(method="POST", path=path_of("webhooks"), body=body, result=Webhook, headers=headers, repeat="unsent")


def get_webhook(webhook_id: str) -> Call[Webhook]:
    """The webhook with this id."""
    return Call(method="GET", path=path_of("webhooks", webhook_id), result=Webhook)


def list_webhooks(*, size: int = 100) -> Pages[Webhook]:
    """The webhooks of the account, newest first."""
    return Pages(path=path_of("webhooks"), result=Listing[Webhook], size=size)


def update_webhook(
    webhook_id: str,
    url: str,
    *,
    statuses: Sequence[JobExecutionEnd] = (),
    job_ids: Sequence[str] = (),
    is_active: bool = True,
) -> Call[Webhook]:
    """Replace what a webhook is told, and where; what is left out gets its default. Its secret stays."""
    body = WebhookDefinition(url=url, statuses=tuple(statuses), job_ids=tuple(job_ids), is_active=is_active)
    return Call(method="PUT", path=path_of("webhooks", webhook_id), body=body, result=Webhook)


def delete_webhook(webhook_id: str) -> Call[Webhook]:
    """Delete a webhook: it is told nothing more."""
    return Call(method="DELETE", path=path_of("webhooks", webhook_id), result=Webhook, repeat="unsent")


def rotate_webhook(webhook_id: str) -> Call[Webhook]:
    """Give a webhook a new secret, which is in this answer; the former one counts beside it for a day."""
    return Call(method="POST", path=path_of("webhooks", webhook_id, "rotate"), result=Webhook, repeat="unsent")


def try_webhook(webhook_id: str) -> Call[WebhookDelivery]:
    """Send a webhook something, to try it; `list_deliveries` says how that went."""
    path = path_of("webhooks", webhook_id, "test")
    return Call(method="POST", path=path, result=WebhookDelivery, repeat="unsent")


def list_deliveries(webhook_id: str, *, size: int = 100) -> Pages[WebhookDelivery]:
    """What a webhook was told and how that went, newest first."""
    return Pages(path=path_of("webhooks", webhook_id, "deliveries"), result=Listing[WebhookDelivery], size=size)


def list_execution_webhooks(job_execution_id: str, *, size: int = 100) -> Pages[WebhookDelivery]:
    """What webhooks were told of the end of a job execution and how that went, newest first."""
    path = path_of("job_executions", job_execution_id, "webhooks")
    return Pages(path=path, result=Listing[WebhookDelivery], size=size)


def resend_delivery(delivery_id: str) -> Call[WebhookDelivery]:
    """Send again what was delivered, or was given up, with the same `webhook-id`."""
    path = path_of("webhook_deliveries", delivery_id, "resend")
    return Call(method="POST", path=path, result=WebhookDelivery, repeat="unsent")
