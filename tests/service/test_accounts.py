"""Accounts: made by the operator, disabled, and enabled again with nothing lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from data_factory.model.errors import AccountDisabled, NotFound, NotTheOperator, OperatorsAccount
from data_factory.service.commands import Cancel
from data_factory.service.paging import Part
from tests.factory import Factory, factory
from tests.workshop import KEY, Orders, declare_job, declare_task, step

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(anyio_backend: str) -> AsyncIterator[Factory]:
    async with factory() as here:
        yield here


async def test_a_disabled_account_starts_nothing_and_goes_on_when_it_is_enabled(here: Factory) -> None:
    platform = here.platform
    account, _, key = await platform.accounts.create(here.account_id, "theirs")
    theirs = Orders((await platform.keys.caller(key)).account_id, platform.new_id)
    assert theirs.account_id == account.id
    work = await declare_task(platform, account.id, "work")
    job = await declare_job(platform, account.id, step("first", work), periodicity=[{"cronExpression": "0 * * * *"}])
    running = await platform.executions.launch(theirs.launch(job))
    waiting = await platform.executions.launch(theirs.launch(job))
    assert (running.status, waiting.status) == ("RUNNING", "PENDING")

    for _ in range(2):  # the second time changes nothing
        disabled = await platform.accounts.disable(here.account_id, account.id)
        assert disabled.disabled_at == here.now
        with pytest.raises(AccountDisabled):
            await platform.keys.caller(key)
    await platform.executions.cancel(Cancel(account.id, running.id, ""))
    here.now += 3_600_000
    await platform.timers.run_once()
    await here.settle()
    executions = await platform.executions.job_executions(account.id, Part())
    assert [(one.id, one.status) for one in executions] == [(waiting.id, "PENDING"), (running.id, "TERMINATED")]

    for _ in range(2):
        assert (await platform.accounts.enable(here.account_id, account.id)).disabled_at is None
        await platform.keys.caller(key)
    assert (await platform.executions.job_execution(account.id, waiting.id)).status == "RUNNING"
    here.now += 3_600_000
    await platform.timers.run_once()
    executions = await platform.executions.job_executions(account.id, Part())
    assert [one.origin for one in executions] == ["PERIODIC", "API", "API"]


async def test_only_the_first_account_is_the_operator_s(here: Factory) -> None:
    accounts = here.platform.accounts
    here.now -= 1_000_000_000  # a clock that was set back makes no other account the first
    made, _, key = await accounts.create(here.account_id, "theirs")
    with pytest.raises(NotTheOperator):
        await accounts.create(made.id, "more")
    with pytest.raises(NotTheOperator):
        await accounts.rename(made.id, made.id, "mine")
    with pytest.raises(NotFound):
        await accounts.disable(made.id, here.account_id)
    with pytest.raises(NotTheOperator):
        await accounts.enable(made.id, made.id)
    with pytest.raises(NotFound):
        await accounts.create_key(made.id, here.account_id, "in")
    with pytest.raises(OperatorsAccount):
        await accounts.disable(here.account_id, here.account_id)
    assert [one.id for one in await accounts.accounts(made.id, Part())] == [made.id]
    assert [one.id for one in await accounts.accounts(here.account_id, Part())] == [made.id, here.account_id]
    assert (await here.platform.keys.caller(key)).role == "admin"
    await here.platform.keys.caller(KEY)


async def test_who_has_lost_their_key_is_given_another(here: Factory) -> None:
    made, first, key = await here.platform.accounts.create(here.account_id, "theirs")
    await here.platform.keys.revoke(made.id, first.id)
    _, another = await here.platform.accounts.create_key(here.account_id, made.id, "again")
    assert (await here.platform.keys.caller(another)).account_id == made.id != here.account_id
    assert another != key
