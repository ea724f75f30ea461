"""What there is to do under load, and whether it was done: all of it, once, in order, by no more than may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.api.factory import Factory, Json, step, told
from tests.faults.load import Ledger, Load
from tests.running import Server

STEPS = {"one": 1, "chain": 5, "serial": 2, "flaky": 2}
SLOTS = {"one": 1_000, "chain": 3, "serial": 1, "flaky": 20}

APART = timedelta(milliseconds=500)
"""By how much the clocks of two processes on one database may differ."""


@asynccontextmanager
async def under_load(*servers: Server, launchers: int = 2, workers: int = 4) -> AsyncIterator[Ledger]:
    """Servers at work. At the end all that was begun is finished, and what is there is what clients were told."""
    with servers[0].client() as client:  # in a thread: what is between the servers and their database may run in ours
        jobs, tasks = await asyncio.to_thread(publish, Factory(client))
    ledger = Ledger()
    load = Load([server.address for server in servers], {kind: job["id"] for kind, job in jobs.items()}, tasks, ledger)
    async with load.running(launchers, workers):
        await ledger.more(100)
        yield ledger
    assert not ledger.violations, ledger.violations[:5]
    assert ledger.cut > 0
    with servers[0].client() as client:
        alone = sum(int(server.settings.get("DATA_FACTORY_PROCESSES", "1")) for server in servers) == 1
        apart = timedelta(0) if alone else APART
        await asyncio.to_thread(check, Factory(client), jobs, ledger, apart)
    for server in servers:
        assert "Traceback" not in server.log


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


def check(factory: Factory, jobs: dict[str, Json], ledger: Ledger, apart: timedelta = timedelta(0)) -> None:
    """What the store has is what the clients were told. The times in it are of clocks that may be so far apart."""
    assert all(len(ids) == 1 for ids in ledger.launched.values()), "a launch was made twice"
    launched = {title: id for title, ids in ledger.launched.items() for id in ids}
    stored: dict[str, str] = {}
    expected: set[tuple[str, str, int]] = set()
    for kind, job in jobs.items():
        oldest_first = listed(factory, job)[::-1]
        assert_slots_and_order(oldest_first, SLOTS[kind], apart)
        for run in oldest_first:
            title = run["info"]["title"]
            assert title not in stored, "a launch was made twice"
            stored[title] = run["id"]
            assert (run["status"], run["output"]) == ("COMPLETED", {"v": ledger.wanted[title] + STEPS[kind]}), run
            expected |= set(attempts(run["id"], kind))
    assert launched.items() <= stored.items(), "a launch that was confirmed is not there"
    assert not ledger.refused & stored.keys(), "a launch that was refused happened all the same"
    assert stored.keys() <= launched.keys() | ledger.lost, "something is there that nobody has launched"
    assert ledger.ran.keys() == expected, "some step ran too often, or never"
    assert set(ledger.ran.values()) == {1}, "some attempt was given to two"


def attempts(id: str, kind: str) -> Sequence[tuple[str, str, int]]:
    """What is run for a job execution: its steps and their attempts."""
    if kind == "flaky":
        return [(id, f"flaky-{number}", attempt) for number in range(STEPS[kind]) for attempt in (1, 2)]
    return [(id, f"step-{number}", 1) for number in range(STEPS[kind])]


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
