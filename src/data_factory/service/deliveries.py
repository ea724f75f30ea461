"""The loop that tells webhooks what they are to be told, when it is due.

Several servers share what is due: who sends something holds it by a lease, and when that ends without a word another
one sends it. So each is sent at least once, and a receiver knows what it has already by its `webhook-id`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from data_factory.engine import webhooks
from data_factory.engine.webhooks import GONE, Attempt
from data_factory.model.actors import SYSTEM
from data_factory.model.errors import SecretUnreadable, Unavailable
from data_factory.model.events import happened
from data_factory.model.ids import NewId
from data_factory.model.records import DeliveryRecord, EventRecord, JobExecutionRecord, ReceiverRecord, WebhookRecord
from data_factory.service.clock import Clock
from data_factory.service.receivers import Outbound, Receivers
from data_factory.service.vault import Vault
from data_factory.store.promises import Reads, StaleWrite, Store, Transaction

log = logging.getLogger(__name__)

AT_A_TIME: Final = 128
"""How many are sent at a time in all."""

OF_A_HOST: Final = 4
"""How many are sent to one host at a time; to one that did not answer the last time, a single one."""

LEASE_MS: Final = 60_000
"""How long one that is being sent is left alone by the others: longer than sending may take."""

KEEP_MS: Final = 30 * 24 * 3600 * 1000
"""How long it is kept how it went."""

MAX_PAYLOAD: Final = 256 * 1024
"""The most bytes that a receiver is sent; of a larger execution, input and output are left out."""

PURGE_AT_A_TIME: Final = 500

RETRY_S: Final = 1.0

_LOOK_AT_CLOCK_S: Final = 30.0
_PURGE_EVERY_MS: Final = 3600 * 1000
_GRACE_S: Final = 3.0
_MOST_HOSTS: Final = 1_000

ENDED: Final = "job_execution.ended"
TEST: Final = "webhook.test"

_encode: Final = msgspec.json.Encoder().encode


class Deliveries:
    """Sends what is due."""

    def __init__(self, store: Store, vault: Vault, clock: Clock, new_id: NewId, outbound: Outbound) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._new_id = new_id
        self._present = outbound.present
        self._receivers = Receivers(outbound.allow_private)
        self._busy: Counter[str] = Counter()
        self._failing: set[str] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._next: int | None = None
        self._purge_at = 0
        self._earlier = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def note(self, at: int | None) -> None:
        """There is something that comes due at this time."""
        if at is not None and (self._next is None or at < self._next):
            self._next = at
            self._earlier.set()

    def start(self) -> None:
        """Begin: first with what came due while nobody was looking."""
        if self._present is not None:
            self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End the loop. What is being sent is given a moment; what is not done then will be sent again."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=_GRACE_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._receivers.close()

    async def run_once(self, now: int) -> None:
        """Send all that is due, and forget what has been kept for long enough."""
        while await self._begin(now) or self._sending:
            await asyncio.wait(self._sending)
        await self.purge(now)

    async def purge(self, now: int) -> None:
        """Forget what ended long ago, a part at a time."""
        self._purge_at = now + _PURGE_EVERY_MS
        before = now - KEEP_MS

        async def work(transaction: Transaction) -> int:
            return await transaction.purge_deliveries(before, PURGE_AT_A_TIME)

        while await self._store.write(work) == PURGE_AT_A_TIME:
            pass

    async def _run(self) -> None:
        while True:
            try:
                now = self._clock()
                while await self._begin(now):
                    pass  # of a host that something is being sent to, more may be due soon: that is seen only then
                if now >= self._purge_at:
                    await self.purge(now)
                await self._until_due()
            except Unavailable as error:
                log.warning("webhooks could not be told; trying again: %s", error)
                await asyncio.sleep(RETRY_S)
            except Exception:  # whatever it is, time goes on
                log.exception("webhooks could not be told; trying again")
                await asyncio.sleep(RETRY_S)

    async def _until_due(self) -> None:
        while True:
            due = self._purge_at if self._next is None else min(self._next, self._purge_at)
            ahead = (due - self._clock()) / 1000
            if ahead <= 0:
                return
            self._earlier.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(ahead, _LOOK_AT_CLOCK_S)):
                    await self._earlier.wait()

    async def _begin(self, now: int) -> int:
        """Begin to send what is due, as far as there is room; how many."""
        self._next = None
        wanted = self._wanted(await self._store.ask(_receivers_waiting), now)
        if not wanted:
            return 0
        self.note(now + LEASE_MS)  # what another one takes at this moment may be due again then
        lease = secrets.token_hex(8)

        async def work(transaction: Transaction) -> list[DeliveryRecord]:
            return await transaction.hold_deliveries(wanted, now, lease, now + LEASE_MS)

        held = await self._store.write(work)
        for one in held:
            self._busy[one.host] += 1
            task = asyncio.create_task(self._send(one, now))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return len(held)

    def _wanted(self, waiting: list[ReceiverRecord], now: int) -> dict[str, int]:
        """How many are to be sent to each host. Of what is not due the time is noted; where there is no room, the end
        of what is being sent says when there is."""
        wanted: dict[str, int] = {}
        room = AT_A_TIME - len(self._sending)
        random.shuffle(waiting)  # or the last ones would never have a turn when there is more than there is room for
        for one in waiting:
            if one.due_at > now:
                self.note(one.due_at)
                continue
            most = 1 if one.host in self._failing else OF_A_HOST
            free = min(most - self._busy[one.host], room)
            if free > 0:
                wanted[one.host] = free
                room -= free
        return wanted

    async def _send(self, delivery: DeliveryRecord, now: int) -> None:
        try:
            webhook, execution = await self._store.read(lambda reads: _subject(reads, delivery))
            if why := _obstacle(delivery, webhook, execution):
                is_told = execution is not None  # or there is no timeline
                await self._settle(delivery, webhooks.given_up(delivery, why, now), is_told)
                return
            assert webhook is not None  # noqa: S101 - that would be an obstacle
            attempt = await self._attempt(webhook, delivery, execution, now)
            self._learn(delivery.host, attempt)
            after = webhooks.after(delivery, attempt, now + attempt.milliseconds, random.random())
            await self._settle(delivery, after, execution is not None, gone=attempt.status == GONE)
        except Unavailable as error:
            log.warning("what became of the webhook delivery %s could not be kept: %s", delivery.id, error)
        except Exception:
            log.exception("the webhook delivery %s could not be sent", delivery.id)
        finally:
            self._busy[delivery.host] -= 1
            if not self._busy[delivery.host]:
                del self._busy[delivery.host]
            self.note(now)

    async def _attempt(
        self, webhook: WebhookRecord, delivery: DeliveryRecord, execution: JobExecutionRecord | None, now: int
    ) -> Attempt:
        try:
            keys = secrets_of(self._vault, webhook, now)
        except SecretUnreadable as error:
            log.error("a webhook cannot be signed: %s", error.message)
            return Attempt(at=now, milliseconds=0, error="its secret cannot be read by this server")
        body = self._payload(webhook, delivery, execution)
        signed = webhooks.headers(keys, delivery.id, now // 1000, body)
        return await self._receivers.post(webhook.url, {"user-agent": "data-factory", **signed}, body, now)

    def _payload(self, webhook: WebhookRecord, delivery: DeliveryRecord, execution: JobExecutionRecord | None) -> bytes:
        if execution is None or self._present is None:
            return payload(TEST, delivery.created_at, {"webhookId": webhook.id})
        at = execution.ended_at or delivery.created_at
        shown = dict(self._present(execution))
        body = payload(ENDED, at, shown)
        if len(body) <= MAX_PAYLOAD:
            return body
        return payload(ENDED, at, {**shown, "input": {}, "output": {}, "variables": {}, "isTruncated": True})

    def _learn(self, host: str, attempt: Attempt) -> None:
        if attempt.status is None:
            self._failing.add(host)
        else:
            self._failing.discard(host)
        if len(self._failing) > _MOST_HOSTS:
            self._failing.clear()

    async def _settle(self, held: DeliveryRecord, after: DeliveryRecord, is_told: bool, gone: bool = False) -> None:
        """Keep how it went; that it was given up, in the timeline of the job execution too."""

        async def work(transaction: Transaction) -> None:
            await transaction.update_delivery(held, after)
            if is_told and after.status == "FAILED":
                await transaction.insert_events([self._given_up(after)])
            webhook = await transaction.webhook(held.account_id, held.webhook_id) if gone else None
            if webhook is not None:
                why = "it answered 410 Gone"
                await transaction.update_webhook(
                    replace(webhook, is_active=0, disabled_reason=why, updated_at=self._clock())
                )

        try:
            await self._store.write(work)
        except StaleWrite:
            log.info("the webhook delivery %s was sent by another server too", held.id)

    def _given_up(self, delivery: DeliveryRecord) -> EventRecord:
        last = webhooks.attempts_of(delivery)[-1]
        return happened(
            "webhook.given_up",
            SYSTEM,
            delivery.ended_at or 0,
            self._new_id,
            account_id=delivery.account_id,
            object_id=delivery.webhook_id,
            job_execution_id=delivery.job_execution_id,
            host=delivery.host,
            reason=last.error or f"it answered {last.status}",
        )


def payload(kind: str, at: int, data: dict[str, Any]) -> bytes:
    """What is sent, in the form of Standard Webhooks."""
    moment = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return _encode({"type": kind, "timestamp": moment, "data": data})


def place(webhook_id: str) -> str:
    """Under which key the secret of a webhook is sealed: no variable can have it."""
    return f"webhook {webhook_id}"


def secrets_of(vault: Vault, webhook: WebhookRecord, now: int) -> list[str]:
    """The secrets that what a webhook is told is signed with, the present one first.

    Raises:
        SecretUnreadable: the server has not the key for them.
    """
    sealed = [webhook.secret]
    if webhook.former_secret is not None and (webhook.former_until or 0) > now:
        sealed.append(webhook.former_secret)
    return [vault.unseal(one, webhook.account_id, place(webhook.id)) for one in sealed]


def _obstacle(
    delivery: DeliveryRecord, webhook: WebhookRecord | None, execution: JobExecutionRecord | None
) -> str | None:
    if webhook is None:
        return "the webhook was deleted"
    if not webhook.is_active and delivery.job_execution_id is not None:
        return "the webhook is not active"
    if execution is None and delivery.job_execution_id is not None:
        return "the job execution was deleted"
    return None


async def _subject(reads: Reads, delivery: DeliveryRecord) -> tuple[WebhookRecord | None, JobExecutionRecord | None]:
    webhook = await reads.webhook(delivery.account_id, delivery.webhook_id)
    if delivery.job_execution_id is None:
        return webhook, None
    return webhook, await reads.job_execution(delivery.account_id, delivery.job_execution_id)


async def _receivers_waiting(reads: Reads) -> list[ReceiverRecord]:
    return await reads.receivers_waiting(_MOST_HOSTS)
