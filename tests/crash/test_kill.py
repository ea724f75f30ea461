"""`kill -9` at any moment, and a start: nothing is lost, nothing is stuck, and nothing that was completed runs again.

CI kills a server five times under load. `CRASHES=50 make test ARGS="tests/crash"` does so for as long as it takes.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.api.factory import Factory, Json, made, new_key, step, told
from tests.crash.load import Ledger, Load
from tests.running import Server, until

CRASHES = int(os.environ.get("CRASHES", "5"))
STEPS = {"one": 1, "chain": 5, "serial": 2, "flaky": 2}
SLOTS = {"one": 1_000, "chain": 3, "serial": 1, "flaky": 20}

pytestmark = pytest.mark.anyio


def publish(factory: Factory) -> tuple[dict[str, Json], list[str]]:
    """A job of each kind in a pipeline of its own, and the tasks that they name."""
    plain, flaky = factory.task(), factory.task(retryCount=2, retryDelaySeconds=1)
    jobs = {}
    for kind, length in STEPS.items():
        steps: list[Json] = []
        for number in range(length):
            name, before = f"{'flaky' if kind == 'flaky' else 'step'}-{number}", "${%s.output.v}"
            given = {"v": before % steps[-1]["taskReferenceName"] if steps else "${workflow.input.n}"}
            steps.append(step(flaky if kind == "flaky" else plain, name, input=given))
        jobs[kind] = factory.job(*steps, slots=SLOTS[kind])
    return jobs, [plain["id"], flaky["id"]]


async def test_nothing_is_lost_and_nothing_is_done_twice(server: Server) -> None:
    with server.client() as client:
        jobs, tasks = publish(Factory(client))
    chance = random.Random(CRASHES)
    ledger = Ledger()
    load = Load([server.address], {kind: job["id"] for kind, job in jobs.items()}, tasks, ledger)
    async with load.running(launchers=4, workers=4):
        for _ in range(CRASHES):
            await asyncio.to_thread(ledger.wait_for, chance.randint(1, 400))
            server.kill()
            await asyncio.to_thread(server.start)
    assert ledger.violations == []
    assert ledger.cut > 0
    assert set(ledger.statuses) <= {200, 201}
    with server.client() as client:
        check(Factory(client), jobs, ledger)
    assert server.stop() == 0
    assert "Traceback" not in server.log


def check(factory: Factory, jobs: dict[str, Json], ledger: Ledger, apart: timedelta = timedelta(0)) -> None:
    """What the store has is what the clients were told. The times in it are of clocks that may be so far apart."""
    assert all(len(ids) == 1 for ids in ledger.launched.values()), "a launch was made twice"
    stored: dict[str, Json] = {}
    for kind, job in jobs.items():
        oldest_first = listed(factory, job)[::-1]
        stored |= {run["id"]: run for run in oldest_first}
        assert_slots_and_order(oldest_first, SLOTS[kind], apart)
    told_of = {id for ids in ledger.launched.values() for id in ids}
    assert stored.keys() == told_of, "what was launched and what is there differ"
    expected: set[tuple[str, str, int]] = set()
    for id, (kind, n) in ledger.wanted.items():
        run = stored[id]
        assert (run["status"], run["output"]) == ("COMPLETED", {"v": n + STEPS[kind]}), run
        for number in range(STEPS[kind]):
            name = f"{'flaky' if kind == 'flaky' else 'step'}-{number}"
            expected |= {(id, name, attempt) for attempt in ((1, 2) if kind == "flaky" else (1,))}
    assert ledger.ran.keys() == expected, "some step ran too often, or never"
    assert set(ledger.ran.values()) == {1}, "some attempt was given to two"


def assert_slots_and_order(oldest_first: list[Json], slots: int, apart: timedelta) -> None:
    started, ends = datetime.fromtimestamp(0, UTC) + apart, list[datetime]()
    for run in oldest_first:
        start, end = (datetime.fromisoformat(run[name]) for name in ("startedAt", "endedAt"))
        assert start >= started - apart, "a younger one started before an older one"
        started = max(started, start)
        ends = [end for end in ends if end > start + apart] + [end]
        assert len(ends) <= slots, "more run than there are slots"


def listed(factory: Factory, job: Json) -> list[Json]:
    """All executions of a job, newest first."""
    found: list[Json] = []
    params: dict[str, Any] = {"jobId": job["id"], "size": 100}
    while True:
        page = told(factory.api.get("/job_executions", params=params))
        found += page["data"]
        if page["nextCursor"] is None:
            return found
        params["cursor"] = page["nextCursor"]


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
        assert time.monotonic() - began < 1, "it did not happen at once"
        [second] = factory.claim(leased, wait=20)
        assert (second["attempt"], second["jobExecutionId"]) == (2, silent["id"])
        assert factory.report(late, lease=late["lease"]).json()["code"] == "task_execution_timed_out"
        assert factory.run(again)["status"] == "RUNNING"
        assert time.monotonic() - began < 5


def test_a_worker_that_is_at_work_when_it_dies_is_heard_afterwards(server: Server) -> None:
    """Its lease ended while nobody could hear it: that is not its fault."""
    with server.client() as client:
        factory = Factory(client)
        task, run = factory.waiting(retryCount=1)
        [held] = factory.claim(task, leaseSeconds=1)
    server.kill()
    pass_time(1.2)
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
