"""The secrets of a platform are sealed anew, with the first key of the vault, so that the others can be thrown away."""

from __future__ import annotations

from typing import Final

from data_factory.service.vault import Vault
from data_factory.store.promises import Store, Transaction

AT_A_TIME: Final = 100


async def seal_anew(store: Store, vault: Vault, at_a_time: int = AT_A_TIME) -> int:
    """Encrypt with its first key whatever another key of the vault has encrypted; how many secrets that were.

    It goes in transactions of so many, while servers are at work. What was done is not done again: whoever is
    interrupted begins anew. A secret that is changed meanwhile keeps its new value.

    Raises:
        NoSecretKey: the vault has no key.
        SecretUnreadable: none of its keys has encrypted one of them. Those before it are done.
    """

    async def work(transaction: Transaction) -> int:
        found = await transaction.sealed_otherwise(vault.seals_with, at_a_time)
        for secret in found:
            said = vault.unseal(secret.value, secret.account_id, secret.key)
            await transaction.reseal(secret, vault.seal(secret.account_id, secret.key, said))
        return len(found)

    done = 0
    while count := await store.write(work):
        done += count
    return done
