"""`kill -9` at any moment, and a start: nothing is lost, nothing is stuck, and nothing that was completed runs again.

CI kills a few servers under load. `CRASHES=50 make test ARGS="tests/faults/test_kill.py"` does so for as long as it
takes.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from data_factory.store.sqlite.database import FILE_NAME
from tests.api.factory import Factory, made, new_key, step, told
from tests.faults.work import under_load
from tests.running import Server, until

CRASHES = int(os.environ.get("CRASHES", "2"))

pytestmark = pytest.mark.anyio


async def test_nothing_is_lost_and_nothing_is_done_twice(server: Server) -> None:
    chance = random.Random(CRASHES)
    async with under_load(server) as ledger:
        rate = ledger.rate()
        for _ in range(CRASHES):
            await ledger.more(chance.randint(1, 200))
            server.kill()
            await asyncio.to_thread(server.start)
        await ledger.until_fast(rate)
    assert set(ledger.statuses) <= {200, 201}
    assert server.stop() == 0


async def test_when_one_of_two_servers_is_killed_the_other_goes_on(pair: list[Server]) -> None:
    """Their clients go to the other one, which takes over what was promised here: leases, polls, timers."""
    chance = random.Random(CRASHES)
    async with under_load(*pair) as ledger:
        rate = ledger.rate()
        for _ in range(CRASHES):
            await ledger.more(chance.randint(1, 100))
            killed = chance.choice(pair)
            killed.kill()
            await ledger.more(100)
            await asyncio.to_thread(killed.start)
        await ledger.until_fast(rate)
    assert set(ledger.statuses) <= {200, 201, 503}


def pass_time(seconds: float) -> None:
    """The server is another process: its clock is the machine's."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end, "time passes")


def test_what_came_due_while_it_was_down_happens_at_once(server: Server) -> None:
    """Retry, poll timeout, run timeout and job timeout at once; a lease once its worker could have been heard."""
    with server.client() as client:
        factory = Factory(client)
        retried, again, held = factory.held(retryCount=1, retryDelaySeconds=1)
        factory.report(held, "FAILED")
        _, unclaimed = factory.waiting(pollTimeoutSeconds=1)
        _, too_long, _ = factory.held(timeoutSeconds=1, responseTimeoutSeconds=600)
        slow = factory.launch(factory.job(step(factory.task()), timeoutSeconds=1))
        leased, silent = factory.waiting(retryCount=1, retryDelaySeconds=0)
        [late] = factory.claim(leased, leaseSeconds=1)
    server.kill()
    pass_time(1.2)
    server.start()
    began = time.monotonic()
    with server.client() as client:
        factory = Factory(client)
        assert [one["attempt"] for one in factory.claim(retried, wait=20)] == [2]
        for run in (unclaimed, too_long, slow):
            told(client.get(f"/job_executions/{run['id']}", headers={"Prefer": "wait=20"}))
            assert factory.run(run)["status"] == "TIMEDOUT"
        assert time.monotonic() - began < 10, "it did not happen at once"
        [second] = factory.claim(leased, wait=20)
        assert (second["attempt"], second["jobExecutionId"]) == (2, silent["id"])
        assert factory.report(late, lease=late["lease"]).json()["code"] == "task_execution_timed_out"
        assert factory.run(again)["status"] == "RUNNING"
        assert time.monotonic() - began < 20


def test_a_worker_that_is_at_work_when_it_dies_is_heard_afterwards(server: Server) -> None:
    """Its lease ended while nobody could hear it: that is not its fault."""
    with server.client() as client:
        factory = Factory(client)
        task, run = factory.waiting(retryCount=1)
        [held] = factory.claim(task, leaseSeconds=60)
    server.kill()
    with closing(sqlite3.connect(server.directory / FILE_NAME)) as database, database:
        over = "UPDATE task_executions SET lease_expires_at = lease_expires_at - 60000, timer_at = timer_at - 60000"
        assert database.execute(over).rowcount == 1
    server.start()
    with server.client() as client:
        factory = Factory(client)
        told(factory.report(held, "IN_PROGRESS", lease=held["lease"]))
        told(factory.report(held, lease=held["lease"]))
        assert (factory.run(run)["status"], len(factory.steps(run))) == ("COMPLETED", 1)


def test_killed_while_it_starts_for_the_first_time(tmp_path: Path) -> None:
    """Whatever of the schema, the account and the key was made before: the next start makes the rest."""
    young = Server(tmp_path / "young")
    for moment in (0.0, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6):
        young.launch()
        pass_time(moment)
        young.kill()
    with young, young.client() as client:
        factory = Factory(client)
        _, run, held = factory.held()
        told(factory.report(held))
        assert factory.run(run)["status"] == "COMPLETED"
        assert len([one for one in told(client.get("/pipelines"))["data"] if one["isDefault"]]) == 1
        assert len(told(client.get("/api_keys"))["data"]) == 1
        made(client.post("/tasks", json={"key": new_key()}))
