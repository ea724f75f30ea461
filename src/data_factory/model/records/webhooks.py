"""What is kept of webhooks and deliveries."""

from __future__ import annotations

import msgspec

from data_factory.model.status import DeliveryStatus

Record = msgspec.Struct


class WebhookRecord(Record, frozen=True):
    """Who is told of the end of job executions: of those of an account, or of the one that `job_execution_id` names.

    `statuses` and `job_ids` are JSON arrays: of which ends, and of which jobs; empty is of all. The secrets are sealed;
    the former one counts as well until `former_until`.
    """

    id: str
    account_id: str
    job_execution_id: str | None
    url: str
    statuses: str
    job_ids: str
    is_active: int
    disabled_reason: str | None
    secret: str
    former_secret: str | None
    former_until: int | None
    created_at: int
    updated_at: int


class DeliveryRecord(Record, frozen=True):
    """What a webhook is told, or is to be told when it is due: of the end of a job execution, or of nothing, to try it.

    `attempts` are the latest, as JSON; `tries` counts those since it was last asked for. Who sends it holds it by a
    `lease`: when `due_at` comes and it has not ended, another one sends it.
    """

    id: str
    account_id: str
    webhook_id: str
    job_execution_id: str | None
    host: str
    status: DeliveryStatus
    tries: int
    attempts: str
    lease: str | None
    due_at: int | None
    ended_at: int | None
    created_at: int


class ReceiverRecord(Record, frozen=True):
    """A host that something is to be sent to, and when the first of it is due."""

    host: str
    due_at: int
