"""Load on a server that comes and goes: launchers and workers that never give up, and a ledger of what they saw."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.running import KEY, until

PAUSE = 0.02
"""Seconds between two tries of the same request, while the server is away."""

LOST = 0.1
"""How often a client goes away before it has its answer."""

Json = dict[str, Any]


class Ledger:
    """What the clients were told. Nothing of it may turn out untrue."""

    def __init__(self) -> None:
        self.events = 0
        self.launched: dict[str, set[str]] = defaultdict(set)
        self.wanted: dict[str, tuple[str, int]] = {}
        self.ran: Counter[tuple[str, str, int]] = Counter()
        self.completed: set[tuple[str, str]] = set()
        self.violations: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.cut = 0

    def wait_for(self, events: int) -> None:
        """Return when that much more has happened."""
        reached = self.events + events
        until(lambda: self.events >= reached, "clients get answers", 60)

    def note_launch(self, key: str, kind: str, n: int, execution: Json) -> None:
        self.events += 1
        self.launched[key].add(execution["id"])
        self.wanted[execution["id"]] = (kind, n)

    def note_run(self, held: Json) -> None:
        step = (held["jobExecutionId"], held["taskReferenceName"])
        if step in self.completed:
            self.violations.append(f"{step} was completed, and is handed out again as {held['id']}")
        self.ran[(*step, held["attempt"])] += 1

    def note_verdict(self, held: Json, status: str, verdict: Json) -> None:
        self.events += 1
        if not verdict["accepted"]:
            self.violations.append(f"{held['id']} was refused: {verdict['code']}")
        elif status == "COMPLETED":
            self.completed.add((held["jobExecutionId"], held["taskReferenceName"]))


class Load:
    """Clients of the servers at these addresses: `launchers` that launch these jobs, and `workers` that do these tasks.
    Each request goes to any of the servers, as through a load balancer.

    The work is arithmetic: every step knows what it must give from its input, so an output that was lost, doubled or
    mixed up shows in the result of the job.
    """

    def __init__(self, addresses: list[str], jobs: dict[str, str], tasks: list[str], ledger: Ledger) -> None:
        self.ledger = ledger
        self._addresses = addresses
        self._jobs = jobs
        self._tasks = tasks
        self._random = random.Random(0)
        self._launching = True
        self._working = True
        self._client = httpx.AsyncClient(
            headers={"X-Api-Key": KEY},
            timeout=30,
            limits=httpx.Limits(max_connections=64),
        )

    @contextlib.asynccontextmanager
    async def running(self, launchers: int, workers: int) -> AsyncIterator[None]:
        """Under load; at its end the launchers stop and the workers go on until nothing is left to do."""
        async with self._client:
            workings = [asyncio.create_task(self._work(n)) for n in range(workers)]
            launchings = [asyncio.create_task(self._launch(n)) for n in range(launchers)]
            try:
                yield
                self._launching = False
                await asyncio.gather(*launchings)
                await self._drained()
                self._working = False
                await asyncio.gather(*workings)
            finally:
                for task in (*workings, *launchings):
                    task.cancel()

    async def call(self, method: str, path: str, body: Json | None = None, **headers: str) -> httpx.Response:
        """Send a request until it is answered otherwise than with 503; now and then go away before the answer."""
        while True:
            patience = 0.004 if self._random.random() < LOST else 30
            url = f"{self._random.choice(self._addresses)}/v1/data_factory{path}"
            try:
                answer = await self._client.request(method, url, json=body, headers=headers, timeout=patience)
            except httpx.TransportError:
                self.ledger.cut += 1
            else:
                self.ledger.statuses[answer.status_code] += 1
                if answer.status_code != 503:
                    return answer
            await asyncio.sleep(PAUSE)

    async def _launch(self, number: int) -> None:
        count = 0
        while self._launching:
            count += 1
            kind = self._random.choice(list(self._jobs))
            key = f"launch-{number}-{count}"
            body = {"jobId": self._jobs[kind], "input": {"n": count}}
            for _ in range(self._random.choice((1, 1, 1, 2))):  # some are said twice
                answer = await self.call("POST", "/job_executions", body, **{"Idempotency-Key": key})
                assert answer.status_code == 201, answer.text
                self.ledger.note_launch(key, kind, count, answer.json())

    async def _work(self, number: int) -> None:
        count = 0
        while self._working:
            count += 1
            body = {"taskIds": self._tasks, "limit": 5, "requestId": f"{number}-{count}", "workerId": f"w-{number}"}
            claimed = await self.call("POST", "/task_executions/claim", body, Prefer="wait=1")
            assert claimed.status_code == 200, claimed.text
            held = claimed.json()["data"]
            if not held:
                continue
            reports = []
            for one in held:
                self.ledger.note_run(one)
                status, output = done(one)
                reports.append({"id": one["id"], "status": status, "output": output, "lease": one["lease"]})
            answer = await self.call("POST", "/task_executions/report", {"reports": reports})
            assert answer.status_code == 200, answer.text
            for one, report, verdict in zip(held, reports, answer.json()["results"], strict=True):
                self.ledger.note_verdict(one, report["status"], verdict)

    async def _drained(self) -> None:
        for ids in self.ledger.launched.values():
            for id in ids:
                while (await self.call("GET", f"/job_executions/{id}", Prefer="wait=20")).json()["endedAt"] is None:
                    pass


def done(held: Json) -> tuple[str, Json]:
    """The work: a flaky step fails at its first attempt, every other gives one more than it was given."""
    if held["taskReferenceName"].startswith("flaky") and held["attempt"] == 1:
        return "FAILED", {"message": "the first time always fails"}
    return "COMPLETED", {"v": held["input"]["v"] + 1}
