"""Two servers on one database whose clocks are a minute apart: nothing happens early, late or out of order for that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.api.factory import Factory
from tests.faults.conftest import two_servers
from tests.faults.work import under_load
from tests.postgresql import PostgresServer
from tests.running import Server

pytestmark = pytest.mark.anyio

OTHER_CLOCK = str(Path(__file__).with_name("other_clock"))


@pytest.fixture
def apart(doomed: PostgresServer, tmp_path: Path) -> Iterator[list[Server]]:
    """Two servers, one half a minute behind and the other half a minute ahead."""
    clocks = [{"PYTHONPATH": OTHER_CLOCK, "CLOCK_AHEAD": str(ahead)} for ahead in (-30, 30)]
    with two_servers(tmp_path, f"{doomed.url}/doomed", *clocks) as pair:
        yield pair


async def test_a_minute_apart_they_work_as_one(apart: list[Server]) -> None:
    """Leases of a worker that dies, taken at either server, end in time; under load nobody notices anything."""
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for server in apart]
        behind, ahead = [parsedate_to_datetime(client.get("/tasks").headers["date"]) for client in clients]
        assert 58 <= (ahead - behind).total_seconds() <= 62, "their clocks are not what this test is about"
        factories = [Factory(client) for client in clients]
        task = factories[0].task(retryCount=1, retryDelaySeconds=1)
        for factory, other in (factories, factories[::-1]):
            _, run = factory.waiting()
            assert abs((datetime.now(UTC) - datetime.fromisoformat(run["createdAt"])).total_seconds()) < 20
            job = other.job({"name": f"${{account}}/{task['key']}", "taskReferenceName": "only"})
            other.launch(job)
            [held] = factory.claim(task, leaseSeconds=1)
            began = time.monotonic()
            [again] = await asyncio.to_thread(other.claim, task, wait=20)
            assert again["attempt"] == 2
            assert 1.9 < time.monotonic() - began < 20, "a lease of a second, and a pause of one"
            assert factory.report(held, lease=held["lease"]).json()["code"] == "task_execution_timed_out"
    async with under_load(*apart) as ledger:
        await ledger.more(300)
    assert set(ledger.statuses) <= {200, 201, 503}
