"""Variables: one a key in an account; what a secret once was is remembered for a while."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from data_factory.model.records import SecretRecord, VariableRecord
from data_factory.service.paging import Part
from data_factory.store.promises import ImpossibleWrite, StaleWrite, Store
from tests.store.conftest import House
from tests.store.rows import ALL, NOW, attempt, claimed, execution, ids, keep, new_id, started

pytestmark = pytest.mark.anyio


def variable(account_id: str, key: str, **changes: Any) -> VariableRecord:
    made = VariableRecord(
        id=new_id(),
        account_id=account_id,
        key=key,
        title="é \U0001f600 '--",
        status="ACTIVE",
        is_secret=0,
        value="a value",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(made, **changes)


async def kept(store: Store, *variables: VariableRecord) -> list[VariableRecord]:
    for one in variables:
        await store.write(lambda t, one=one: t.insert_variable(one))  # type: ignore[misc]
    return list(variables)


async def secrets(store: Store, house: House, key: str) -> set[str]:
    pair = (house.account.id, key)
    by_key = await store.read(lambda reads: reads.secrets_by_key([pair, (new_id(), key), ("not\0hing", key)]))
    every = await store.read(lambda reads: reads.secrets_of_accounts([house.account.id, new_id()]))
    assert {one.value for one in by_key} == {one.value for one in every if one.key == key}
    return {one.value for one in by_key}


async def test_a_variable_is_found_by_its_id_and_by_its_key_in_its_account_only(store: Store, house: House) -> None:
    account = house.account.id
    one, other = await kept(store, variable(account, "one"), variable(account, "other", is_secret=1))
    assert await store.read(lambda reads: reads.variable(account, one.id)) == one
    assert await store.write(lambda t: t.variable(account, one.id)) == one
    assert await store.read(lambda reads: reads.variable(new_id(), one.id)) is None
    pairs = [(account, "one"), (account, "other"), (account, "none"), (new_id(), "one"), (account, "not\0hing")]
    assert set(ids(await store.read(lambda reads: reads.variables_by_key(pairs)))) == {one.id, other.id}


async def test_they_are_listed_newest_first(store: Store, house: House) -> None:
    account = house.account.id
    variables = await kept(store, *(variable(account, f"v{number}") for number in range(4)))
    newest_first = ids(reversed(variables))
    assert ids(await store.read(lambda reads: reads.variables_of_account(account, ALL))) == newest_first
    part = Part(cursor=newest_first[0], limit=2)
    assert ids(await store.read(lambda reads: reads.variables_of_account(account, part))) == newest_first[1:3]
    assert await store.read(lambda reads: reads.variables_of_account(new_id(), ALL)) == []


async def test_a_key_is_taken_once_in_an_account(store: Store, house: House) -> None:
    await kept(store, variable(house.account.id, "taken"))
    with pytest.raises(ImpossibleWrite):
        await kept(store, variable(house.account.id, "taken"))


async def test_a_variable_is_changed_and_deleted(store: Store, house: House) -> None:
    account = house.account.id
    (one,) = await kept(store, variable(account, "one"))
    changed = replace(one, key="two", title="", status="INACTIVE", is_secret=1, value="sealed", updated_at=NOW + 1)
    await store.write(lambda t: t.update_variable(changed))
    assert await store.read(lambda reads: reads.variable(account, one.id)) == changed
    await store.write(lambda t: t.delete_variable(one.id))
    assert await store.read(lambda reads: reads.variable(account, one.id)) is None
    with pytest.raises(StaleWrite):
        await store.write(lambda t: t.update_variable(changed))


async def test_secrets_are_found_with_what_they_once_were_until_that_is_forgotten(store: Store, house: House) -> None:
    account = house.account.id
    assert await store.read(lambda reads: reads.any_secret()) is None
    await kept(store, variable(account, "token", is_secret=1, value="now"), variable(account, "plain", value="open"))
    assert await store.read(lambda reads: reads.any_secret()) == SecretRecord(account, "token", "now")
    for at, value in ((NOW, "first"), (NOW + 10, "second")):
        former = SecretRecord(account, "token", value)
        await store.write(lambda t, former=former, at=at: t.retire_secret(former, at, 0))  # type: ignore[misc]
    assert await secrets(store, house, "token") == {"now", "first", "second"}
    assert await secrets(store, house, "plain") == set()
    await store.write(lambda t: t.retire_secret(SecretRecord(account, "gone", "third"), NOW + 20, NOW + 10))
    assert await secrets(store, house, "token") == {"now", "second"}
    assert await secrets(store, house, "gone") == {"third"}


async def test_an_input_changes_with_its_hand_out_and_no_other(store: Store, house: House) -> None:
    run = started(execution(house.job))
    await keep(store, run)
    one, other = attempt(run, house.task.id, "one"), attempt(run, house.task.id, "other", input='{"same":1}')
    await keep(store, one, other)
    changed = [(one, replace(claimed(one), input='{"new":1}')), (other, claimed(other))]
    await store.write(lambda t: t.update_task_executions(changed))
    found = await store.write(lambda t: t.task_executions_of([one.id, other.id]))
    assert {row.id: row.input for row in found} == {one.id: '{"new":1}', other.id: '{"same":1}'}
