"""Secrets are sealed anew: all of them, wherever they are kept, once, and none that was changed meanwhile."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from data_factory.model.errors import SecretUnreadable
from data_factory.model.records import SealedRecord, SecretRecord, VariableRecord, WebhookRecord
from data_factory.service.deliveries import place
from data_factory.service.sealing import seal_anew
from data_factory.service.vault import Vault
from data_factory.store.promises import Store
from tests.store.conftest import House
from tests.store.rows import NOW, new_id

pytestmark = pytest.mark.anyio

FORMER, NEW = b"f" * 32, b"n" * 32


async def kept(store: Store, house: House, vault: Vault) -> WebhookRecord:
    """Two secrets, a plain variable, a former secret, and a webhook with two."""
    account = house.account.id
    webhook = WebhookRecord(
        id=(id := new_id()),
        account_id=account,
        job_execution_id=None,
        url="https://example.com",
        statuses="[]",
        job_ids="[]",
        is_active=1,
        disabled_reason=None,
        secret=vault.seal(account, place(id), "present"),
        former_secret=vault.seal(account, place(id), "former"),
        former_until=NOW,
        created_at=NOW,
        updated_at=NOW,
    )
    for key in ("one", "two"):
        secret = vault.seal(account, key, f"secret {key}")
        variable = VariableRecord(new_id(), account, key, "", "ACTIVE", 1, secret, NOW, NOW)
        await store.write(lambda t, variable=variable: t.insert_variable(variable))  # type: ignore[misc]
    plain = VariableRecord(new_id(), account, "plain", "", "ACTIVE", 0, "plain", NOW, NOW)
    await store.write(lambda t: t.insert_variable(plain))
    former = SecretRecord(account, "one", vault.seal(account, "one", "secret before"))
    await store.write(lambda t: t.retire_secret(former, NOW, 0))
    await store.write(lambda t: t.insert_webhook(webhook))
    return webhook


async def said(store: Store, house: House, webhook: WebhookRecord, vault: Vault) -> list[str]:
    account = house.account.id
    secrets = await store.read(lambda reads: reads.secrets_of_accounts([account]))
    found = await store.read(lambda reads: reads.webhook(account, webhook.id))
    assert found is not None
    assert found.former_secret is not None
    texts = [vault.unseal(one.value, account, one.key) for one in secrets]
    texts += [vault.unseal(one, account, place(webhook.id)) for one in (found.secret, found.former_secret)]
    return sorted(texts)


@pytest.mark.parametrize("at_a_time", [1, 100])
async def test_all_are_sealed_with_the_new_key_and_the_former_one_is_not_needed(
    store: Store, house: House, at_a_time: int
) -> None:
    webhook = await kept(store, house, Vault(FORMER))
    before = await said(store, house, webhook, Vault(NEW, FORMER))
    assert before == ["former", "present", "secret before", "secret one", "secret two"]
    assert await seal_anew(store, Vault(NEW, FORMER), at_a_time) == 5
    assert await said(store, house, webhook, Vault(NEW)) == before
    assert await seal_anew(store, Vault(NEW, FORMER)) == 0
    (plain,) = await store.read(lambda reads: reads.variables_by_key([(house.account.id, "plain")]))
    assert plain.value == "plain"


async def test_what_no_key_can_read_stops_it_and_what_was_done_stays(store: Store, house: House) -> None:
    webhook = await kept(store, house, Vault(FORMER))
    with pytest.raises(SecretUnreadable):
        await seal_anew(store, Vault(NEW))
    assert len(await said(store, house, webhook, Vault(FORMER))) == 5
    (one,) = await store.read(lambda reads: reads.sealed_otherwise(Vault(NEW).seals_with, 1))
    await store.write(lambda t: t.reseal(one, Vault(NEW).seal(one.account_id, one.key, "x")))
    assert await seal_anew(store, Vault(NEW, FORMER)) == 4


async def test_one_that_was_changed_meanwhile_keeps_its_new_value(store: Store, house: House) -> None:
    webhook = await kept(store, house, Vault(FORMER))
    found = await store.read(lambda reads: reads.sealed_otherwise(Vault(NEW).seals_with, 100))
    assert {one.place for one in found} == {"variable", "former", "webhook", "former webhook"}
    for one in found:
        stale: SealedRecord = replace(one, value=f"{one.value} as it was")
        await store.write(lambda t, stale=stale: t.reseal(stale, "too late"))  # type: ignore[misc]
    assert len(await said(store, house, webhook, Vault(FORMER))) == 5
