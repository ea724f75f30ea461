"""A database that ends, that starts again, that does not answer, and whose connections are cut."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from data_factory.store.sqlite.database import FILE_NAME
from tests.api.factory import Factory, made, new_key, refused, step, told
from tests.cable import Cable, Fate, is_commit
from tests.faults.conftest import IMPATIENT, PATIENCE, two_servers
from tests.faults.load import Ledger
from tests.faults.work import under_load
from tests.postgresql import PostgresServer
from tests.running import NO_TLS, Server, running_server, until

SILENCE = float(os.environ.get("SILENCE", "3"))
"""Seconds that a database does not answer."""

LONGEST = 2 * PATIENCE + 2.5
"""Seconds within which everybody is answered whatever happens, on a machine that is busy."""

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def servers_by_cable(postgres: PostgresServer, folder: Path) -> AsyncIterator[tuple[Cable, list[Server]]]:
    """Two servers, and the cable between them and their database."""
    async with Cable(postgres.port) as cable:
        context = two_servers(folder, cable.to(f"{postgres.url}/doomed"))
        pair = await asyncio.to_thread(context.__enter__)
        try:
            yield cable, pair
        finally:
            await asyncio.to_thread(context.__exit__, None, None, None)


@contextmanager
def silence_after_the_commit_of(word: bytes, cable: Cable) -> Iterator[None]:
    """The next transaction that writes this word is kept, and then nothing arrives any more."""
    silence = cable.silence()
    written = False

    def fate(message: bytes) -> Fate:
        nonlocal written
        written = written or word in message
        if written and is_commit(message):
            cable.fate = lambda _: Fate.PASS
            asyncio.get_running_loop().call_soon(silence.__enter__)
        return Fate.PASS

    cable.fate = fate
    yield
    silence.__exit__(None, None, None)


async def statuses_of(servers: list[Server]) -> list[int]:
    """Whether they are ready, which each says within a second, give or take what a busy machine needs."""
    async with httpx.AsyncClient() as client:
        answers = await asyncio.gather(*(client.get(f"{server.address}/health/ready") for server in servers))
    assert all(answer.elapsed.total_seconds() < 2.5 for answer in answers)
    return [answer.status_code for answer in answers]


def until_ready(server: Server) -> None:
    until(lambda: httpx.get(f"{server.address}/health/ready", verify=NO_TLS).status_code == 200, "it is ready again")


# -- it ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
async def test_the_database_restarts(doomed: PostgresServer, pair: list[Server], number: signal.Signals) -> None:
    """In good order, at once, and after a crash of one of its processes, which ends all others."""
    async with under_load(*pair) as ledger:
        rate = ledger.rate()
        if number is signal.SIGKILL:
            await asyncio.to_thread(crash_one_session, doomed)
        else:
            await asyncio.to_thread(doomed.stop, number)
            assert await statuses_of(pair) == [503, 503]
            await asyncio.to_thread(doomed.start)
        took = await ledger.until_fast(rate)
        await asyncio.gather(*(asyncio.to_thread(until_ready, server) for server in pair))
    assert set(ledger.statuses) <= {200, 201, 503, 504}
    assert ledger.slowest < LONGEST
    print(f"{number.name}: {rate:.0f} a second again after {took:.1f} s; {dict(ledger.statuses)}")


def crash_one_session(postgres: PostgresServer) -> None:
    """End a session of a server with `kill -9`; PostgreSQL then ends all, and recovers."""
    pid = postgres.sql(
        "SELECT pid FROM pg_stat_activity WHERE datname = 'doomed' AND pid <> pg_backend_pid() LIMIT 1",
    )
    os.kill(int(pid), signal.SIGKILL)


# -- it does not answer


async def silent(ledger: Ledger, servers: list[Server], seconds: float) -> None:
    """While the database is silent: nobody is ready, and everybody is told so."""
    began = time.monotonic()
    before = ledger.statuses[503]
    assert await statuses_of(servers) == [503] * len(servers)
    await asyncio.sleep(seconds - (time.monotonic() - began))
    assert await statuses_of(servers) == [503] * len(servers)
    assert ledger.statuses[503] > before


async def heard_again(ledger: Ledger, servers: list[Server], rate: float) -> None:
    """Once it answers again: full speed, and everybody is ready."""
    took = await ledger.until_fast(rate)
    await asyncio.gather(*(asyncio.to_thread(until_ready, server) for server in servers))
    print(f"{rate:.0f} a second again after {took:.1f} s; {dict(ledger.statuses)}, slowest {ledger.slowest:.1f} s")


async def test_postgresql_stops_answering(doomed: PostgresServer, pair: list[Server]) -> None:
    """Every process of it stands still, and then goes on as if nothing had been."""
    async with under_load(*pair) as ledger:
        rate = ledger.rate()
        with doomed.frozen():
            await silent(ledger, pair, SILENCE)
        await heard_again(ledger, pair, rate)
    assert ledger.slowest < LONGEST


async def test_the_network_to_postgresql_goes_silent(doomed: PostgresServer, tmp_path: Path) -> None:
    """No connection is closed, and none of those that there were ever says anything again."""
    async with servers_by_cable(doomed, tmp_path) as (cable, pair), under_load(*pair) as ledger:
        rate = ledger.rate()
        with cable.silence():
            await silent(ledger, pair, SILENCE)
        await heard_again(ledger, pair, rate)
    assert ledger.slowest < LONGEST


async def test_connections_are_cut_at_any_message(doomed: PostgresServer, tmp_path: Path) -> None:
    """In the middle of a transaction, with its COMMIT, and between that and its answer. Nobody even notices."""
    chance = random.Random(7)
    met: Counter[str] = Counter()

    def fate(message: bytes) -> Fate:
        """Many a commit is lost, or its answer; and now and then something else."""
        often = 0.08 if is_commit(message) else 0.004
        drawn = chance.random()
        if drawn > 2 * often or message[:1] not in (b"Q", b"S"):
            return Fate.PASS
        lost = Fate.LOSE if drawn < often else Fate.LOSE_ANSWER
        met[f"{'commit' if is_commit(message) else 'other'} {lost.name}"] += 1
        return lost

    async with servers_by_cable(doomed, tmp_path) as (cable, pair), under_load(*pair) as ledger:
        cable.fate = fate
        async with asyncio.timeout(60):
            while len(met) < 4 or min(met.values()) < 5:  # noqa: ASYNC110 - the servers are other processes
                await asyncio.sleep(0.05)
        cable.fate = lambda _: Fate.PASS
    print(dict(met), dict(ledger.statuses), f"slowest {ledger.slowest:.1f} s")
    assert set(ledger.statuses) <= {200, 201, 503}
    assert ledger.slowest < LONGEST


async def test_what_nobody_knows_is_said_to_those_who_must_not_ask_again(
    doomed: PostgresServer, tmp_path: Path
) -> None:
    """The database goes silent between a COMMIT and its answer. To repeat the launch is safe only with a key."""
    async with servers_by_cable(doomed, tmp_path) as (cable, [one, _]):
        with one.client() as client:
            factory = Factory(client)
            job = await asyncio.to_thread(factory.job, step(await asyncio.to_thread(factory.task)))
            word = new_key()
            body = {"jobId": job["id"], "input": {"word": word}}
            for headers, status, code in [
                ({}, 504, "outcome_unknown"),
                ({"Idempotency-Key": new_key()}, 503, "unavailable"),
            ]:
                with silence_after_the_commit_of(word.encode(), cable):
                    answer = await asyncio.to_thread(client.post, "/job_executions", json=body, headers=headers)
                    problem = refused(answer, status, code)
                    assert "not known yet whether this was done" in problem["message"]
                    assert ("retry-after" in answer.headers) == (status == 503)
                await asyncio.to_thread(until_ready, one)
            again = made(await asyncio.to_thread(client.post, "/job_executions", json=body, headers=headers))
            runs = told(await asyncio.to_thread(client.get, "/job_executions", params={"jobId": job["id"]}))["data"]
            assert len(runs) == 2 and runs[0] == again


async def test_another_program_locks_the_file(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", **IMPATIENT) as server:
        async with under_load(server) as ledger:
            rate = ledger.rate()
            with closing(sqlite3.connect(server.directory / FILE_NAME, isolation_level=None, timeout=20)) as other:
                other.execute("BEGIN IMMEDIATE")
                await asyncio.sleep(2 * PATIENCE)
                await silent(ledger, [server], SILENCE - 2 * PATIENCE)
            await heard_again(ledger, [server], rate)
    assert ledger.slowest < LONGEST


def test_many_who_wait_for_a_locked_file_wait_no_longer_than_one(tmp_path: Path) -> None:
    """They are not tried in turn, each batch for as long as the store takes to find out: that would be minutes."""
    with running_server(tmp_path / "data", **IMPATIENT) as server:
        with server.client(timeout=120) as client:
            factory = Factory(client)
            _, run, held = factory.held()
            ids = [held["id"], *("%024x" % number for number in range(999))]
            body = {"reports": [{"id": id, "status": "COMPLETED"} for id in ids]}
            with closing(sqlite3.connect(server.directory / FILE_NAME, isolation_level=None, timeout=20)) as other:
                other.execute("BEGIN IMMEDIATE")
                answer = client.post("/task_executions/report", json=body)
            refused(answer, 503, "unavailable")
            assert answer.headers["retry-after"] == "1"
            assert answer.elapsed.total_seconds() < LONGEST
            until_ready(server)
            assert factory.run(run)["status"] == "RUNNING"
            told(factory.report(held))
        assert server.stop() == 0
