"""How often PostgreSQL is asked something for one command: each time is a round trip, which whoever waits waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator
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
from data_factory.store.postgresql.reads import PostgresqlReads
from data_factory.store.postgresql.rehearsal import REHEARSED
from data_factory.store.postgresql.statements import statements
from data_factory.store.promises import Reads
from tests.postgresql import Database
from tests.workshop import KEY, START, Orders, declare_job, declare_pipeline, declare_task, step

pytestmark = pytest.mark.anyio


class Counter(Orders):
    """One account with a job of three tasks, of which one batch after the other is done."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.url = database.url
        self.store = PostgresqlStore(self.url)
        self.blobs = DiskBlobs(folder)
        self.graphs, self.vault = Graphs(), Vault()
        self.taken: dict[str, int] = {}

    async def open(self) -> None:
        """Everything is there, and the graph of the job is made."""
        platform = Platform(self.store, self.blobs, clock=lambda: START, new_id=IdMaker(lambda: START))
        await platform.keys.prepare(KEY)
        super().__init__((await platform.keys.caller(KEY)).account_id, platform.new_id)
        self.task = await declare_task(platform, self.account_id, "work")
        wide = await declare_pipeline(platform, self.account_id, slots=9)
        steps = [step(name, self.task) for name in ("first", "second", "third")]
        self.job = await declare_job(platform, self.account_id, *steps, pipeline=wide)
        await self.together("the job is read", self.launch(self.job))

    async def together(self, name: str, *commands: Command) -> list[Any]:
        """Do them in a batch, and note how often the database is asked."""
        before = self.store.statements_run
        work = partial(
            run_batch, commands=commands, now=START, new_id=self.new_id, graphs=self.graphs, vault=self.vault
        )
        answers: list[Any] = (await self.store.write(work)).answers
        self.taken[name] = self.store.statements_run - before
        return answers

    async def work(self) -> None:
        """All that is done for a job, one thing at a time."""
        await self.together("launch", self.launch(self.job))
        ((held,),) = await self.together("claim", self.claim(self.task, claim_id="one"))
        await self.together("heartbeat", self.report(held, "IN_PROGRESS"))
        _, (held,) = await self.together("step", self.report(held), self.claim(self.task, claim_id="two"))
        await self.together("report", self.report(held))


@pytest.fixture
async def counter(database: Database, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Counter]:
    counter = Counter(database, tmp_path)
    await counter.open()
    yield counter
    await counter.store.close()


async def test_a_command_alone_takes_few_round_trips(counter: Counter) -> None:
    """BEGIN and COMMIT come on top; the number of the commit is among them."""
    await counter.work()
    await counter.together("the rest is claimed", counter.claim(counter.task, limit=9, claim_id="three"))
    await counter.together("claim in vain", counter.claim(counter.task, claim_id="four"))
    del counter.taken["the job is read"], counter.taken["the rest is claimed"]
    assert counter.taken == {"launch": 6, "claim": 6, "heartbeat": 4, "step": 9, "report": 7, "claim in vain": 4}


async def test_what_a_job_asks_is_planned_before_a_connection_is_used(counter: Counter) -> None:
    """All but what seals a commit, which cannot be done without one."""
    await counter.store.close()
    counter.store = PostgresqlStore(counter.url)

    async def planned(reads: Reads) -> set[str]:
        assert isinstance(reads, PostgresqlReads)
        rows = await reads._connection.fetch("SELECT statement FROM pg_prepared_statements")
        return {name for row in rows for name, known in statements().items() if known.sql == row[0]}

    before = await counter.store.read(planned)
    await counter.work()
    assert before >= set(REHEARSED)
    assert await counter.store.read(planned) - before == {"seal"}
