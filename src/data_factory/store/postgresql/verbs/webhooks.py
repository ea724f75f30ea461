"""The verbs of webhooks and deliveries, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from data_factory.model.records import DeliveryRecord, ReceiverRecord, WebhookRecord
from data_factory.store.postgresql.session import Session, WritingSession, as_dict, columns
from data_factory.store.promises import Slice
from data_factory.store.promises.failures import expect


class WebhookReads(Session):
    """What can be asked of webhooks and deliveries."""

    async def webhook(self, account_id: str, id: str) -> WebhookRecord | None:
        return await self._one(WebhookRecord, "webhook", account_id=account_id, id=id)

    async def webhooks_of_account(self, account_id: str, part: Slice) -> list[WebhookRecord]:
        return await self._listed(WebhookRecord, "webhooks_of_account", part, account_id=account_id)

    async def delivery(self, account_id: str, id: str) -> DeliveryRecord | None:
        return await self._one(DeliveryRecord, "delivery", account_id=account_id, id=id)

    async def deliveries_of_webhook(self, account_id: str, webhook_id: str, part: Slice) -> list[DeliveryRecord]:
        values = {"account_id": account_id, "webhook_id": webhook_id}
        return await self._listed(DeliveryRecord, "deliveries_of_webhook", part, **values)

    async def deliveries_of_job(self, account_id: str, job_execution_id: str, part: Slice) -> list[DeliveryRecord]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        return await self._listed(DeliveryRecord, "deliveries_of_job", part, **values)

    async def receivers_waiting(self, limit: int) -> list[ReceiverRecord]:
        return await self._all(ReceiverRecord, "receivers_waiting", limit=limit)


class WebhookWrites(WebhookReads, WritingSession):
    """What can be done with webhooks and deliveries."""

    async def hold_webhooks_of(self, id: str) -> None:
        await self._fetch("hold_webhooks_of", id=id)

    async def expect_webhooks(self, account_id: str = "", pipeline_ids: Iterable[str] = ()) -> None:
        await self._execute("expect_webhooks", account_id=account_id, pipeline_ids=list(pipeline_ids))

    async def webhook(self, account_id: str, id: str) -> WebhookRecord | None:
        return await self._one(WebhookRecord, "hold_webhook", account_id=account_id, id=id)

    async def webhooks_concerning(
        self, account_ids: Iterable[str], job_execution_ids: Iterable[str]
    ) -> list[WebhookRecord]:
        values = {"account_ids": list(account_ids), "job_execution_ids": list(job_execution_ids)}
        return await self._all(WebhookRecord, "webhooks_concerning", **values)

    async def insert_webhook(self, webhook: WebhookRecord) -> None:
        await self._execute("insert_webhook", **as_dict(webhook))

    async def update_webhook(self, webhook: WebhookRecord) -> None:
        expect(1, await self._execute("update_webhook", **as_dict(webhook)))

    async def delete_webhook(self, id: str) -> None:
        await self._execute("delete_webhook", id=id)

    async def insert_deliveries(self, rows: Sequence[DeliveryRecord]) -> None:
        await self._insert_all("insert_deliveries", rows)

    async def update_delivery(self, old: DeliveryRecord, new: DeliveryRecord) -> None:
        expected = {"expected_status": old.status, "expected_lease": old.lease}
        expect(1, await self._execute("update_delivery", **as_dict(new), **expected))

    async def hold_deliveries(
        self, wanted: Mapping[str, int], now: int, lease: str, until: int
    ) -> list[DeliveryRecord]:
        self.wrote = True
        hosts, counts = columns(wanted.items(), 2)
        values = {"hosts": hosts, "counts": counts, "now": now, "lease": lease, "until": until}
        return await self._all(DeliveryRecord, "hold_deliveries", **values)

    async def purge_deliveries(self, before: int, limit: int) -> int:
        ids = await self._names("old_deliveries", before=before, limit=limit)
        if ids:
            await self._execute("delete_webhooks_of_deliveries", ids=ids)
            await self._execute("delete_deliveries", ids=ids)
        return len(ids)
