"""The webhooks of the accounts: who is told of the end of job executions, and how that went."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec.structs import replace

from data_factory.engine import webhooks as rules
from data_factory.engine.webhooks import SECRET_PREFIX
from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.definitions import LaunchWebhook, WebhookDefinition
from data_factory.model.errors import (
    DeliveryPending,
    FieldError,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    TooManyWebhooks,
)
from data_factory.model.ids import NewId
from data_factory.model.records import DeliveryRecord, IdempotencyRecord, WebhookRecord
from data_factory.service import news
from data_factory.service.audit import note
from data_factory.service.batch import IDEMPOTENCY_MS
from data_factory.service.clock import Clock
from data_factory.service.commands import IdempotencyKey
from data_factory.service.deliveries import place
from data_factory.service.paging import Part
from data_factory.service.receivers import Outbound, complaint_about, host_of
from data_factory.service.telling import delivery
from data_factory.service.vault import Vault
from data_factory.store.promises import Reads, Store, Transaction

MAX_WEBHOOKS: Final = 100
"""How many an account may have: each end of an execution looks at all of them."""

OVERLAP_MS: Final = 24 * 3600 * 1000
"""How long a secret that was replaced still counts."""

_SECRET_BYTES: Final = 32
_LEAST_BYTES: Final = 24
_MOST_BYTES: Final = 64


class Webhooks:
    """The webhooks of the accounts."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        clock: Clock,
        new_id: NewId,
        note: Callable[[int], None],
        outbound: Outbound,
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._new_id = new_id
        self._note = note
        self._outbound = outbound

    def of_launch(self, account_id: str, job_execution_id: str, given: LaunchWebhook) -> WebhookRecord:
        """The webhook of an execution that is to be launched.

        Raises:
            Invalid: its address or its secret is none.
            NoSecretKey: the server has no key to encrypt the secret with.
        """
        self._check_url(given.url, "webhook.url")
        _check_secret(given.secret, "webhook.secret")
        made = self._record(account_id, WebhookDefinition(url=given.url), given.secret)
        return replace(made, job_execution_id=job_execution_id)

    async def create(
        self,
        account_id: str,
        definition: WebhookDefinition,
        idempotency: IdempotencyKey | None = None,
        by: Actor = SYSTEM,
    ) -> tuple[WebhookRecord, str | None]:
        """Make a webhook; its secret is shown now, and never again, not even to a repeat of the request.

        Raises:
            Invalid: its address is none that may be called.
            NoSecretKey: the server has no key to encrypt the secret with.
            TooManyWebhooks: the account has as many as it may have.
        """
        self._check_url(definition.url, "url")
        secret = new_secret()
        made = self._record(account_id, definition, secret)

        async def work(transaction: Transaction) -> tuple[WebhookRecord, str | None]:
            await transaction.hold_webhooks_of(account_id)
            if idempotency is not None:
                for earlier in await transaction.idempotency_keys([(account_id, idempotency.key)]):
                    if earlier.fingerprint != idempotency.fingerprint:
                        raise IdempotencyKeyReused
                    return await _webhook_of(transaction, account_id, earlier.resource_id), None
            if len(await transaction.webhooks_of_account(account_id, Part(limit=MAX_WEBHOOKS))) == MAX_WEBHOOKS:
                raise TooManyWebhooks
            await transaction.expect_webhooks(account_id)
            await transaction.insert_webhook(made)
            await self._write_down(transaction, "webhook.created", by, made)
            if idempotency is not None:
                key = IdempotencyRecord(account_id, idempotency.key, idempotency.fingerprint, made.id, made.created_at)
                await transaction.insert_idempotency_keys([key], made.created_at - IDEMPOTENCY_MS)
            return made, secret

        return await self._store.write(work)

    async def webhook(self, account_id: str, id: str) -> WebhookRecord:
        """A webhook; NotFound when there is none."""
        return await self._store.ask(lambda reads: _webhook_of(reads, account_id, id))

    async def webhooks(self, account_id: str, part: Part) -> list[WebhookRecord]:
        """The webhooks of an account, newest first, without those of single executions."""
        return await self._store.ask(lambda reads: reads.webhooks_of_account(account_id, part))

    async def update(
        self, account_id: str, id: str, definition: WebhookDefinition, by: Actor = SYSTEM
    ) -> WebhookRecord:
        """Replace what a webhook is told and where; its secret stays.

        Raises:
            NotFound: there is none.
            Invalid: its address is none that may be called.
        """
        self._check_url(definition.url, "url")

        async def work(transaction: Transaction) -> WebhookRecord:
            present = await _webhook_of(transaction, account_id, id)
            changed = replace(
                present,
                url=definition.url,
                statuses=_texts(definition.statuses),
                job_ids=_texts(definition.job_ids),
                is_active=int(definition.is_active),
                disabled_reason=None if definition.is_active else present.disabled_reason,
                updated_at=self._clock(),
            )
            await transaction.update_webhook(changed)
            await self._write_down(transaction, "webhook.updated", by, changed)
            return changed

        return await self._store.write(work)

    async def rotate(self, account_id: str, id: str, by: Actor = SYSTEM) -> tuple[WebhookRecord, str]:
        """Give a webhook a new secret; for a day what it is told is signed with both.

        Raises:
            NotFound: there is none.
            NoSecretKey: the server has no key to encrypt the secret with.
        """
        secret = new_secret()

        async def work(transaction: Transaction) -> tuple[WebhookRecord, str]:
            present = await _webhook_of(transaction, account_id, id)
            now = self._clock()
            changed = replace(
                present,
                secret=self._vault.seal(account_id, place(id), secret),
                former_secret=present.secret,
                former_until=now + OVERLAP_MS,
                updated_at=now,
            )
            await transaction.update_webhook(changed)
            await self._write_down(transaction, "webhook.rotated", by, changed)
            return changed, secret

        return await self._store.write(work)

    async def delete(self, account_id: str, id: str, by: Actor = SYSTEM) -> WebhookRecord:
        """Delete a webhook: it is told nothing more, not even what is still to be sent.

        Raises:
            NotFound: there is none.
        """

        async def work(transaction: Transaction) -> WebhookRecord:
            present = await _webhook_of(transaction, account_id, id)
            await transaction.delete_webhook(id)
            await self._write_down(transaction, "webhook.deleted", by, present)
            return present

        return await self._store.write(work)

    async def test(self, account_id: str, id: str, by: Actor = SYSTEM) -> DeliveryRecord:
        """Send a webhook something, to try it; active or not.

        Raises:
            NotFound: there is none.
        """

        async def work(transaction: Transaction) -> DeliveryRecord:
            webhook = await _webhook_of(transaction, account_id, id)
            made = delivery(webhook, self._new_id(), None, self._clock())
            await transaction.insert_deliveries([made])
            await self._write_down(transaction, "webhook.tested", by, webhook)
            return made

        return self._noted(await self._store.write(work, tell=_due))

    async def resend(self, account_id: str, id: str, by: Actor = SYSTEM) -> DeliveryRecord:
        """Send again what was sent, or was given up, with the same `webhook-id`.

        Raises:
            NotFound: there is no such delivery.
            DeliveryPending: it is still to be sent.
        """

        async def work(transaction: Transaction) -> DeliveryRecord:
            present = await transaction.delivery(account_id, id)
            if present is None:
                raise NotFound(f"There is no webhook delivery {id!r} in this account.")
            if present.status == "PENDING":
                raise DeliveryPending
            changed = rules.again(present, self._clock())
            await transaction.update_delivery(present, changed)
            about = {"webhookId": changed.webhook_id, "jobExecutionId": changed.job_execution_id}
            await note(transaction, "webhook.resent", by, self._clock(), self._new_id, changed, **about)
            return changed

        return self._noted(await self._store.write(work, tell=_due))

    async def deliveries(self, account_id: str, id: str, part: Part) -> list[DeliveryRecord]:
        """What a webhook was told, newest first.

        Raises:
            NotFound: there is no such webhook.
        """

        async def work(reads: Reads) -> list[DeliveryRecord]:
            await _webhook_of(reads, account_id, id)
            return await reads.deliveries_of_webhook(account_id, id, part)

        return await self._store.read(work)

    async def deliveries_of_execution(self, account_id: str, job_execution_id: str, part: Part) -> list[DeliveryRecord]:
        """What webhooks were told of a job execution, newest first.

        Raises:
            NotFound: there is no such job execution.
        """

        async def work(reads: Reads) -> list[DeliveryRecord]:
            if await reads.job_execution(account_id, job_execution_id) is None:
                raise NotFound(f"There is no job execution {job_execution_id!r} in this account.")
            return await reads.deliveries_of_job(account_id, job_execution_id, part)

        return await self._store.read(work)

    async def _write_down(self, transaction: Transaction, kind: str, by: Actor, webhook: WebhookRecord) -> None:
        await note(transaction, kind, by, self._clock(), self._new_id, webhook, host=host_of(webhook.url))

    def _noted(self, made: DeliveryRecord) -> DeliveryRecord:
        self._note(made.due_at or 0)
        return made

    def _check_url(self, url: str, path: str) -> None:
        if complaint := complaint_about(url, self._outbound.allow_private):
            raise Invalid(errors=(FieldError(path, complaint),))

    def _record(self, account_id: str, definition: WebhookDefinition, secret: str) -> WebhookRecord:
        now, id = self._clock(), self._new_id()
        return WebhookRecord(
            id=id,
            account_id=account_id,
            job_execution_id=None,
            url=definition.url,
            statuses=_texts(definition.statuses),
            job_ids=_texts(definition.job_ids),
            is_active=int(definition.is_active),
            disabled_reason=None,
            secret=self._vault.seal(account_id, place(id), secret),
            former_secret=None,
            former_until=None,
            created_at=now,
            updated_at=now,
        )


def new_secret() -> str:
    """A new secret, as Standard Webhooks writes them."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(_SECRET_BYTES)).decode()


def _check_secret(secret: str, path: str) -> None:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise Invalid(errors=(FieldError(path, "expected `whsec_` and 24 to 64 bytes in Base64"),))


def _texts(values: tuple[str, ...]) -> str:
    return msgspec.json.encode(values).decode()


def _due(made: DeliveryRecord) -> list[str]:
    return news.of_deliveries(made.due_at or 0)


async def _webhook_of(reads: Reads, account_id: str, id: str) -> WebhookRecord:
    webhook = await reads.webhook(account_id, id)
    if webhook is None or webhook.job_execution_id is not None:
        raise NotFound(f"There is no webhook {id!r} in this account.")
    return webhook
