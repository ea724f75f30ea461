"""How often PostgreSQL is asked something for one command: each time is a round trip, which whoever waits waits for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from data_factory.model.ids import IdMaker
from data_factory.service.batch import run_batch
from data_factory.service.commands import Command
from data_factory.service.graphs import Graphs
from data_factory.service.platform import Platform
from data_factory.service.vault import Vault
from data_factory.store.disk import DiskBlobs
from data_factory.store.postgresql import PostgresqlStore
from tests.postgresql import Database
from tests.workshop import KEY, START, Orders, declare_job, declare_pipeline, declare_task, step

pytestmark = pytest.mark.anyio


async def test_a_command_alone_takes_few_round_trips(database: Database, tmp_path: Path) -> None:
    """BEGIN and COMMIT come on top; the number of the commit is among them."""
    store, graphs, vault = PostgresqlStore(database.url), Graphs(), Vault()
    new_id = IdMaker(lambda: START)
    platform = Platform(store, DiskBlobs(tmp_path), clock=lambda: START, new_id=new_id)
    await platform.keys.prepare(KEY)
    orders = Orders((await platform.keys.caller(KEY)).account_id, new_id)
    task = await declare_task(platform, orders.account_id, "work")
    wide = await declare_pipeline(platform, orders.account_id, slots=9)
    steps = [step(name, task) for name in ("first", "second", "third")]
    job = await declare_job(platform, orders.account_id, *steps, pipeline=wide)
    taken: dict[str, int] = {}

    async def together(name: str, *commands: Command) -> list[Any]:
        before = store.statements_run
        work = partial(run_batch, commands=commands, now=START, new_id=new_id, graphs=graphs, vault=vault)
        answers: list[Any] = (await store.write(work)).answers
        taken[name] = store.statements_run - before
        return answers

    try:
        await together("the job is read", orders.launch(job))
        await together("launch", orders.launch(job))
        ((held,),) = await together("claim", orders.claim(task, claim_id="one"))
        await together("heartbeat", orders.report(held, "IN_PROGRESS"))
        _, (held,) = await together("step", orders.report(held), orders.claim(task, claim_id="two"))
        await together("report", orders.report(held))
        await together("the rest is claimed", orders.claim(task, limit=9, claim_id="three"))
        await together("claim in vain", orders.claim(task, claim_id="four"))
    finally:
        await store.close()
    del taken["the job is read"], taken["the rest is claimed"]
    assert taken == {"launch": 6, "claim": 6, "heartbeat": 4, "step": 9, "report": 7, "claim in vain": 4}
