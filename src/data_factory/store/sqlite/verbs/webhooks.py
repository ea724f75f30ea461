"""The verbs of webhooks and deliveries, on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from data_factory.model.records import DeliveryRecord, ReceiverRecord, WebhookRecord
from data_factory.store.promises import Slice
from data_factory.store.promises.failures import expect
from data_factory.store.sqlite.session import Session, array, as_dict


class Webhooks(Session):
    """The verbs of webhooks and deliveries."""

    async def webhook(self, account_id: str, id: str) -> WebhookRecord | None:
        return self._one(WebhookRecord, "webhook", account_id=account_id, id=id)

    async def webhooks_of_account(self, account_id: str, part: Slice) -> list[WebhookRecord]:
        return self._listed(WebhookRecord, "webhooks_of_account", part, account_id=account_id)

    async def delivery(self, account_id: str, id: str) -> DeliveryRecord | None:
        return self._one(DeliveryRecord, "delivery", account_id=account_id, id=id)

    async def deliveries_of_webhook(self, account_id: str, webhook_id: str, part: Slice) -> list[DeliveryRecord]:
        values = {"account_id": account_id, "webhook_id": webhook_id}
        return self._listed(DeliveryRecord, "deliveries_of_webhook", part, **values)

    async def deliveries_of_job(self, account_id: str, job_execution_id: str, part: Slice) -> list[DeliveryRecord]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        return self._listed(DeliveryRecord, "deliveries_of_job", part, **values)

    async def receivers_waiting(self, limit: int) -> list[ReceiverRecord]:
        return self._all(ReceiverRecord, "receivers_waiting", limit=limit)

    async def hold_webhooks_of(self, id: str) -> None:
        """Whoever writes is alone already."""

    async def expect_webhooks(self, account_id: str = "", pipeline_ids: Iterable[str] = ()) -> None:
        self._execute("expect_webhooks", account_id=account_id, pipeline_ids=array(pipeline_ids))

    async def webhooks_concerning(
        self, account_ids: Iterable[str], job_execution_ids: Iterable[str]
    ) -> list[WebhookRecord]:
        values = {"account_ids": array(account_ids), "job_execution_ids": array(job_execution_ids)}
        return self._all(WebhookRecord, "webhooks_concerning", **values)

    async def insert_webhook(self, webhook: WebhookRecord) -> None:
        self._execute("insert_webhook", **as_dict(webhook))

    async def update_webhook(self, webhook: WebhookRecord) -> None:
        expect(1, self._execute("update_webhook", **as_dict(webhook)).rowcount)

    async def delete_webhook(self, id: str) -> None:
        self._execute("delete_webhook", id=id)

    async def insert_deliveries(self, rows: Sequence[DeliveryRecord]) -> None:
        self._execute_all("insert_deliveries", rows)

    async def update_delivery(self, old: DeliveryRecord, new: DeliveryRecord) -> None:
        expected = {"expected_status": old.status, "expected_lease": old.lease}
        expect(1, self._execute("update_delivery", **as_dict(new), **expected).rowcount)

    async def hold_deliveries(
        self, wanted: Mapping[str, int], now: int, lease: str, until: int
    ) -> list[DeliveryRecord]:
        values = {"now": now, "lease": lease, "until": until}
        return [
            one
            for host, count in wanted.items()
            for one in self._all(DeliveryRecord, "hold_deliveries", host=host, count=count, **values)
        ]

    async def purge_deliveries(self, before: int, limit: int) -> int:
        ids = [id for (id,) in self._execute("old_deliveries", before=before, limit=limit)]
        if ids:
            self._execute("delete_webhooks_of_deliveries", ids=array(ids))
            self._execute("delete_deliveries", ids=array(ids))
        return len(ids)
