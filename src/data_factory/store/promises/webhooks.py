"""What a store promises of webhooks and deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from data_factory.model.records import DeliveryRecord, ReceiverRecord, WebhookRecord
from data_factory.store.promises.parts import Slice


class WebhookReads(Protocol):
    """What can be asked of webhooks and deliveries."""

    async def webhook(self, account_id: str, id: str) -> WebhookRecord | None:
        """A webhook; in a transaction it stays as read until that ends."""
        ...

    async def webhooks_of_account(self, account_id: str, part: Slice) -> list[WebhookRecord]:
        """Those that are told of any job execution of the account."""
        ...

    async def delivery(self, account_id: str, id: str) -> DeliveryRecord | None: ...

    async def deliveries_of_webhook(self, account_id: str, webhook_id: str, part: Slice) -> list[DeliveryRecord]: ...

    async def deliveries_of_job(self, account_id: str, job_execution_id: str, part: Slice) -> list[DeliveryRecord]: ...

    async def receivers_waiting(self, limit: int) -> list[ReceiverRecord]:
        """The hosts that something is to be sent to, in the order of their names, and when the first of it is due."""
        ...


class WebhookWrites(Protocol):
    """What can be done of webhooks and deliveries."""

    async def hold_webhooks_of(self, id: str) -> None:
        """Be alone in making pipelines and webhooks of an account until the transaction ends; before all else."""
        ...

    async def expect_webhooks(self, account_id: str = "", pipeline_ids: Iterable[str] = ()) -> None:
        """All pipelines of an account, or these that are held, have webhooks from now on."""
        ...

    async def webhooks_concerning(
        self, account_ids: Iterable[str], job_execution_ids: Iterable[str]
    ) -> list[WebhookRecord]:
        """The active webhooks of these accounts, and of these job executions."""
        ...

    async def insert_webhook(self, webhook: WebhookRecord) -> None: ...

    async def update_webhook(self, webhook: WebhookRecord) -> None: ...

    async def delete_webhook(self, id: str) -> None: ...

    async def insert_deliveries(self, rows: Sequence[DeliveryRecord]) -> None: ...

    async def update_delivery(self, old: DeliveryRecord, new: DeliveryRecord) -> None:
        """Change what was read as `old`.

        Raises:
            StaleWrite: its status or its lease is not what it was read as.
        """
        ...

    async def hold_deliveries(
        self, wanted: Mapping[str, int], now: int, lease: str, until: int
    ) -> list[DeliveryRecord]:
        """What is due, of each host as many as are wanted, the earliest first: held under this lease, and due again
        then. What another transaction is just taking is not there."""
        ...

    async def purge_deliveries(self, before: int, limit: int) -> int:
        """Delete what ended before, the first of it, and with it the webhooks of those job executions; how many."""
        ...
